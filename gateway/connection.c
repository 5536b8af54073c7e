/* connection: see connection.h. One state machine; run() takes it as far as the bytes
 * there allow, whether it was woken by the client, by the handler's answer or by a deadline. */
#include "connection.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"

#define BODY_BYTES_A_MS 32 /* what a body that takes long must come to, on average */
#define LINGER_MS       2000
#define STOP_IDLE_MS    1000 /* for a request that is on its way when we stop */
#define STOP_LINGER_MS  300
#define MAX_READ_BYTES  ((size_t)1 << 20)
#define STATUS_GONE     499 /* for the log: the client left before it had said all */
/* For the bodies of all requests under way; a longer one that would grow gets 503. */
#define MAX_BODIES_BYTES ((size_t)256 << 20)
#define SHORT_BODY_BYTES ((size_t)64 << 10)

_Static_assert(STREAM_MAX_UNREAD >= HEAD_MAX_BYTES && STREAM_MAX_UNREAD >= BODY_MAX_LINE_BYTES,
               "a head or a line of a body must fit, or its end is never seen");

enum step {
    STEP_ON,    /* look at the state again */
    STEP_WAIT,  /* for the client or the handler */
    STEP_CLOSE, /* free the connection */
};

/* Goes on as far as the bytes there allow. May free the connection. */
static void run(struct connection *c);

/* A body's bytes go straight to where they belong. */
static void read_sized(struct connection *c)
{
    struct buf *body = &c->exchange->body;
    size_t want = c->body.left < MAX_READ_BYTES ? (size_t)c->body.left : MAX_READ_BYTES;
    char *room = buf_reserve(body, want);

    if (!room)
        panic("a body of more than %zu bytes", body->max_bytes);
    size_t got = stream_read(&c->stream, room, want);
    body->length += got;
    body->bytes[body->length] = 0;
    c->body.left -= got;
    c->exchange->result.bytes_in += got;
}

static void on_readable(int fd, short what, void *context)
{
    struct connection *c = context;
    size_t unread;

    (void)fd, (void)what, (void)stream_unread(&c->stream, &unread);
    if (c->state == READ_BODY && c->body.state == BODY_SIZED && unread == 0)
        read_sized(c);
    else
        stream_fill(&c->stream);
    run(c);
}

static void on_writable(int fd, short what, void *context)
{
    struct connection *c = context;

    (void)fd, (void)what;
    if (stream_flush(&c->stream))
        run(c);
}

/* For what is to be read: never later than the server's own end. */
static void set_deadline(struct connection *c, int64_t at_ms)
{
    int64_t latest = c->server->stop_at_ms;

    c->deadline_ms = latest && at_ms > latest ? latest : at_ms;
}

static void await_head(struct connection *c, int64_t now_ms)
{
    c->state = READ_HEAD;
    c->scanned = 0;
    c->skipped = false;
    c->started_us = 0;
    set_deadline(
        c, now_ms + (c->server->stop_at_ms ? STOP_IDLE_MS : c->server->settings.idle_timeout_ms));
}

static void write_address(const struct sockaddr *from, char out[INET6_ADDRSTRLEN])
{
    const void *bytes = from->sa_family == AF_INET
                            ? (const void *)&((const struct sockaddr_in *)from)->sin_addr
                            : (const void *)&((const struct sockaddr_in6 *)from)->sin6_addr;

    if ((from->sa_family != AF_INET && from->sa_family != AF_INET6) ||
        !inet_ntop(from->sa_family, bytes, out, INET6_ADDRSTRLEN))
        memcpy(out, "local", sizeof "local");
}

void connection_new(struct http_server *s, int fd, const struct sockaddr *address)
{
    struct connection *c = xcalloc(1, sizeof *c);

    c->server = s;
    write_address(address, c->address);
    LIST_INSERT_HEAD(&s->connections, c, link);
    s->connection_count++;
    atomic_fetch_add_explicit(s->settings.open_connections, 1, memory_order_relaxed);
    await_head(c, clock_ms());
    stream_init(&c->stream, s->base, fd, on_readable, on_writable, c);
}

void connection_free(struct connection *c)
{
    struct http_server *s = c->server;

    if (c->exchange && c->state == WAIT_ANSWER) {
        c->exchange->connection = NULL; /* the handler has it, and frees it by answering */
    } else if (c->exchange) {
        c->exchange->result.status = STATUS_GONE;
        http_exchange_end(c->exchange, clock_us());
    }
    LIST_REMOVE(c, link);
    stream_fini(&c->stream);
    free(c);
    s->connection_count--;
    atomic_fetch_sub_explicit(s->settings.open_connections, 1, memory_order_relaxed);
    http_resume(s);
}

