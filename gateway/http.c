/* http: see http.h. Here: listening and limits over all connections; answer.c writes answers. */
#include "http.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/log.h"
#include "connection.h"

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

    (void)listener, (void)address_length;
    connection_new(s, fd, address);
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
                              const struct http_handler *handler)
{
    struct http_server *s = xcalloc(1, sizeof *s);

    *s = (struct http_server){.base = base, .settings = *settings, .handler = handler};
    buf_init(&s->answer, SIZE_MAX / 2); /* what goes in has its own ceiling */
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
    buf_fini(&s->answer);
    free(s);
}

void http_tick(struct http_server *s)
{
    struct connection *c, *next;
    int64_t now = clock_ms();

    for (c = LIST_FIRST(&s->connections); c; c = next) {
        next = LIST_NEXT(c, link);
        if (c->deadline_ms && c->deadline_ms <= now)
            connection_expire(c, now);
    }
    http_resume(s);
}

/* Those that wait in the kernel's queue, more than max_connections if need be: once nobody listens
 * any more it would reset them. */
static void accept_all(struct http_server *s)
{
    int listening_fd = evconnlistener_get_fd(s->listener), fd;
    struct sockaddr_storage from;
    socklen_t size = sizeof from;

    while ((fd = accept4(listening_fd, (struct sockaddr *)&from, &size,
                         SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0 ||
           errno == ECONNABORTED || errno == EINTR) {
        if (fd >= 0)
            connection_new(s, fd, (const struct sockaddr *)&from);
        size = sizeof from;
    }
}

void http_stop(struct http_server *s)
{
    struct connection *c;
    int64_t now = clock_ms();

    if (s->stop_at_ms)
        return;
    accept_all(s);
    s->stop_at_ms = now + HTTP_STOP_MS;
    evconnlistener_free(s->listener);
    s->listener = NULL;
    LIST_FOREACH(c, &s->connections, link)
    connection_stop(c, now);
}

void http_end(struct http_server *s)
{
    struct connection *c, *next;
    int64_t now = clock_ms();

    s->ended = true;
    for (c = LIST_FIRST(&s->connections); c; c = next) {
        next = LIST_NEXT(c, link);
        connection_end(c, now);
    }
}

bool http_idle(const struct http_server *s)
{
    return s->connection_count == 0;
}

bool http_stopping(const struct http_server *s)
{
    return s->stop_at_ms != 0;
}
