/* body: see body.h. */
#include "body.h"

#include <event2/buffer.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINE_BYTES    256 /* size and extensions of a chunk */
#define MAX_TRAILER_BYTES 4096
#define MAX_SIZE_DIGITS   15

void body_init(struct body *b, const struct head *head, size_t max_bytes)
{
    *b = (struct body){.max_bytes = max_bytes};
    if (head->chunked) {
        b->state = BODY_CHUNK_SIZE;
    } else {
        b->state = BODY_SIZED;
        b->left = head->content_length > 0 ? (uint64_t)head->content_length : 0;
    }
}

/* Moves up to `left` bytes; true when none is left. */
static bool move(struct body *b, struct evbuffer *in, struct evbuffer *out)
{
    size_t length = evbuffer_get_length(in);

    if (length > b->left)
        length = (size_t)b->left;
    if (length > 0 && evbuffer_remove_buffer(in, out, length) != (int)length)
        panic("evbuffer_remove_buffer");
    b->left -= length;
    return b->left == 0;
}

/* One line without its CRLF, to free. NULL with BODY_NEEDS_MORE or BODY_MALFORMED. */
static char *read_line(struct evbuffer *in, size_t max_bytes, enum body_result *result)
{
    size_t length;
    struct evbuffer_ptr end = evbuffer_search_eol(in, NULL, NULL, EVBUFFER_EOL_CRLF_STRICT);

    *result = (end.pos < 0 ? evbuffer_get_length(in) : (size_t)end.pos) > max_bytes
                  ? BODY_MALFORMED
                  : BODY_NEEDS_MORE;
    if (end.pos < 0 || *result == BODY_MALFORMED)
        return NULL;
    char *line = evbuffer_readln(in, &length, EVBUFFER_EOL_CRLF_STRICT);
    if (line && strlen(line) == length && !strpbrk(line, "\r\n"))
        return line;
    free(line);
    *result = BODY_MALFORMED;
    return NULL;
}

static enum body_result read_chunk_size(struct body *b, struct evbuffer *in, struct evbuffer *out)
{
    enum body_result result;
    char *line = read_line(in, MAX_LINE_BYTES, &result);

    if (!line)
        return result;
    size_t digits = strspn(line, "0123456789abcdefABCDEF");
    const char *after = line + digits + strspn(line + digits, " \t");
    bool good = digits > 0 && digits <= MAX_SIZE_DIGITS && (*after == 0 || *after == ';');
    b->left = good ? strtoull(line, NULL, 16) : 0;
    free(line);
    if (!good)
        return BODY_MALFORMED;
    if (b->left > b->max_bytes - evbuffer_get_length(out))
        return BODY_TOO_LARGE;
    b->state = b->left ? BODY_CHUNK_DATA : BODY_TRAILER;
    return BODY_COMPLETE;
}

static enum body_result read_chunk_end(struct body *b, struct evbuffer *in)
{
    char end[2];

    if (evbuffer_get_length(in) < sizeof end)
        return BODY_NEEDS_MORE;
    evbuffer_remove(in, end, sizeof end);
    b->state = BODY_CHUNK_SIZE;
    return memcmp(end, "\r\n", 2) == 0 ? BODY_COMPLETE : BODY_MALFORMED;
}

static enum body_result read_trailer(struct body *b, struct evbuffer *in)
{
    enum body_result result;
    char *line = read_line(in, MAX_TRAILER_BYTES - b->trailer_bytes, &result);

    if (!line)
        return result;
    b->trailer_bytes += strlen(line);
    if (!*line)
        b->state = BODY_DONE;
    free(line);
    return BODY_COMPLETE;
}

enum body_result body_read(struct body *b, struct evbuffer *in, struct evbuffer *out)
{
    enum body_result result = BODY_COMPLETE; /* of the part */

    while (result == BODY_COMPLETE) {
        switch (b->state) {
        case BODY_SIZED:
            if (b->left > b->max_bytes)
                return BODY_TOO_LARGE;
            if (!move(b, in, out))
                return BODY_NEEDS_MORE;
            b->state = BODY_DONE;
            break;
        case BODY_CHUNK_SIZE:
            result = read_chunk_size(b, in, out);
            break;
        case BODY_CHUNK_DATA:
            if (!move(b, in, out))
                return BODY_NEEDS_MORE;
            b->state = BODY_CHUNK_END;
            break;
        case BODY_CHUNK_END:
            result = read_chunk_end(b, in);
            break;
        case BODY_TRAILER:
            result = read_trailer(b, in);
            break;
        case BODY_DONE:
            return BODY_COMPLETE;
        }
    }
    return result;
}