void connection_stop(struct connection *c, int64_t now_ms)
{
    if (c->state == READ_HEAD && c->started_us == 0)
        set_deadline(c, now_ms + STOP_IDLE_MS);
    else if (c->state != WAIT_ANSWER)
        set_deadline(c, c->deadline_ms);
}

static struct http_exchange *new_exchange(struct connection *c, const char *bytes, size_t length)
{
    struct http_exchange *x = xmalloc(sizeof *x + length + 1);

    x->server = c->server;
    x->connection = c;
    head_init(&x->head);
    buf_init(&x->body, 0);
    x->max_body_bytes = c->server->settings.max_body_bytes;
    x->reserved_bytes = 0;
    x->headers = NULL;
    x->tag = (struct http_tag){0};
    x->result = (struct http_result){.bytes_in = length, .address = x->address};
    x->started_us = c->started_us;
    memcpy(x->address, c->address, sizeof x->address);
    *x->request_id = 0;
    if (length)
        memcpy(x->head_bytes, bytes, length);
    c->exchange = x;
    return x;
}

/* Refuses what cannot be read as a request; the connection ends with that. */
static enum step refuse(struct connection *c, int status, const char *text)
{
    struct http_exchange *x = c->exchange ? c->exchange : new_exchange(c, NULL, 0);

    x->head.close = true;
    if (!*x->request_id)
        request_id_choose(NULL, x->request_id);
    http_answer_detail(x, status, status == 503 ? "Retry-After: 1\r\n" : NULL, text);
    return STEP_ON;
}

static enum step begin(struct connection *c, struct http_exchange *x)
{
    struct http_server *s = c->server;
    bool chunked = x->head.chunked;
    uint64_t length = x->head.content_length > 0 ? (uint64_t)x->head.content_length : 0;
    size_t unread;

    body_init(&c->body, &x->head, 0);
    if (!chunked && length == 0)
        c->body.state = BODY_DONE; /* nothing of it will be left unread */
    if (!s->handler->begin(s->handler->context, x))
        return STEP_ON;
    if (length > x->max_body_bytes)
        return refuse(c, 413, "the body is too long");
    size_t room = chunked ? x->max_body_bytes : (size_t)length;
    c->body.max_bytes = x->body.max_bytes = room;
    if (!chunked)
        buf_reserve(&x->body, room < MAX_READ_BYTES ? room : MAX_READ_BYTES);
    if (x->head.expect_continue && !(stream_unread(&c->stream, &unread), unread))
        stream_send(&c->stream, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    c->state = READ_BODY;
    set_deadline(c, c->started_us / 1000 + s->settings.body_timeout_ms);
    return STEP_ON;
}

/* One empty line in front is forgiven (RFC 9112, section 2.2). */
static void skip_empty_line(struct connection *c)
{
    size_t length;
    const char *bytes = stream_unread(&c->stream, &length);

    if (!c->skipped && length >= 2 && bytes[0] == '\r' && bytes[1] == '\n') {
        stream_consume(&c->stream, 2);
        c->skipped = true;
    }
}

/* All there is, and it is no whole head. */
static enum step await_more(struct connection *c, size_t unread)
{
    if (unread >= HEAD_MAX_BYTES && c->scanned == 0)
        return refuse(c, 414, "the request line is too long");
    if (unread >= HEAD_MAX_BYTES)
        return refuse(c, 431, "the head of the request is too long");
    if (c->stream.ended && unread == 0)
        return STEP_CLOSE;
    if (c->stream.ended)
        return refuse(c, 400, "the request is cut short");
    return STEP_WAIT;
}

static enum step read_head(struct connection *c)
{
    struct head_fault fault;
    size_t unread;

