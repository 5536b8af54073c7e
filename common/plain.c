/* plain: see plain.h. The vectors are the compiler's own (gcc and clang), so that this is SSE2 on
 * amd64, NEON on arm64, and plain code elsewhere. */
#include "plain.h"

#include <stdint.h>
#include <string.h>

typedef signed char block __attribute__((vector_size(16)));

size_t plain_run_on(const char *bytes, size_t length)
{
    size_t at = 0;
    uint64_t halves[2] = {0, 0};

    for (block b; length - at >= sizeof b; at += sizeof b) {
        memcpy(&b, bytes + at, sizeof b);
        /* Bytes above ASCII are negative here. */
        block other = (b < 0x20) | (b == '"') | (b == '\\') | (b == 0x7f);
        memcpy(halves, &other, sizeof halves);
        if (halves[0] | halves[1])
            break;
    }
    while (at < length && plain_is(bytes[at]))
        at++;
    return at;
}
