/* Heads and bodies of HTTP requests: what is read, and what could be read in two ways and is not.
 */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "gateway/body.h"
#include "gateway/head.h"

static char *bytes; /* what `head` points into */
static struct head head;

static int parse_bytes(const char *text, size_t length)
{
    struct head_fault fault = {0};

    free(bytes);
    bytes = malloc(length + 1);
    memcpy(bytes, text, length);
    return head_parse(bytes, length, &head, &fault) == 0 ? 0 : fault.status;
}

static int parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

/* A request with this line and these headers. */
static int parse_with(const char *line, const char *headers)
{
    char text[4096];

    snprintf(text, sizeof text, "%s\r\n%s\r\n", line, headers);
    return parse(text);
}

static int header(const char *headers)
{
    char text[512];

    snprintf(text, sizeof text, "Host: a\r\n%s", headers);
    return parse_with("POST /x HTTP/1.1", text);
}

static void test_read(void)
{
    CU_ASSERT_EQUAL_FATAL(parse("POST /a/b?c=%20d HTTP/1.1\r\nhOST: x.y:80\r\nA-b:\t v w \r\n"
                                "Content-Length: 12\r\nConnection: foo, Close\r\n"
                                "Expect: 100-Continue\r\nEmpty:\r\n\r\n"),
                          0);
    CU_ASSERT_STRING_EQUAL(head.method, "POST");
    CU_ASSERT_STRING_EQUAL(head.path, "/a/b");
    CU_ASSERT_STRING_EQUAL(head.query, "c=%20d");
    CU_ASSERT_STRING_EQUAL(head.host, "x.y:80");
    CU_ASSERT_STRING_EQUAL(head_find(&head, "a-B"), "v w");
    CU_ASSERT_STRING_EQUAL(head_find(&head, "empty"), "");
    CU_ASSERT_PTR_NULL(head_find(&head, "none"));
    CU_ASSERT_EQUAL(head.content_length, 12);
    CU_ASSERT_EQUAL(head.minor, 1);
    CU_ASSERT(head.close && head.expect_continue && !head.chunked);

    CU_ASSERT_EQUAL_FATAL(parse("GET / HTTP/1.0\r\n\r\n"), 0);
    CU_ASSERT(head.close && !head.host && !head.query);
    CU_ASSERT_EQUAL(head.content_length, -1);
    CU_ASSERT_EQUAL_FATAL(parse("GET http://a.b:1?q HTTP/1.1\r\nHost: other\r\n\r\n"), 0);
    CU_ASSERT_STRING_EQUAL(head.host, "a.b:1");
    CU_ASSERT_STRING_EQUAL(head.path, "/");
    CU_ASSERT_STRING_EQUAL(head.query, "q");
    CU_ASSERT_EQUAL_FATAL(parse("GET HTTP://a HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    CU_ASSERT_STRING_EQUAL(head.host, "a");
    CU_ASSERT_STRING_EQUAL(head.path, "/");
    CU_ASSERT_EQUAL_FATAL(header("Transfer-Encoding: Chunked\r\n"), 0);
    CU_ASSERT(head.chunked && !head.close);
}

/* Where a head ends, whether its bytes come at once or one by one. */
static void test_length(void)
{
    static const struct {
        const char *text;
        ssize_t length; /* -1: never a head */
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\nrest", 18},
        {"G\r\nA: b\r\n\r\n\r\n", 11},
        {"GET / HTTP/1.1\r\nA: b\r\n", 0},
        {"GET / HTTP/1.1\r", 0},
        {"GET / HTTP/1.1\n", -1},
        {"GET / HTTP/1.1\rA", -1},
        {"GET / HTTP/1.1\r\nA: b\nB: c\r\n\r\n", -1},
        {"GET / HTTP/1.1\r\nA: b\r\r\n\r\n", -1},
        {" GET", -1},
        {"\r\n", -1},
        {"\x16\x03", -1},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF", 0},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG", -1},
        {"ABCDE\r\n\r\nFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJ", 9},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t scanned = 0, at = 0, end = strlen(cases[i].text);
        ssize_t found = 0;
        CU_ASSERT_EQUAL(head_length(cases[i].text, end, &scanned), cases[i].length);
        for (scanned = 0; found == 0 && at < end;)
            found = head_length(cases[i].text, ++at, &scanned);
        if (found != cases[i].length)
            fprintf(stderr, "\n  %s: %zd\n", cases[i].text, found);
        CU_ASSERT_EQUAL(found, cases[i].length);
    }
}

static void test_refused_lines(void)
{
    static const char *const lines[] = {
        "",
        "GET",
        "GET / ",
        "GET /",
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "G(T / HTTP/1.1",
        "GET x HTTP/1.1",
        "GET https://a/ HTTP/1.1",
        "GET http:///x HTTP/1.1",
        "GET http://a b/ HTTP/1.1",
        "GET /\xc3\xa9 HTTP/1.1",
        "GET /\x7f HTTP/1.1",
        "GET /\t HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/1",
        "GET / HTTP/1.10",
        "GET / HTTP/a.1",
    };

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        int status = parse_with(lines[i], "Host: a\r\n");
        if (status != 400)
            fprintf(stderr, "\n  %s: %d\n", lines[i], status);
        CU_ASSERT_EQUAL(status, 400);
    }
    CU_ASSERT_EQUAL(parse_with("GET / HTTP/2.0", "Host: a\r\n"), 505);
    CU_ASSERT_EQUAL(parse_with("GET / HTTP/0.9", "Host: a\r\n"), 505);
}

