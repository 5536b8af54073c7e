/* utf8: see utf8.h. */
#include "utf8.h"

#include <stdlib.h>
#include <unicase.h>
#include <unistr.h>

#include "err.h"

bool utf8_valid(const char *bytes, size_t length)
{
    return u8_check((const uint8_t *)bytes, length) == NULL;
}

size_t utf8_count(const char *bytes, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++)
        count += (bytes[i] & 0xc0) != 0x80;
    return count;
}

bool utf8_is_space(uint32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x1f);
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

void utf8_trim(const char **bytes, size_t *length)
{
    const char *start = *bytes, *end = *bytes + *length;
    uint32_t c;

    while (start < end) {
        unsigned step = utf8_next(start, &c);
        if (!utf8_is_space(c))
            break;
        start += step;
    }
    while (end > start) {
        const char *last = end - 1;
        while (last > start && (*last & 0xc0) == 0x80)
            last--;
        utf8_next(last, &c);
        if (!utf8_is_space(c))
            break;
        end = last;
    }
    *bytes = start;
    *length = (size_t)(end - start);
}

int utf8_lower(const char *bytes, size_t length, struct buf *out)
{
    size_t ascii = 0;

    while (ascii < length && !((unsigned char)bytes[ascii] & 0x80))
        ascii++;
    if (ascii == length) { /* nearly every text: no library call, no context to look at */
        char *room = buf_reserve(out, length);
        if (!room)
            return ERR_LIMIT;
        for (size_t i = 0; i < length; i++)
            room[i] = bytes[i] >= 'A' && bytes[i] <= 'Z' ? (char)(bytes[i] + 32) : bytes[i];
        room[length] = 0;
        out->length += length;
        return 0;
    }
    size_t lowered_length = 0;
    uint8_t *lowered =
        u8_tolower((const uint8_t *)bytes, length, NULL, NULL, NULL, &lowered_length);
    if (!lowered)
        panic("out of memory for lower-casing %zu bytes", length);
    int code = buf_append(out, lowered, lowered_length);
    free(lowered);
    return code;
}
