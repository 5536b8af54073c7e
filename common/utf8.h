/* utf8: the few questions we ask of Unicode text, answered by libunistring as Unicode 14 has it,
 * the version that Python 3.11 and so the reference spaCy see (libunistring 1.3 has 16). Lengths
 * are bytes unless a name says otherwise. */
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

/* Length in bytes (1-4) of the code point at `bytes`, of which at most `length` may be read; 0 when
 * it is not well-formed (Unicode, table 3-7). `length` is at least 1. */
static inline unsigned utf8_check(const char *bytes, size_t length)
{
    const unsigned char *b = (const unsigned char *)bytes;

    if (b[0] < 0x80)
        return 1;
    if (b[0] < 0xe0)
        return b[0] >= 0xc2 && length >= 2 && (b[1] & 0xc0) == 0x80 ? 2 : 0;
    if (length < 3 || (b[1] & 0xc0) != 0x80 || (b[2] & 0xc0) != 0x80)
        return 0;
    if (b[0] < 0xf0) /* no longer than need be, and no surrogate */
        return (b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] > 0x9f) ? 0 : 3;
    if (b[0] > 0xf4 || length < 4 || (b[3] & 0xc0) != 0x80)
        return 0;
    return (b[0] == 0xf0 && b[1] < 0x90) || (b[0] == 0xf4 && b[1] > 0x8f) ? 0 : 4;
}

/* Writes a code point (no surrogate, at most U+10FFFF); returns its length in bytes (1-4). */
static inline unsigned utf8_write(uint32_t code_point, char *out)
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xc0 | code_point >> 6);
        out[1] = (char)(0x80 | (code_point & 0x3f));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (char)(0xe0 | code_point >> 12);
        out[1] = (char)(0x80 | (code_point >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code_point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code_point >> 18);
    out[1] = (char)(0x80 | (code_point >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code_point >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code_point & 0x3f));
    return 4;
}

/* True if a version of Unicode after 14 assigned the code point and gave it properties that matter
 * here: for Python 3.11 it is no letter, no digit and its own lower case. */
bool utf8_is_later(uint32_t code_point);

/* White space as Python's str.isspace() has it: exactly 29 code points. */
bool utf8_is_space(uint32_t code_point);

/* Narrows *bytes and *length to what Python's str.strip() leaves. */
void utf8_trim(const char **bytes, size_t *length);

/* Appends the text as Python's str.lower() gives it (full mappings, final sigma in context).
 * Returns 0 or ERR_LIMIT. */
int utf8_lower(const char *bytes, size_t length, struct buf *out);

#endif