    skip_empty_line(c);
    const char *bytes = stream_unread(&c->stream, &unread);
    if (unread == 0)
        return await_more(c, 0);
    if (c->started_us == 0) {
        c->started_us = clock_us();
        set_deadline(c, c->started_us / 1000 + c->server->settings.head_timeout_ms);
    }
    if (c->server->ended)
        return refuse(c, 503, "stopping");
    if (!c->skipped && unread == 1 && *bytes == '\r') /* perhaps such an empty line */
        return await_more(c, 1);
    ssize_t length = head_length(bytes, unread, &c->scanned);
    if (length < 0)
        return refuse(c, 400, "a line does not end in CR LF, or no method is in front");
    if (length == 0)
        return await_more(c, unread);
    if (length > HEAD_MAX_BYTES)
        return refuse(c, 431, "the head of the request is too long");
    struct http_exchange *x = new_exchange(c, bytes, (size_t)length);
    stream_consume(&c->stream, (size_t)length);
    int code = head_parse(x->head_bytes, (size_t)length, &x->head, &fault);
    request_id_choose(head_find(&x->head, "X-Request-Id"), x->request_id);
    return code < 0 ? refuse(c, fault.status, fault.text) : begin(c, x);
}

/* Counts what has come of the body, not what it says it will be: clients that promise much and send
 * little take no room from others. False when there is too much; short ones are always taken. */
static bool hold(struct http_exchange *x)
{
    struct http_server *s = x->server;

    s->body_bytes += x->body.length - x->reserved_bytes;
    x->reserved_bytes = x->body.length;
    return s->body_bytes <= MAX_BODIES_BYTES || x->reserved_bytes <= SHORT_BODY_BYTES;
}

/* What came has earned some time, but never more than body_timeout_ms from now: a client that
 * stalls or trickles is cut, however long its body may be. */
static void extend_deadline(struct connection *c, size_t came)
{
    int64_t latest = clock_ms() + c->server->settings.body_timeout_ms;
    int64_t earned = c->deadline_ms + (int64_t)(came / BODY_BYTES_A_MS);

    set_deadline(c, earned < latest ? earned : latest);
}

static enum step read_body(struct connection *c)
{
    struct http_server *s = c->server;
    struct http_exchange *x = c->exchange;
    size_t unread, used, before = x->reserved_bytes;
    char *bytes = stream_unread(&c->stream, &unread);
    enum body_result result = body_read(&c->body, bytes, unread, &used, &x->body);

    stream_consume(&c->stream, used);
    x->result.bytes_in += used;
    if (!hold(x))
        return refuse(c, 503, "too many long requests at once");
    switch (result) {
    case BODY_COMPLETE:
        c->state = WAIT_ANSWER;
        c->deadline_ms = 0;
        s->handler->complete(s->handler->context, x);
        return STEP_ON;
    case BODY_NEEDS_MORE:
        extend_deadline(c, x->reserved_bytes - before);
        return c->stream.ended ? refuse(c, 400, "the body is cut short") : STEP_WAIT;
    case BODY_TOO_LARGE:
        return refuse(c, 413, "the body is too long");
    default:
        return refuse(c, 400, "the chunks of the body are malformed");
    }
}

/* Says that nothing more will come, and reads on for a while. */
static enum step begin_linger(struct connection *c, int64_t now_ms)
{
    if (c->stream.ended)
        return STEP_CLOSE;
    stream_shut(&c->stream);
    c->state = LINGER;
    c->deadline_ms = now_ms + (c->server->stop_at_ms ? STOP_LINGER_MS : LINGER_MS);
    return STEP_ON;
}

static enum step write_answer(struct connection *c)
{
    if (!stream_sent(&c->stream))
        return STEP_WAIT;
    if (c->close)
        return begin_linger(c, clock_ms());
    await_head(c, clock_ms());
    return STEP_ON;
}

static enum step linger(struct connection *c)
{
    size_t unread;

    (void)stream_unread(&c->stream, &unread);
    stream_consume(&c->stream, unread);
    return c->stream.ended ? STEP_CLOSE : STEP_WAIT;
}

static enum step advance(struct connection *c)
{
    switch (c->state) {
    case READ_HEAD:
        return read_head(c);
    case READ_BODY:
        return read_body(c);
    case WRITE_ANSWER:
        return write_answer(c);
    case LINGER:
        return linger(c);
    default:
        return STEP_WAIT;
    }
}

static void run(struct connection *c)
{
    enum step step = STEP_ON;

    if (c->advancing)
        return;
    c->advancing = true;
    while (step == STEP_ON)
        step = c->stream.broken ? STEP_CLOSE : advance(c);
    c->advancing = false;
    if (step == STEP_CLOSE)
        connection_free(c);
}

void connection_answered(struct connection *c)
{
    if (c->advancing)
        return; /* which goes on by itself */
    if (!c->close && stream_sent(&c->stream) && !stream_stirs(&c->stream))
        await_head(c, clock_ms());
    else
        stream_wake(&c->stream);
}

void connection_expire(struct connection *c, int64_t now_ms)
{
    if (c->state == READ_BODY || (c->state == READ_HEAD && c->started_us)) {
        c->deadline_ms = 0;
        refuse(c, 408, "the request took too long");
    } else if (c->state == READ_HEAD && stream_has_input(&c->stream)) {
        c->deadline_ms = now_ms + STOP_IDLE_MS; /* came this very moment */
    } else if (c->state != READ_HEAD || begin_linger(c, now_ms) == STEP_CLOSE) {
        connection_free(c);
    }
}

void connection_end(struct connection *c, int64_t now_ms)
{
    if (c->state == READ_BODY)
        refuse(c, 503, "stopping");
    else if (c->state == READ_HEAD)
        connection_expire(c, now_ms);
}
