/* fault: see fault.h. */
#include "fault.h"

#include <string.h>

#include "common/json.h"

struct place {
    long index, offset; /* < 0: none */
    const char *field;  /* "": none */
};

static void append_error(const char *type, const struct place *at, const char *message,
                         const char *error, struct buf *out)
{
    buf_append_text(out, "\"detail\":[{\"type\":\"");
    buf_append_text(out, type);
    buf_append_text(out, "\",\"loc\":[\"body\"");
    if (at->index >= 0)
        buf_printf(out, ",%ld", at->index);
    if (*at->field)
        buf_printf(out, ",\"%s\"", at->field);
    if (at->offset >= 0)
        buf_printf(out, ",%ld", at->offset);
    buf_append_text(out, "],\"msg\":");
    json_append_string(out, message, strlen(message));
    if (error) {
        buf_append_text(out, ",\"ctx\":{\"error\":");
        json_append_string(out, error, strlen(error));
        buf_append_text(out, "}");
    }
    buf_append_text(out, "}]");
}

void fault_append(const struct article_fault *fault, long index, struct buf *out)
{
    struct place at = {.index = index, .offset = -1, .field = fault->field};

    if (fault->too_large) {
        buf_append_text(out, "\"detail\":");
        json_append_string(out, fault->text, strlen(fault->text));
    } else if (strcmp(fault->type, "json_invalid") == 0) {
        at.offset = (long)fault->offset;
        append_error(fault->type, &at, fault->message, fault->text, out);
    } else {
        append_error(fault->type, &at, fault->message, NULL, out);
    }
}

void fault_append_body(const char *type, long offset, const char *message, const char *error,
                       struct buf *out)
{
    struct place at = {.index = FAULT_NO_INDEX, .offset = offset, .field = ""};

    append_error(type, &at, message, error, out);
}
