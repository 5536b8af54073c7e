/* mutate: see mutate.h. */
#include "mutate.h"

#include <stdio.h>
#include <string.h>

#define HOST    "Host: localhost\r\n"
#define JSON    "Content-Type: application/json\r\n"
#define ARTICLE "{\"content\":\"Ann Lee went to Paris.\",\"publication\":\"P\"}" /* 54 bytes */
#define CHUNKED "Transfer-Encoding: chunked\r\n"

struct good {
    const char *bytes;
    size_t length;
    const char *wanted;
};

#define GOOD(bytes, wanted)                                                                        \
    {                                                                                              \
        bytes, sizeof(bytes) - 1, wanted                                                           \
    }

/* Two articles by gzip. */
#define PACKED                                                                                     \
    "\037\213\010\000\000\000\000\000\002\003\253\126\112\316\317\053\111\315\053\121"             \
    "\262\122\162\314\313\123\360\111\115\125\050\007\162\025\112\362\025\002\022\213"             \
    "\062\213\365\224\164\224\012\112\223\162\062\223\023\113\062\363\363\200\312\002"             \
    "\224\152\271\252\311\323\006\000\307\345\344\220\156\000\000\000"

#define PACKED_REQUEST                                                                             \
    "POST /post/bulk HTTP/1.1\r\n" HOST "Content-Type: application/x-ndjson\r\n"                   \
    "Content-Encoding: gzip\r\nContent-Length: 76\r\n\r\n" PACKED

/* `wanted` NULL: it depends on what came before, or on how the bytes come. */
static const struct good requests[] = {
    GOOD("GET /livez HTTP/1.1\r\n" HOST "\r\n", "200"),
    GOOD("GET /readyz HTTP/1.1\r\n" HOST "User-Agent: x/1\r\nAccept: */*\r\n\r\n", "200"),
    GOOD("GET /metrics HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", "200"),
    GOOD("GET /openapi.json HTTP/1.1\r\n" HOST "If-None-Match: \"a\", W/\"b\"\r\n\r\n", "200"),
    GOOD("GET /docs HTTP/1.1\r\n" HOST "\r\n", "200"),
    GOOD("GET http://localhost:1/livez?a=b HTTP/1.0\r\n\r\n", "200"),
    GOOD("GET /nothing HTTP/1.1\r\n" HOST "\r\n", "404"),
    GOOD("POST /post/enqueue HTTP/1.1\r\n" HOST JSON "Content-Length: 54\r\n\r\n" ARTICLE, "201"),
    GOOD("POST /post/enqueue HTTP/1.1\r\n" HOST JSON
         "Idempotency-Key: key-1\r\nContent-Length: 54\r\n"
         "\r\n" ARTICLE,
         NULL),
    GOOD("POST /post/enqueue HTTP/1.1\r\n" HOST JSON "access_token: 0123456789abcdef\r\n"
         "Expect: 100-continue\r\nContent-Length: 54\r\n\r\n" ARTICLE,
         NULL),
    GOOD("POST /post/enqueue HTTP/1.1\r\n" HOST JSON CHUNKED "\r\n36\r\n" ARTICLE "\r\n0\r\n\r\n",
         "201"),
    GOOD("POST /post/enqueue HTTP/1.1\r\n" HOST JSON CHUNKED "X-Request-Id: abc\r\n\r\n"
         "4;a=\"b\"\r\n{\"co\r\n1b\r\nntent\":\"Ann Lee went to "
         "Par\r\n15\r\nis.\",\"publication\":\"P\r\n"
         "2\r\n\"}\r\n0\r\nX-Sum: 1\r\n\r\n",
         NULL),
    GOOD("POST /post/enqueue HTTP/1.1\r\n" HOST JSON
         "Content-Length: 15\r\n\r\n{\"content\":\"a\"}",
         "422"),
    GOOD("POST /post/bulk HTTP/1.1\r\n" HOST "Content-Type: application/x-ndjson\r\n"
         "Content-Length: 111\r\n\r\n" ARTICLE "\n" ARTICLE "\r\n",
         "200"),
    GOOD("POST /post/bulk HTTP/1.1\r\n" HOST JSON "Content-Length: 61\r\n\r\n[" ARTICLE ", {} ]",
         "200"),
    GOOD("POST /post/bulk HTTP/1.1\r\n" HOST JSON CHUNKED "Idempotency-Key: key-2\r\n\r\n"
         "1\r\n[\r\n36\r\n" ARTICLE "\r\n1\r\n]\r\n0\r\n\r\n",
         NULL),
    GOOD("GET /livez HTTP/1.1\r\n" HOST "\r\nPOST /post/enqueue HTTP/1.1\r\n" HOST JSON
         "Content-Length: 54\r\n\r\n" ARTICLE "GET /readyz HTTP/1.1\r\n" HOST "\r\n",
         "200 201 200"),
    GOOD(PACKED_REQUEST, "200"),
    GOOD("HEAD /livez HTTP/1.1\r\n" HOST "\r\n", NULL),
    GOOD("OPTIONS /post/enqueue HTTP/1.1\r\n" HOST "Origin: http://localhost\r\n"
         "Access-Control-Request-Method: POST\r\n\r\n",
         NULL),
};

