/* floats: blocks of floats as the loops over vectors want them: each begins on a cache line, and a
 * row of n takes floats_pad(n), so that it fills whole vectors, the next begins on a line as well,
 * and no loop has a tail. What is beyond n is zero. */
#ifndef NEWSMILL_NER_FLOATS_H
#define NEWSMILL_NER_FLOATS_H

#include <stddef.h>

#define FLOATS_ALIGN 16 /* of the widest vector there is */

static inline size_t floats_pad(size_t n)
{
    return (n + FLOATS_ALIGN - 1) / FLOATS_ALIGN * FLOATS_ALIGN;
}

/* A block not set to anything, or all zero; free() it. Panics when there is no memory. Pages that
 * are never touched cost nothing. */
float *floats_new(size_t count);
float *floats_zero(size_t count);

#endif
