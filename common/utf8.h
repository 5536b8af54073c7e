/* utf8: the few questions we ask of Unicode text, answered by libunistring 1.0 (Unicode 14, the
 * version that Python 3.11 and so the reference spaCy see). Lengths are bytes unless a name says
 * otherwise. */
#ifndef NEWSMILL_UTF8_H
#define NEWSMILL_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* True if the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool utf8_valid(const char *bytes, size_t length);

/* Number of code points in valid UTF-8. */
size_t utf8_count(const char *bytes, size_t length);

/* Decodes the code point at `bytes` of valid UTF-8; returns its length in bytes (1-4). */
static inline unsigned utf8_next(const char *bytes, uint32_t *code_point)
{
    const unsigned char *b = (const unsigned char *)bytes;

    if (b[0] < 0x80) {
        *code_point = b[0];
        return 1;
    }
    if (b[0] < 0xe0) {
        *code_point = (b[0] & 0x1fu) << 6 | (b[1] & 0x3fu);
        return 2;
    }
    if (b[0] < 0xf0) {
        *code_point = (b[0] & 0x0fu) << 12 | (b[1] & 0x3fu) << 6 | (b[2] & 0x3fu);
        return 3;
    }
    *code_point =
        (b[0] & 0x07u) << 18 | (b[1] & 0x3fu) << 12 | (b[2] & 0x3fu) << 6 | (b[3] & 0x3fu);
    return 4;
}

/* White space as Python's str.isspace() has it: exactly 29 code points. */
bool utf8_is_space(uint32_t code_point);

/* Narrows *bytes and *length to what Python's str.strip() leaves. */
void utf8_trim(const char **bytes, size_t *length);

/* Appends the text as Python's str.lower() gives it (full mappings, final sigma in context).
 * Returns 0 or ERR_LIMIT. */
int utf8_lower(const char *bytes, size_t length, struct buf *out);

#endif
