/* answer: puts the answer to an exchange together and sends it, for http.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/json.h"
#include "connection.h"

#define WRITE_TIMEOUT_MS 30000
#define MAX_DETAIL_BYTES 4096
#define MAX_KEPT_BYTES   ((size_t)256 << 10) /* of the memory of a long answer */

#define MAX_HEADERS_BYTES 4096

const struct head *http_head(const struct http_exchange *x)
{
    return &x->head;
}

const char *http_request_id(const struct http_exchange *x)
{
    return x->request_id;
}

struct http_tag *http_tag(struct http_exchange *x)
{
    return &x->tag;
}

void http_set_max_body(struct http_exchange *x, size_t max_bytes)
{
    x->max_body_bytes = max_bytes;
}

void http_add_headers(struct http_exchange *x, const char *headers)
{
    size_t before = x->headers ? strlen(x->headers) : 0, length = strlen(headers);

    if (before + length > MAX_HEADERS_BYTES)
        panic("%zu bytes of headers", before + length);
    x->headers = xrealloc(x->headers, before + length + 1);
    memcpy(x->headers + before, headers, length + 1);
}

const char *http_body(struct http_exchange *x, size_t *length)
{
    *length = x->body.length;
    return x->body.bytes ? x->body.bytes : "";
}

void http_exchange_end(struct http_exchange *x, int64_t now_us)
{
    struct http_server *s = x->server;

    x->result.duration_us = x->started_us ? now_us - x->started_us : 0;
    s->handler->end(s->handler->context, x, &x->result);
    s->body_bytes -= x->reserved_bytes;
    free(x->headers);
    buf_fini(&x->body);
    free(x);
}

static const char *phrase_of(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {201, "Created"},
        {204, "No Content"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "";
}

/* IMF-fixdate of RFC 9110, section 5.6.7; made once a second. */
static const char *date(void)
{
    static const char days[] = "SunMonTueWedThuFriSat",
                      months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static time_t made;
    static char text[64];
    struct tm utc;
    time_t now = time(NULL);

    if (now != made) {
        made = now;
        gmtime_r(&now, &utc);
        snprintf(text, sizeof text, "%.3s, %02d %.3s %d %02d:%02d:%02d GMT", days + 3 * utc.tm_wday,
                 utc.tm_mday, months + 3 * utc.tm_mon, utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                 utc.tm_sec);
    }
    return text;
}

static void append_number(struct buf *out, size_t number)
{
    char digits[24], *at = digits + sizeof digits;

    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    buf_append(out, at, (size_t)(digits + sizeof digits - at));
}

/* By hand: printf takes longer over this than everything else that an answer needs. */
static void compose(struct http_exchange *x, const char *headers, const char *type,
                    const char *bytes, size_t length)
{
    struct buf *out = &x->server->answer;
    int status = x->result.status;
    bool bodiless = status == 204 || status == 304;

    buf_clear(out);
    buf_append_text(out, "HTTP/1.1 ");
    append_number(out, (size_t)status);
    buf_append_text(out, " ");
    buf_append_text(out, phrase_of(status));
    buf_append_text(out, "\r\nDate: ");
    buf_append_text(out, date());
    if (!bodiless) {
        buf_append_text(out, "\r\nContent-Type: ");
        buf_append_text(out, type);
        buf_append_text(out, "\r\nContent-Length: ");
        append_number(out, length);
    }
    buf_append_text(out, "\r\nX-Request-Id: ");
    buf_append_text(out, x->request_id);
    buf_append_text(out, "\r\n");
    if (headers)
        buf_append_text(out, headers);
    if (x->headers)
        buf_append_text(out, x->headers);
    buf_append_text(out, x->connection->close ? "Connection: close\r\n\r\n" : "\r\n");
    if (!bodiless && !(x->head.method && strcmp(x->head.method, "HEAD") == 0))
        buf_append(out, bytes, length);
    if (buf_failed(out))
        panic("an answer of %zu bytes", length);
}

void http_answer_typed(struct http_exchange *x, int status, const char *headers, const char *type,
                       const char *bytes, size_t length)
{
    struct connection *c = x->connection;
    struct buf *answer = &x->server->answer;
    int64_t now_us;

    x->result.status = status;
    if (!c) { /* nobody is there to hear it */
        http_exchange_end(x, clock_us());
        return;
    }
    /* A body not read to its end would be taken for the next request. */
    c->close = x->head.close || x->server->stop_at_ms || c->body.state != BODY_DONE;
    compose(x, headers, type, bytes, length);
    x->result.bytes_out = answer->length;
    now_us = clock_us();
    c->exchange = NULL;
    c->state = WRITE_ANSWER;
    c->deadline_ms = now_us / 1000 + WRITE_TIMEOUT_MS;
    http_exchange_end(x, now_us); /* first: who has the answer finds it counted */
    stream_send(&c->stream, answer->bytes, answer->length);
    if (answer->capacity > MAX_KEPT_BYTES)
        buf_fini(answer);
    connection_answered(c);
}

void http_answer(struct http_exchange *x, int status, const char *headers, const char *json,
                 size_t length)
{
    http_answer_typed(x, status, headers, "application/json", json, length);
}

void http_answer_detail(struct http_exchange *x, int status, const char *headers, const char *text)
{
    struct buf json;

    buf_init(&json, MAX_DETAIL_BYTES);
    buf_append_text(&json, "{\"detail\":");
    json_append_string(&json, text, strlen(text));
    buf_append_text(&json, "}");
    if (buf_failed(&json))
        panic("a detail of %zu bytes", strlen(text));
    http_answer(x, status, headers, json.bytes, json.length);
    buf_fini(&json);
}