/* Lines that change what a request is. */
static const char *const lines[] = {
    "Content-Length: 5\r\n",
    "Content-Length: 99999\r\n",
    CHUNKED,
    "Transfer-Encoding: gzip\r\n",
    "Host: example.org\r\n",
    "Content-Encoding: gzip\r\n",
    "Connection: close\r\n",
    "Expect: 100-continue\r\n",
    "Expect: x\r\n",
    " folded\r\n",
    "Content-Type: text/plain\r\n",
    "Idempotency-Key: key-1\r\n",
    "\r\n",
    "Connection: keep-alive\r\n",
    "no colon\r\n",
    "Content-Type: application/x-ndjson\r\n",
};

size_t mutate_below(struct mutate_random *r, size_t below)
{
    r->state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    uint64_t x = r->state;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return below ? (size_t)((x ^ x >> 31) % below) : 0;
}

/* Puts `length` bytes in place of `removed` ones. */
static void replace(struct buf *b, size_t at, size_t removed, const char *bytes, size_t length)
{
    struct buf out;

    if (at > b->length)
        at = b->length;
    if (removed > b->length - at)
        removed = b->length - at;
    buf_init(&out, MUTATE_MAX_BYTES);
    buf_append(&out, b->bytes, at);
    buf_append(&out, bytes, length);
    buf_append(&out, b->bytes + at + removed, b->length - at - removed);
    buf_fini(b);
    *b = out;
}

/* The start of a random line. */
static size_t some_line(const struct buf *b, struct mutate_random *r)
{
    size_t at = mutate_below(r, b->length + 1);

    while (at > 0 && b->bytes[at - 1] != '\n')
        at--;
    return at;
}

static size_t line_length(const struct buf *b, size_t at)
{
    const char *end = at < b->length ? memchr(b->bytes + at, '\n', b->length - at) : NULL;

    return end ? (size_t)(end - (b->bytes + at)) + 1 : b->length - at;
}

static void flip(struct buf *b, struct mutate_random *r)
{
    if (b->length > 0)
        b->bytes[mutate_below(r, b->length)] ^= (char)(1u << mutate_below(r, 8));
}

static void put_control(struct buf *b, struct mutate_random *r)
{
    static const char controls[] = "\0\r\n\t\x01\x0b\x7f\xff :";

    replace(b, mutate_below(r, b->length + 1), mutate_below(r, 2),
            controls + mutate_below(r, sizeof controls - 1), 1);
}

