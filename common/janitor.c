/* janitor: see janitor.h. A loop of libevent: a round every few seconds, requests in between. */
#include "janitor.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "default_user.h"
#include "log.h"
#include "metrics.h"
#include "own_host.h"
#include "rds_advice.h"
#include "stop.h"
#include "sweep.h"

#define ROUND_MS          3000  /* a lease is 15 s: four rounds may fail */
#define SWEEP_MS          15000 /* from the end of one look at all keys to the next one's start */
#define METRICS_MAX_BYTES 65536
#define BUSY_TIMEOUT_MS   1000

struct janitor {
    const struct role *role;
    const struct role_child *child;
    struct queue *queue;
    struct queue_state state;
    bool seen; /* state is of the last round */
    struct sweep sweep;
    int64_t sweep_at_ms;  /* when its next step is due */
    bool sweep_failed;    /* said so in the log */
    struct own_host host; /* of /metrics */
    struct event_base *base;
};

/* Dead, and its supervisor has not noticed. proc(5): the state follows the name in brackets. */
static bool is_zombie(int pid)
{
    char path[32], text[256] = "";

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return errno == ENOENT;
    size_t length = fread(text, 1, sizeof text - 1, file);
    text[length] = 0;
    fclose(file);
    const char *end = strrchr(text, ')');
    return end && (end[2] == 'Z' || end[2] == 'X');
}

/* A slot whose process lives and made progress lately; its lease is worth renewing. One that stands
 * still for too long is left to expire: its supervisor kills it. */
static bool is_live(const struct janitor *j, const struct slot *slot)
{
    int64_t stall_ms = role_stall_ms(j->role, j->child->conf);

    if (slot->number == SLOTS_JANITOR || slot->pid <= 0 || !*slot->owner || is_zombie(slot->pid))
        return false;
    return stall_ms == 0 || clock_ms() - slot->beat_ms <= stall_ms;
}

/* Said once a process: an operator who changes the ACL reads it at the next start or in doctor. */
static void look_at_default_user(struct rds *rds)
{
    struct err e;

    switch (default_user_look(rds, &e)) {
    case DEFAULT_USER_SAFE:
        break;
    case DEFAULT_USER_UNSAFE:
        log_error("redis.default_user", "reason=\"it may not do all\" advice=\"%s\"",
                  DEFAULT_USER_ADVICE);
        break;
    case DEFAULT_USER_UNKNOWN:
        log_warn("redis.default_user",
                 "reason=\"cannot be looked at: %s\" advice=\"give redis.user +acl|getuser\"",
                 e.text);
        break;
    }
}

static int on_orphan(void *context, const char *key, const char *owner, long long items,
                     struct err *e)
{
    struct janitor *j = context;

    if (sweep_give_back(j->sweep.rds, j->sweep.prefix, key, &items, e) < 0)
        return e->code;
    if (items)
        log_warn("hold.orphaned", "owner=\"%s\" items=%lld", owner, items);
    return 0;
}

/* One step a round: a look at all keys may take as long as there are keys. */
static void sweep(struct janitor *j)
{
    struct err e;

    if (clock_ms() < j->sweep_at_ms)
        return;
    j->sweep.rds = queue_connection(j->queue);
    int more = sweep_step(&j->sweep, &e);
    if (more < 0 && !j->sweep_failed)
        log_warn("sweep.failed", "reason=\"%s\" advice=\"%s\"", e.text, rds_advice(e.text));
    j->sweep_failed = more < 0;
    if (more <= 0)
        j->sweep_at_ms = clock_ms() + SWEEP_MS;
}

static void on_round(evutil_socket_t fd, short what, void *context)
{
    struct janitor *j = context;
    const struct role_child *child = j->child;
    const char *owners[SLOTS_STRIDE];
    int count = 0;
    struct err e;

    (void)fd, (void)what;
    for (int i = 0; i < child->slot_count && count < SLOTS_STRIDE; i++)
        if (is_live(j, &child->slots[i]))
            owners[count++] = child->slots[i].owner;
    bool was_seen = j->seen;
    j->seen = queue_renew(j->queue, owners, count, &j->state, &e) == 0;
    atomic_store(&child->slot->beat_ms, clock_ms());
    if (j->seen) {
        if (!atomic_load(&child->slot->ready))
            look_at_default_user(queue_connection(j->queue));
        atomic_store(&child->slot->ready, true);
        if (j->state.taken_over)
            log_warn("lease.ended", "owners=%lld items=%lld", j->state.taken_over,
                     j->state.returned);
        sweep(j);
    } else if (was_seen || !atomic_load(&child->slot->ready)) {
        log_warn("redis.away", "reason=\"%s\" advice=\"%s\"", e.text, rds_advice(e.text));
    }
}

