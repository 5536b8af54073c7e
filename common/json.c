/* json: see json.h. */
#include "json.h"

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "utf8.h"

/* C0, DEL, C1, and the direction marks of Unicode's bidirectional algorithm (UAX #9, table 1). */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
           (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static int append_escaped(struct buf *out, uint32_t c)
{
    switch (c) {
    case '"':
        return buf_append_text(out, "\\\"");
    case '\\':
        return buf_append_text(out, "\\\\");
    case '\n':
        return buf_append_text(out, "\\n");
    case '\r':
        return buf_append_text(out, "\\r");
    case '\t':
        return buf_append_text(out, "\\t");
    default:
        return buf_printf(out, "\\u%04x", (unsigned)c);
    }
}

int json_append_string(struct buf *out, const char *bytes, size_t length)
{
    const char *end = bytes + length, *plain = bytes;
    uint32_t c;

    buf_append(out, "\"", 1);
    for (const char *at = bytes; at < end;) {
        unsigned step = utf8_next(at, &c);
        if (c == '"' || c == '\\' || is_control(c)) {
            buf_append(out, plain, (size_t)(at - plain));
            append_escaped(out, c);
            plain = at + step;
        }
        at += step;
    }
    buf_append(out, plain, (size_t)(end - plain));
    return buf_append(out, "\"", 1);
}
