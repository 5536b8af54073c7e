/* json: see json.h. */
#include "json.h"

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "plain.h"
#include "utf8.h"

/* C0, DEL, C1, and the direction marks of Unicode's bidirectional algorithm (UAX #9, table 1). */
static bool is_control(uint32_t c)
{
    if (c < 0x61c)
        return c < 0x20 || (c >= 0x7f && c < 0xa0);
    return c <= 0x2069 && (c == 0x61c || c == 0x200e || c == 0x200f ||
                           (c >= 0x202a && c <= 0x202e) || c >= 0x2066);
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
    const char *end = bytes + length, *kept = bytes, *at = bytes;
    uint32_t c;

    buf_append(out, "\"", 1);
    while ((at += plain_run(at, (size_t)(end - at))) < end) {
        unsigned step = utf8_next(at, &c);
        if (c == '"' || c == '\\' || is_control(c)) {
            buf_append(out, kept, (size_t)(at - kept));
            append_escaped(out, c);
            kept = at + step;
        }
        at += step;
    }
    buf_append(out, kept, (size_t)(end - kept));
    return buf_append(out, "\"", 1);
}
