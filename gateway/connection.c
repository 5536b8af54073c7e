/* connection: see connection.h. One state machine; connection_advance() runs it as far as the bytes
 * there allow, whether it was woken by the client, by the handler's answer or by a deadline. */
#include "connection.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/clock.h"

#define HEAD_TIMEOUT_MS  30000 /* for a whole head, and between two requests */
#define BODY_TIMEOUT_MS  30000 /* for a body, and besides */
#define BODY_BYTES_A_MS  32    /* so much more time as it is long */
#define LINGER_MS        2000
#define FIRST_REQUEST_MS 500 /* when stopping: for a client that has only just connected */
#define READ_AHEAD_BYTES 65536
/* For the bodies of all requests under way; the rest gets 503. */
#define MAX_BODIES_BYTES ((size_t)256 << 20)

enum step {
    STEP_ON,    /* look at the state again */
    STEP_WAIT,  /* for the client or the handler */
    STEP_CLOSE, /* free the connection */
};

/* Bytes came in, or all are out. */
static void on_ready(struct bufferevent *stream, void *context)
{
    (void)stream;
    connection_advance(context);
}

static void on_event(struct bufferevent *stream, short what, void *context)
{
    struct connection *c = context;

    (void)stream;
    if (what & BEV_EVENT_ERROR) {
        connection_free(c);
    } else if (what & BEV_EVENT_EOF) {
        c->ended = true; /* it may still read: the answer is sent */
        connection_advance(c);
    }
}

static void await_head(struct connection *c)
{
    c->state = READ_HEAD;
    c->deadline_ms = clock_ms() + HEAD_TIMEOUT_MS;
}

void connection_new(struct http_server *s, int fd)
{
    struct connection *c = xcalloc(1, sizeof *c);
    int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->server = s;
    c->stream = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!c->stream)
        panic("bufferevent_socket_new");
    LIST_INSERT_HEAD(&s->connections, c, link);
    s->connection_count++;
    await_head(c);
    bufferevent_setcb(c->stream, on_ready, on_ready, on_event, c);
    bufferevent_setwatermark(c->stream, EV_READ, 0, READ_AHEAD_BYTES);
    bufferevent_enable(c->stream, EV_READ | EV_WRITE);
}

void connection_free(struct connection *c)
{
    struct http_server *s = c->server;

    if (c->exchange && c->state == WAIT_ANSWER)
        c->exchange->connection = NULL; /* the handler has it, and frees it by answering */
    else if (c->exchange)
        http_exchange_free(c->exchange);
    LIST_REMOVE(c, link);
    bufferevent_free(c->stream);
    free(c);
    s->connection_count--;
    http_resume(s);
}

/* Bytes of a next request: in our buffer or still in the kernel's. */
static bool has_input(const struct connection *c)
{
    int waiting = 0;

    if (evbuffer_get_length(bufferevent_get_input(c->stream)) > 0)
        return true;
    return ioctl(bufferevent_getfd(c->stream), FIONREAD, &waiting) == 0 && waiting > 0;
}

void connection_stop(struct connection *c)
{
    if (c->state != READ_HEAD || has_input(c))
        return;
    if (c->served)
        connection_free(c);
    else
        c->deadline_ms = clock_ms() + FIRST_REQUEST_MS;
}

static struct http_exchange *new_exchange(struct connection *c)
{
    struct http_exchange *x = xcalloc(1, sizeof *x);

    x->server = c->server;
    x->connection = c;
    x->body = evbuffer_new();
    if (!x->body)
        panic("evbuffer_new");
    c->exchange = x;
    return x;
}

/* Refuses what cannot be read as a request; the connection ends with that. */
static enum step refuse(struct connection *c, int status, const char *text)
{
    struct http_exchange *x = c->exchange ? c->exchange : new_exchange(c);

    x->head.close = true;
    http_answer_detail(x, status, status == 503 ? "Retry-After: 1\r\n" : NULL, text);
    return STEP_ON;
}

/* Length of the head including its empty line; 0: not there yet, -1: it never will be. */
static ssize_t find_head(struct evbuffer *in)
{
    struct evbuffer_ptr line = evbuffer_search_eol(in, NULL, NULL, EVBUFFER_EOL_LF);
    struct evbuffer_ptr end;
    char first[2];

    /* An empty line or two in front are forgiven (RFC 9112, section 2.2). */
    while (line.pos == 1 && evbuffer_copyout(in, first, 2) == 2 && first[0] == '\r') {
        evbuffer_drain(in, 2);
        line = evbuffer_search_eol(in, NULL, NULL, EVBUFFER_EOL_LF);
    }
    if (line.pos < 0)
        return 0;
    struct evbuffer_ptr strict = evbuffer_search_eol(in, NULL, NULL, EVBUFFER_EOL_CRLF_STRICT);
    if (strict.pos < 0 || strict.pos + 1 != line.pos)
        return -1; /* a bare LF: waiting for CRLF CRLF would be in vain */
    end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    return end.pos < 0 ? 0 : (ssize_t)end.pos + 4;
}