static void drop(struct buf *b, struct mutate_random *r)
{
    replace(b, mutate_below(r, b->length + 1), 1 + mutate_below(r, 20), "", 0);
}

static void double_line(struct buf *b, struct mutate_random *r)
{
    size_t at = some_line(b, r), length = line_length(b, at);
    struct buf line;

    buf_init(&line, MUTATE_MAX_BYTES);
    buf_append(&line, b->bytes + at, length);
    if (length > 0)
        replace(b, some_line(b, r), 0, line.bytes, length);
    buf_fini(&line);
}

static void put_line(struct buf *b, struct mutate_random *r)
{
    const char *line = lines[mutate_below(r, sizeof lines / sizeof lines[0])];

    replace(b, some_line(b, r), 0, line, strlen(line));
}

/* Another number where one stands: a length, the size of a chunk, a version. */
static void change_number(struct buf *b, struct mutate_random *r)
{
    static const char *const numbers[] = {"0",
                                          "1",
                                          "-1",
                                          "+5",
                                          "0x10",
                                          "53",
                                          "53",
                                          "54, 54",
                                          "4294967296",
                                          "18446744073709551615",
                                          "fffffffffffffffff",
                                          "7fffffff",
                                          "35",
                                          "35",
                                          "1000000",
                                          ""};
    const char *number = numbers[mutate_below(r, sizeof numbers / sizeof numbers[0])];
    size_t at = mutate_below(r, b->length + 1), digits = 0;

    while (at < b->length && (b->bytes[at] < '0' || b->bytes[at] > '9'))
        at++;
    while (at + digits < b->length && b->bytes[at + digits] >= '0' && b->bytes[at + digits] <= '9')
        digits++;
    replace(b, at, digits, number, strlen(number));
}

static void break_line_end(struct buf *b, struct mutate_random *r)
{
    static const char *const ends[] = {"\n", "\r", "\r\r\n", "", "\r\n\r\n", "\r\n "};
    const char *end = ends[mutate_below(r, sizeof ends / sizeof ends[0])];
    size_t at = some_line(b, r);

    if (at >= 2)
        replace(b, at - 2, 2, end, strlen(end));
}

static void blow_up(struct buf *b, struct mutate_random *r)
{
    struct buf run;
    size_t length = mutate_below(r, 30000);

    buf_init(&run, MUTATE_MAX_BYTES);
    memset(buf_reserve(&run, length), 'a', length);
    replace(b, mutate_below(r, b->length + 1), 0, run.bytes, length);
    buf_fini(&run);
}

static void cut(struct buf *b, struct mutate_random *r)
{
    replace(b, mutate_below(r, b->length + 1), b->length, "", 0);
}

static void append(struct buf *b, const struct good *good)
{
    buf_append(b, good->bytes, good->length);
}

static void follow(struct buf *b, struct mutate_random *r)
{
    append(b, &requests[mutate_below(r, sizeof requests / sizeof requests[0])]);
}

static void (*const mutations[])(struct buf *b, struct mutate_random *r) = {
    flip,     flip,          put_control,   put_control,    drop,    double_line, put_line,
    put_line, change_number, change_number, break_line_end, blow_up, cut,         follow,
};

void mutate_make(struct mutate_random *r, struct mutate_case *out)
{
    const struct good *good = &requests[mutate_below(r, sizeof requests / sizeof requests[0])];
    size_t count = mutate_below(r, 5);

    *out = (struct mutate_case){.wanted = count == 0 ? good->wanted : NULL};
    buf_init(&out->bytes, MUTATE_MAX_BYTES);
    append(&out->bytes, good);
    for (size_t i = 0; i < count; i++)
        mutations[mutate_below(r, sizeof mutations / sizeof mutations[0])](&out->bytes, r);
    if (count > 0 && mutate_below(r, 20) == 0)
        out->end = MUTATE_ABORT;
}

void mutate_free(struct mutate_case *c)
{
    buf_fini(&c->bytes);
}
