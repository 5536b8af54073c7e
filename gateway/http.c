/* http: see http.h. Here: listening, limits over all connections, and writing answers. */
#include "http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "connection.h"

#define WRITE_TIMEOUT_MS 30000
#define STOP_TIMEOUT_MS  5000
#define MAX_DETAIL_BYTES 4096

static void pause_listener(struct http_server *s)
{
    s->paused = true;
    evconnlistener_disable(s->listener);
}

void http_resume(struct http_server *s)
{
    if (s->listener && s->paused && s->connection_count < s->settings.max_connections) {
        s->paused = false;
        evconnlistener_enable(s->listener);
    }
}

static void on_client(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int address_length, void *context)
{
    struct http_server *s = context;

    (void)listener, (void)address, (void)address_length;
    connection_new(s, fd);
    if (s->connection_count >= s->settings.max_connections && !s->paused) {
        log_warn("connections.full", "max=%zu", s->settings.max_connections);
        pause_listener(s);
    }
}

/* No file descriptor or memory left: the next tick tries again, or this would spin. */
static void on_accept_error(struct evconnlistener *listener, void *context)
{
    (void)listener;
    log_warn("accept.failed", "reason=\"%s\"", strerror(errno));
    pause_listener(context);
}

struct http_server *http_open(struct event_base *base, int listening_fd,
                              const struct http_settings *settings,
                              const struct http_handler *handler, struct slot *slot)
{
    struct http_server *s = xcalloc(1, sizeof *s);

    *s =
        (struct http_server){.base = base, .settings = *settings, .handler = handler, .slot = slot};
    LIST_INIT(&s->connections);
    /* Backlog 0: the socket listens already. */
    s->listener = evconnlistener_new(base, on_client, s, LEV_OPT_CLOSE_ON_EXEC, 0, listening_fd);
    if (!s->listener)
        panic("evconnlistener_new");
    evconnlistener_set_error_cb(s->listener, on_accept_error);
    return s;
}

void http_close(struct http_server *s)
{
    struct connection *c, *next;

    if (!s)
        return;
    if (s->listener)
        evconnlistener_free(s->listener);
    s->listener = NULL;
    for (c = LIST_FIRST(&s->connections); c; c = next) {
        next = LIST_NEXT(c, link);
        connection_free(c);
    }
    free(s);
}

void http_tick(struct http_server *s)
{
    struct connection *c, *next;
    int64_t now = clock_ms();

    for (c = LIST_FIRST(&s->connections); c; c = next) {
        next = LIST_NEXT(c, link);
        if (c->deadline_ms && c->deadline_ms <= now)
            connection_expire(c);
    }
    http_resume(s);
}

void http_stop(struct http_server *s)
{
    struct connection *c, *next;
    int64_t latest = clock_ms() + STOP_TIMEOUT_MS;

    if (s->stopping)
        return;
    s->stopping = true;
    evconnlistener_free(s->listener);
    s->listener = NULL;
    for (c = LIST_FIRST(&s->connections); c; c = next) {
        next = LIST_NEXT(c, link);
        if (!c->deadline_ms || c->deadline_ms > latest)
            c->deadline_ms = c->state == WAIT_ANSWER ? 0 : latest;
        connection_stop(c);
    }
}

bool http_idle(const struct http_server *s)
{
    return s->connection_count == 0;
}

bool http_stopping(const struct http_server *s)
{
    return s->stopping;
}

const struct head *http_head(const struct http_exchange *x)
{
    return &x->head;
}

const char *http_body(struct http_exchange *x, size_t *length)
{
    *length = evbuffer_get_length(x->body);
    if (*length == 0)
        return "";
    const char *bytes = (const char *)evbuffer_pullup(x->body, -1);
    if (!bytes)
        panic("out of memory for a body of %zu bytes", *length);
    return bytes;
}

void http_exchange_free(struct http_exchange *x)
{
    x->server->body_bytes -= x->reserved_bytes;
    free(x->head_bytes);
    evbuffer_free(x->body);
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
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {431, "Request Header Fields Too Large"},
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

/* Straight into the socket where it takes all; a bufferevent would need two turns of the loop. */
static void send_bytes(struct connection *c, const char *bytes, size_t length)
{
    ssize_t sent = 0;

    if (evbuffer_get_length(bufferevent_get_output(c->stream)) == 0)
        sent = send(bufferevent_getfd(c->stream), bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0)
        sent = 0; /* whatever it was, the bufferevent will meet it too */
    if ((size_t)sent < length)
        bufferevent_write(c->stream, bytes + sent, length - (size_t)sent);
}

static void count(struct slot *slot, int status)
{
    atomic_fetch_add(&slot->handled, 1);
    slot_count(slot,
               status < 400   ? SLOT_HTTP_2XX
               : status < 500 ? SLOT_HTTP_4XX
                              : SLOT_HTTP_5XX,
               1);
}

void http_answer(struct http_exchange *x, int status, const char *headers, const char *json,
                 size_t length)
{
    http_answer_typed(x, status, headers, "application/json", json, length);
}

void http_answer_typed(struct http_exchange *x, int status, const char *headers, const char *type,
                       const char *bytes, size_t length)
{
    struct connection *c = x->connection;
    struct buf answer;

    if (!c) { /* nobody is there to hear it */
        http_exchange_free(x);
        return;
    }
    /* A body not read to its end would be taken for the next request. */
    c->close = x->head.close || x->server->stopping || c->body.state != BODY_DONE;
    buf_init(&answer, length + 1024 + (headers ? strlen(headers) : 0));
    buf_printf(&answer,
               "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: %s\r\n"
               "Content-Length: %zu\r\n%s%s\r\n",
               status, phrase_of(status), date(), type, length, headers ? headers : "",
               c->close ? "Connection: close\r\n" : "");
    if (!x->head.method || strcmp(x->head.method, "HEAD") != 0)
        buf_append(&answer, bytes, length);
    if (buf_failed(&answer))
        panic("an answer of %zu bytes", length);
    send_bytes(c, answer.bytes, answer.length);
    buf_fini(&answer);
    count(x->server->slot, status);
    c->exchange = NULL;
    c->state = WRITE_ANSWER;
    c->deadline_ms = clock_ms() + WRITE_TIMEOUT_MS;
    http_exchange_free(x);
    if (!c->advancing)
        connection_advance(c);
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