static void test_refused_headers(void)
{
    static const char *const headers[] = {
        "Host: b\r\n",
        "Content-Length: 1\r\nContent-Length: 1\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 1, 1\r\n",
        "Content-Length: +1\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x1\r\n",
        "Content-Length:\r\n",
        "Content-Length: 1234567890123456789\r\n",
        "Content-Length : 1\r\n",
        " Content-Length: 1\r\n",
        "A: b\r\n c\r\n",
        "A: b\r\n\tc\r\n",
        "A\r\n",
        ": b\r\n",
        "A: \x01\r\n",
        "A: \x7f\r\n",
        "A: b\rc\r\n",
        "A: b\nB: c\r\n",
        "\xc3\xa9: b\r\n",
    };

    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        int status = header(headers[i]);
        if (status != 400)
            fprintf(stderr, "\n  %s: %d\n", headers[i], status);
        CU_ASSERT_EQUAL(status, 400);
    }
    CU_ASSERT_EQUAL(parse_with("GET / HTTP/1.1", "A: b\r\n"), 400);
    CU_ASSERT_EQUAL(parse_with("GET / HTTP/1.1", "Host: a/b\r\n"), 400);
    CU_ASSERT_EQUAL(parse_with("GET / HTTP/1.0", "Transfer-Encoding: chunked\r\n"), 400);
    CU_ASSERT_EQUAL(header("Transfer-Encoding: gzip, chunked\r\n"), 501);
    CU_ASSERT_EQUAL(header("Expect: much\r\n"), 417);
    CU_ASSERT_EQUAL(parse("GET / HTTP/1.1\nHost: a\n\n"), 400);
    CU_ASSERT_EQUAL(parse("GET / HTTP/1.1\r\nHost: a\r\n"), 400); /* no empty line */
    CU_ASSERT_EQUAL(parse_bytes("GET / HTTP/1.1\r\nHost: a\r\nA: \0b\r\n\r\n", 34), 400);
}

static void test_many_headers(void)
{
    char text[2000] = "GET / HTTP/1.1\r\nHost: a\r\n";
    size_t length = strlen(text);

    for (int i = 1; i < HEAD_MAX_HEADERS; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "A: b\r\n");
    snprintf(text + length, sizeof text - length, "\r\n");
    CU_ASSERT_EQUAL(parse(text), 0);
    snprintf(text + length, sizeof text - length, "A: b\r\n\r\n");
    CU_ASSERT_EQUAL(parse(text), 431);
}

