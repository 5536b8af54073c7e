/* floats: see floats.h. */
#include "floats.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

float *floats_new(size_t count)
{
    void *block = NULL;

    if (count > SIZE_MAX / sizeof(float) - FLOATS_ALIGN ||
        posix_memalign(&block, FLOATS_ALIGN * sizeof(float),
                       (count + FLOATS_ALIGN) * sizeof(float)) != 0)
        panic("out of memory for %zu floats", count);
    return block;
}

float *floats_zero(size_t count)
{
    return memset(floats_new(count), 0, count * sizeof(float));
}