static enum step begin(struct connection *c, struct http_exchange *x)
{
    struct http_server *s = c->server;
    bool chunked = x->head.chunked;
    uint64_t length = x->head.content_length > 0 ? (uint64_t)x->head.content_length : 0;

    body_init(&c->body, &x->head, s->settings.max_body_bytes);
    if (!chunked && length == 0)
        c->body.state = BODY_DONE; /* nothing of it will be left unread */
    if (!s->handler->begin(s->handler->context, x))
        return STEP_ON;
    if (length > s->settings.max_body_bytes)
        return refuse(c, 413, "the body is too long");
    size_t room = chunked ? s->settings.max_body_bytes : (size_t)length;
    if (room > MAX_BODIES_BYTES - s->body_bytes)
        return refuse(c, 503, "too many long requests at once");
    s->body_bytes += x->reserved_bytes = room;
    if (x->head.expect_continue && evbuffer_get_length(bufferevent_get_input(c->stream)) == 0)
        bufferevent_write(c->stream, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    c->state = READ_BODY;
    c->deadline_ms = clock_ms() + BODY_TIMEOUT_MS + (int64_t)(room / BODY_BYTES_A_MS);
    return STEP_ON;
}

static enum step read_head(struct connection *c)
{
    struct evbuffer *in = bufferevent_get_input(c->stream);
    struct head_fault fault;
    ssize_t length = find_head(in);

    if (length > HEAD_MAX_BYTES || (length == 0 && evbuffer_get_length(in) > HEAD_MAX_BYTES))
        return refuse(c, 431, "the head of the request is too long");
    if (length < 0)
        return refuse(c, 400, "a line does not end in CR LF");
    if (length == 0) {
        if (!c->ended)
            return STEP_WAIT;
        if (evbuffer_get_length(in) == 0)
            return STEP_CLOSE;
        return refuse(c, 400, "the request is cut short");
    }
    struct http_exchange *x = new_exchange(c);
    x->head_bytes = xmalloc((size_t)length + 1);
    evbuffer_remove(in, x->head_bytes, (size_t)length);
    if (head_parse(x->head_bytes, (size_t)length, &x->head, &fault) < 0)
        return refuse(c, fault.status, fault.text);
    return begin(c, x);
}

static enum step read_body(struct connection *c)
{
    struct http_server *s = c->server;
    struct http_exchange *x = c->exchange;

    switch (body_read(&c->body, bufferevent_get_input(c->stream), x->body)) {
    case BODY_COMPLETE:
        c->state = WAIT_ANSWER;
        c->deadline_ms = 0;
        s->handler->complete(s->handler->context, x);
        return STEP_ON;
    case BODY_NEEDS_MORE:
        return c->ended ? refuse(c, 400, "the body is cut short") : STEP_WAIT;
    case BODY_TOO_LARGE:
        return refuse(c, 413, "the body is too long");
    default:
        return refuse(c, 400, "the chunks of the body are malformed");
    }
}

static enum step write_answer(struct connection *c)
{
    if (evbuffer_get_length(bufferevent_get_output(c->stream)) > 0)
        return STEP_WAIT;
    c->served = true;
    if (!c->close) {
        await_head(c);
        return STEP_ON;
    }
    if (c->ended)
        return STEP_CLOSE;
    shutdown(bufferevent_getfd(c->stream), SHUT_WR);
    c->state = LINGER;
    c->deadline_ms = clock_ms() + LINGER_MS;
    return STEP_ON;
}

static enum step linger(struct connection *c)
{
    struct evbuffer *in = bufferevent_get_input(c->stream);

    evbuffer_drain(in, evbuffer_get_length(in));
    return c->ended ? STEP_CLOSE : STEP_WAIT;
}

void connection_advance(struct connection *c)
{
    enum step step = STEP_ON;

    if (c->advancing)
        return;
    c->advancing = true;
    while (step == STEP_ON) {
        switch (c->state) {
        case READ_HEAD:
            step = read_head(c);
            break;
        case READ_BODY:
            step = read_body(c);
            break;
        case WAIT_ANSWER:
            step = STEP_WAIT;
            break;
        case WRITE_ANSWER:
            step = write_answer(c);
            break;
        case LINGER:
            step = linger(c);
            break;
        }
    }
    c->advancing = false;
    if (step == STEP_CLOSE)
        connection_free(c);
}

void connection_expire(struct connection *c)
{
    bool begun = c->state == READ_BODY ||
                 (c->state == READ_HEAD && evbuffer_get_length(bufferevent_get_input(c->stream)));

    if (begun) {
        c->deadline_ms = 0;
        refuse(c, 408, "the request took too long");
    } else {
        connection_free(c);
    }
}
