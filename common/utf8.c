/* utf8: see utf8.h. */
#include "utf8.h"

#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <unistr.h>

#include "err.h"
#include "unicode14.h"

static bool is_final_sigma(const char *start, const char *at, const char *after, const char *end);
static uint32_t lower_case(uint32_t c);

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

bool utf8_is_later(uint32_t c)
{
    size_t low = 0, high = UNICODE14_LATER_COUNT;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c > unicode14_later[middle][1])
            low = middle + 1;
        else
            high = middle;
    }
    return low < UNICODE14_LATER_COUNT && c >= unicode14_later[low][0];
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
    const char *end = bytes + length;
    for (const char *at = bytes, *after; at < end; at = after) {
        char lowered[4] = "i\u0307"; /* of U+0130, alone in having two code points */
        uint32_t c;
        int size = 3;
        after = at + utf8_next(at, &c);
        if (c == 0x3a3 && is_final_sigma(bytes, at, after, end))
            size = u8_uctomb((uint8_t *)lowered, 0x3c2, sizeof lowered);
        else if (c != 0x130)
            size = u8_uctomb((uint8_t *)lowered, lower_case(c), sizeof lowered);
        if (buf_append(out, lowered, (size_t)size) < 0)
            return ERR_LIMIT;
    }
    return 0;
}

/* These three as Unicode 14 has them, whatever libunistring's version. Beside what is new, six
 * characters have changed since. */
static uint32_t lower_case(uint32_t c)
{
    uint32_t lower = uc_tolower(c);

    return lower != c && utf8_is_later(c) ? c : lower;
}

static bool is_cased(uint32_t c)
{
    if (c == 0x10fc || (c >= 0xa7f2 && c <= 0xa7f4) || c == 0xab69)
        return false;
    return uc_is_property_cased(c) && !utf8_is_later(c);
}

static bool is_ignorable(uint32_t c)
{
    return c == 0x1171e || (uc_is_property_case_ignorable(c) && !utf8_is_later(c));
}

/* Final_Sigma of Unicode's SpecialCasing, which libunistring's u8_tolower() decides differently
 * around apostrophes: a cased letter before it and none after, case-ignorable ones skipped. */
static bool is_final_sigma(const char *start, const char *at, const char *after, const char *end)
{
    uint32_t c = 0;
    bool ignorable = true;

    while (ignorable && at > start) {
        do
            at--;
        while (at > start && (*at & 0xc0) == 0x80);
        utf8_next(at, &c);
        ignorable = is_ignorable(c);
    }
    if (ignorable || !is_cased(c))
        return false;
    for (ignorable = true; ignorable && after < end;) {
        after += utf8_next(after, &c);
        ignorable = is_ignorable(c);
    }
    return ignorable || !is_cased(c);
}
