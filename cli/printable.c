/* printable: see printable.h. */
#include "cli/printable.h"

#include <stdbool.h>

#include "common/err.h"
#include "common/utf8.h"

static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
           (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Length of the character at `text`, 0 where the bytes are none. */
static size_t measure(const char *text, size_t length)
{
    for (size_t step = 1; step <= 4 && step <= length; step++)
        if (utf8_valid(text, step))
            return step;
    return 0;
}

int printable_append(struct buf *out, const char *text, size_t length)
{
    while (length > 0) {
        size_t step = measure(text, length);
        uint32_t c = 0;
        if (step)
            utf8_next(text, &c);
        if (!step)
            buf_append(out, "?", 1);
        else if (is_control(c))
            buf_append(out, " ", 1);
        else
            buf_append(out, text, step);
        step += step == 0;
        text += step;
        length -= step;
    }
    return buf_failed(out) ? ERR_LIMIT : 0;
}