static void on_metrics(struct evhttp_request *request, void *context)
{
    struct janitor *j = context;
    struct metrics_view view = {
        .role = j->role->name,
        .slots = j->child->slots,
        .slot_count = j->child->slot_count,
        .queue = j->seen ? &j->state : NULL,
        .list = j->role->list == QUEUE_ARTICLES ? "articles" : "results",
    };
    struct buf text;

    if (j->host.loopback &&
        !own_host_matches(&j->host, "",
                          evhttp_find_header(evhttp_request_get_input_headers(request), "Host"))) {
        evhttp_send_reply(request, 403, "Forbidden", NULL);
        return;
    }
    buf_init(&text, METRICS_MAX_BYTES);
    metrics_write(&view, &text);
    if (j->role->metrics)
        j->role->metrics(j->child->conf, &text);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
                      "text/plain; version=0.0.4; charset=utf-8");
    struct evbuffer *body = evhttp_request_get_output_buffer(request);
    evbuffer_add(body, text.bytes, text.length);
    evhttp_send_reply(request, 200, NULL, body);
    buf_fini(&text);
}

static void on_stop(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    event_base_loopbreak(context);
}

/* The children of a supervisor that was just killed hold the port a moment longer. */
static int open_socket(const struct sockaddr *where, socklen_t size)
{
    int64_t deadline = clock_ms() + BUSY_TIMEOUT_MS;
    int fd = socket(where->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, code;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        panic("socket: %s", strerror(errno));
    while ((code = bind(fd, where, size)) < 0 && errno == EADDRINUSE && clock_ms() < deadline)
        stop_sleep_ms(20);
    if (code == 0 && listen(fd, 16) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int janitor_listen(const struct role *role, const struct conf *conf)
{
    bool workers = role->list == QUEUE_ARTICLES;
    const char *address = workers ? conf->workers.metrics_address : conf->savers.metrics_address;
    int port = (int)(workers ? conf->workers.metrics_port : conf->savers.metrics_port);
    struct sockaddr_storage where;
    int size = sizeof where;
    char text[128];

    if (port == 0)
        return -1;
    snprintf(text, sizeof text, strchr(address, ':') ? "[%s]:%d" : "%s:%d", address, port);
    if (evutil_parse_sockaddr_port(text, (struct sockaddr *)&where, &size) < 0) {
        log_error("metrics.off", "reason=\"%s is not an address\"", text);
        return -1;
    }
    int fd = open_socket((struct sockaddr *)&where, (socklen_t)size);
    if (fd < 0)
        log_error("metrics.off", "address=%s reason=\"%s\"", text, strerror(errno));
    return fd;
}

static struct evhttp *serve_metrics(struct janitor *j)
{
    if (j->child->metrics_fd < 0)
        return NULL;
    struct evhttp *http = evhttp_new(j->base);
    if (!http || evhttp_accept_socket(http, j->child->metrics_fd) < 0 ||
        own_host_find(j->child->metrics_fd, &j->host) < 0)
        panic("evhttp_accept_socket: %s", strerror(errno));
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_timeout(http, 10);
    evhttp_set_max_headers_size(http, 8192);
    evhttp_set_max_body_size(http, 0);
    evhttp_set_cb(http, "/metrics", on_metrics, j);
    return http;
}

int janitor_run(const struct role *role, const struct role_child *child)
{
    struct janitor j = {.role = role, .child = child};
    struct timeval period = {.tv_sec = ROUND_MS / 1000, .tv_usec = ROUND_MS % 1000 * 1000};
    struct err e;

    if (queue_new(child->conf, role->list, child->instance, 0, 1, &j.queue, &e) < 0) {
        log_error("setup.failed", "reason=\"%s\"", e.text);
        return 2;
    }
    j.sweep = (struct sweep){.prefix = child->conf->redis.queue,
                             .list = role->list == QUEUE_ARTICLES ? "articles" : "results",
                             .found = on_orphan,
                             .context = &j};
    j.base = event_base_new();
    struct event *round = event_new(j.base, -1, EV_PERSIST, on_round, &j);
    struct event *stop = event_new(j.base, stop_fd(), EV_READ, on_stop, j.base);
    event_add(round, &period);
    event_add(stop, NULL);
    struct evhttp *http = serve_metrics(&j);
    on_round(-1, 0, &j);
    event_base_dispatch(j.base);
    event_free(round);
    event_free(stop);
    if (http)
        evhttp_free(http);
    event_base_free(j.base);
    queue_free(j.queue);
    return 0;
}
