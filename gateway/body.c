/* body: see body.h. */
#include "body.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

#define MAX_SIZE_LINE_BYTES 256 /* size and extensions of a chunk */
#define MAX_TRAILER_BYTES   4096
#define MAX_SIZE_DIGITS     15

_Static_assert(BODY_MAX_LINE_BYTES >= MAX_TRAILER_BYTES + 2, "a line of the trailer, and its end");

/* What is left of the bytes at hand. */
struct input {
    char *at, *end;
};

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
static bool move(struct body *b, struct input *in, struct buf *out)
{
    size_t length = (size_t)(in->end - in->at);

    if (length > b->left)
        length = (size_t)b->left;
    if (buf_append(out, in->at, length) < 0)
        panic("a body of more than %zu bytes", out->max_bytes);
    in->at += length;
    b->left -= length;
    return b->left == 0;
}

/* One line, its CRLF made a NUL. NULL with BODY_NEEDS_MORE or BODY_MALFORMED. */
static char *read_line(struct input *in, size_t max_bytes, enum body_result *result)
{
    char *line = in->at;
    size_t left = (size_t)(in->end - in->at), window = left < max_bytes + 2 ? left : max_bytes + 2;
    char *feed = window ? memchr(line, '\n', window) : NULL;

    *result = BODY_MALFORMED;
    if (!feed) {
        char *bare = window ? memchr(line, '\r', window) : NULL;
        if (left <= max_bytes + 1 && (!bare || bare + 1 == in->end))
            *result = BODY_NEEDS_MORE;
        return NULL;
    }
    if (feed == line || memchr(line, '\r', (size_t)(feed - line)) != feed - 1 ||
        memchr(line, 0, (size_t)(feed - line)))
        return NULL;
    feed[-1] = 0;
    in->at = feed + 1;
    return line;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static const char *skip_blank(const char *at)
{
    return at + strspn(at, " \t");
}

/* Behind the first quote of a quoted-string; NULL where it does not end. */
static const char *skip_quoted(const char *at)
{
    for (; *at != '"'; at++) {
        if (*at == '\\')
            at++;
        if (((unsigned char)*at < 0x20 && *at != '\t') || *at == 0x7f)
            return NULL;
    }
    return at + 1;
}

/* chunk-ext of RFC 9112, section 7.1.1: *( BWS ";" BWS name [ BWS "=" BWS value ] ) */
static bool is_extension(const char *at)
{
    while (*at) {
        at = skip_blank(at);
        if (*at != ';')
            return false;
        at = skip_blank(at + 1);
        size_t length = head_token_length(at);
        if (length == 0)
            return false;
        const char *equals = skip_blank(at + length);
        at += length;
        if (*equals != '=')
            continue;
        at = skip_blank(equals + 1);
        length = head_token_length(at);
        at = *at == '"' ? skip_quoted(at + 1) : length > 0 ? at + length : NULL;
        if (!at)
            return false;
    }
    return true;
}

static enum body_result read_chunk_size(struct body *b, struct input *in, const struct buf *out)
{
    enum body_result result;
    int digits = 0;
    const char *line = read_line(in, MAX_SIZE_LINE_BYTES, &result);

    if (!line)
        return result;
    for (b->left = 0; hex_digit(*line) >= 0 && digits <= MAX_SIZE_DIGITS; line++, digits++)
        b->left = 16 * b->left + (uint64_t)hex_digit(*line);
    if (digits == 0 || digits > MAX_SIZE_DIGITS || !is_extension(line))
        return BODY_MALFORMED;
    if (b->left > b->max_bytes - out->length)
        return BODY_TOO_LARGE;
    b->state = b->left ? BODY_CHUNK_DATA : BODY_TRAILER;
    return BODY_COMPLETE;
}

static enum body_result read_chunk_end(struct body *b, struct input *in)
{
    if (in->end - in->at < 2)
        return in->at < in->end && *in->at != '\r' ? BODY_MALFORMED : BODY_NEEDS_MORE;
    b->state = BODY_CHUNK_SIZE;
    in->at += 2;
    return memcmp(in->at - 2, "\r\n", 2) == 0 ? BODY_COMPLETE : BODY_MALFORMED;
}

/* Fields of a trailer must be such, and are of no use here. */
static enum body_result read_trailer(struct body *b, struct input *in)
{
    enum body_result result;
    struct head_header field;
    char *line = read_line(in, MAX_TRAILER_BYTES - b->trailer_bytes, &result);

    if (!line)
        return result;
    b->trailer_bytes += strlen(line);
    if (!*line)
        b->state = BODY_DONE;
    else if (head_field(line, &field))
        return BODY_MALFORMED;
    return BODY_COMPLETE;
}

static enum body_result read_parts(struct body *b, struct input *in, struct buf *out)
{
    enum body_result result = BODY_COMPLETE; /* of the part */

    while (result == BODY_COMPLETE) {
        switch (b->state) {
        case BODY_SIZED:
            if (b->left > b->max_bytes - out->length)
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

enum body_result body_read(struct body *b, char *in, size_t length, size_t *used, struct buf *out)
{
    struct input input = {.at = in, .end = in + length};
    enum body_result result = read_parts(b, &input, out);

    *used = (size_t)(input.at - in);
    return result;
}
