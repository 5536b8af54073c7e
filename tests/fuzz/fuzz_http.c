/* fuzz_http: a head and a body of the gateway. Read in one piece or in small ones, the outcome is
 * the same; what is accepted has no byte in it that a head may not have. The first byte of the
 * input chooses the size of the pieces. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "fuzz.h"
#include "gateway/body.h"
#include "gateway/head.h"

#define MAX_BODY_BYTES 4096

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

/* As head_length() says after each piece; the answer that ends it, or the last 0. */
static ssize_t find_in_pieces(const char *bytes, size_t length, size_t piece)
{
    size_t scanned = 0, at = 0;
    ssize_t found = 0;

    while (found == 0 && at < length) {
        at = length - at < piece ? length : at + piece;
        char *copy = xmalloc(at); /* a read past the piece is seen */
        memcpy(copy, bytes, at);
        found = head_length(copy, at, &scanned);
        FUZZ_CHECK(scanned <= at);
        free(copy);
    }
    return found;
}

static void check_text(const char *text)
{
    FUZZ_CHECK(text != NULL);
    for (; *text; text++)
        FUZZ_CHECK((unsigned char)*text >= 0x20 || *text == '\t');
}

static void check_head(const struct head *head)
{
    check_text(head->method);
    check_text(head->path);
    FUZZ_CHECK(*head->path == '/' || strcmp(head->path, "*") == 0);
    FUZZ_CHECK(head->minor == 0 || head->host);
    FUZZ_CHECK(!head->chunked || head->content_length == -1);
    FUZZ_CHECK(head->header_count <= HEAD_MAX_HEADERS);
    for (size_t i = 0; i < head->header_count; i++) {
        check_text(head->headers[i].name);
        check_text(head->headers[i].value);
        FUZZ_CHECK(*head->headers[i].name);
        FUZZ_CHECK(head_find(head, head->headers[i].name));
    }
}

/* Feeds the body as a connection does: what is not taken comes again with more behind it. */
static enum body_result read_pieces(const struct head *head, const char *bytes, size_t length,
                                    size_t piece, size_t *taken, struct buf *out)
{
    enum body_result result = BODY_NEEDS_MORE;
    size_t at = 0, end = 0, used;
    struct body body;

    body_init(&body, head, MAX_BODY_BYTES);
    buf_init(out, MAX_BODY_BYTES);
    while (result == BODY_NEEDS_MORE && (end < length || end == 0)) {
        end = length - end < piece ? length : end + piece;
        char *copy = xmalloc(end - at + 1);
        memcpy(copy, bytes + at, end - at);
        result = body_read(&body, copy, end - at, &used, out);
        FUZZ_CHECK(used <= end - at);
        free(copy);
        at += used;
        FUZZ_CHECK(result != BODY_NEEDS_MORE || end - at <= BODY_MAX_LINE_BYTES);
        if (length == 0)
            break;
    }
    FUZZ_CHECK((result == BODY_COMPLETE) == (body.state == BODY_DONE));
    *taken = at;
    return result;
}

static void check_body(const struct head *head, const char *bytes, size_t length, size_t piece)
{
    struct buf whole, parts;
    size_t whole_taken, parts_taken;
    enum body_result one = read_pieces(head, bytes, length, length, &whole_taken, &whole);
    enum body_result two = read_pieces(head, bytes, length, piece, &parts_taken, &parts);

    FUZZ_CHECK(one == two);
    FUZZ_CHECK(whole.length <= MAX_BODY_BYTES);
    if (one == BODY_COMPLETE) {
        FUZZ_CHECK(whole_taken == parts_taken && whole.length == parts.length);
        FUZZ_CHECK(!whole.length || memcmp(whole.bytes, parts.bytes, whole.length) == 0);
    }
    buf_fini(&whole);
    buf_fini(&parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t piece = size ? 1 + data[0] % 64 : 1, scanned = 0;
    const char *bytes = size ? (const char *)data + 1 : "";
    size_t length = size ? size - 1 : 0;
    struct head_fault fault = {0};
    struct head head;

    ssize_t found = head_length(bytes, length, &scanned);
    ssize_t again = find_in_pieces(bytes, length, piece);
    FUZZ_CHECK(found == again);
    if (found <= 0)
        return 0;
    char *copy = xmalloc((size_t)found + 1);
    memcpy(copy, bytes, (size_t)found);
    int code = head_parse(copy, (size_t)found, &head, &fault);
    FUZZ_CHECK(code == 0 || (code == ERR_INPUT && fault.status >= 400 && fault.text));
    if (code == 0) {
        check_head(&head);
        check_body(&head, bytes + found, length - (size_t)found, piece);
    }
    free(copy);
    return 0;
}