/* Feeds `wire` in steps of `step` bytes to a body of at most `max_bytes`; the result at the end. */
static enum body_result feed(const char *wire, size_t step, size_t max_bytes, const char *expected,
                             const char *rest)
{
    enum body_result result = BODY_NEEDS_MORE;
    size_t length = strlen(wire), unread = 0, used;
    char *in = malloc(length + 1), *at = in;
    struct body body;
    struct buf out;

    buf_init(&out, max_bytes);
    body_init(&body, &head, max_bytes);
    for (size_t i = 0; i < length && result == BODY_NEEDS_MORE; i += step) {
        size_t more = length - i < step ? length - i : step;
        memcpy(in + i, wire + i, more);
        result = body_read(&body, at, unread + more, &used, &out);
        at += used;
        unread += more - used;
    }
    if (expected) {
        CU_ASSERT_STRING_EQUAL(out.bytes ? out.bytes : "", expected);
        at[unread] = 0;
        if (step >= length)
            CU_ASSERT_STRING_EQUAL(at, rest);
    }
    buf_fini(&out);
    free(in);
    return result;
}

static void test_sized_body(void)
{
    CU_ASSERT_EQUAL_FATAL(header("Content-Length: 5\r\n"), 0);
    for (size_t step = 1; step < 10; step++)
        CU_ASSERT_EQUAL(feed("helloGET", step, 5, "hello", "GET"), BODY_COMPLETE);
    CU_ASSERT_EQUAL(feed("hell", 1, 5, "hell", ""), BODY_NEEDS_MORE);
    CU_ASSERT_EQUAL(feed("h", 1, 4, NULL, NULL), BODY_TOO_LARGE);
    free(bytes);
    bytes = NULL;
}

static void test_chunked_body(void)
{
    static const char *const malformed[] = {
        "g\r\n",     "\r\n",         " 5\r\nhello\r\n", "5 x\r\nhello\r\n", "-5\r\nhello\r\n",
        "0x5\r\n",   "5\r\nhelloXX", "5\r\nhello\n0",   "5;\nx\r\nhello",   "1234567890123456\r\n",
        "5;\rx\r\n",
    };
    char line[400];

    CU_ASSERT_EQUAL_FATAL(header("Transfer-Encoding: chunked\r\n"), 0);
    for (size_t step = 1; step < 60; step++) {
        CU_ASSERT_EQUAL(feed("5\r\nhello\r\n006 ; a=b\r\n world\r\n0\r\nT: x\r\n\r\nGET", step, 11,
                             "hello world", "GET"),
                        BODY_COMPLETE);
        CU_ASSERT_EQUAL(feed("0\r\n\r\nGET", step, 11, "", "GET"), BODY_COMPLETE);
    }
    CU_ASSERT_EQUAL(feed("5\r\nhello\r\n7\r\n", 1, 11, NULL, NULL), BODY_TOO_LARGE);
    CU_ASSERT_EQUAL(feed("fffffffffffffff\r\n", 1, 11, NULL, NULL), BODY_TOO_LARGE);
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        enum body_result result = feed(malformed[i], 1, 11, NULL, NULL);
        if (result != BODY_MALFORMED)
            fprintf(stderr, "\n  %s: %d\n", malformed[i], (int)result);
        CU_ASSERT_EQUAL(result, BODY_MALFORMED);
    }
    snprintf(line, sizeof line, "5;%0300d", 1);
    CU_ASSERT_EQUAL(feed(line, 1, 11, NULL, NULL), BODY_MALFORMED);
    free(bytes);
    bytes = NULL;
}

void suite_head(void);

void suite_head(void)
{
    CU_pSuite suite = CU_add_suite("head", NULL, NULL);

    CU_add_test(suite, "what is read", test_read);
    CU_add_test(suite, "where a head ends", test_length);
    CU_add_test(suite, "request lines that are refused", test_refused_lines);
    CU_add_test(suite, "headers that are refused", test_refused_headers);
    CU_add_test(suite, "too many headers", test_many_headers);
    CU_add_test(suite, "body by length", test_sized_body);
    CU_add_test(suite, "body in chunks", test_chunked_body);
}
