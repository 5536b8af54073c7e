/* newsmill-gateway: takes articles by HTTP and puts them on the list. */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access_log.h"
#include "bulk.h"
#include "common/article.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/role.h"
#include "common/stop.h"
#include "cors.h"
#include "enqueue.h"
#include "gateway.h"
#include "gather.h"
#include "listen.h"

#define TICK_MS          100
#define STOP_TIMEOUT_MS  (HTTP_STOP_MS + 500) /* then who waits for Redis gets 503 */
#define END_TIMEOUT_MS   1000                 /* for the last answers to go out */
#define KEYS_CHECK_TICKS 10
#define READY_TICKS      20 /* so long a new child waits for Redis */

/* Made before the fork. */
struct shared {
    struct listen_socket *socket;
    char *address;
    int64_t port;
    struct board *board;
    struct clients *clients;
};

/* One child. */
struct child {
    struct gateway gateway;
    struct event_base *base;
    struct slot *slot;
    struct listen_socket *socket;
    struct http_settings settings;
    struct http_handler handler;
    unsigned ticks;
    int64_t stop_at_ms; /* 0: runs */
};

static int processes(const struct conf *conf)
{
    return (int)conf->gateway.processes;
}

static void stop(void *context)
{
    const struct shared *shared = context;

    listen_close(shared->socket);
}

static void teardown(void *context)
{
    struct shared *shared = context;

    listen_free(shared->socket);
    clients_free(shared->clients);
    board_free(shared->board);
    free(shared->address);
    free(shared);
}

/* Opens the socket, or goes on with that of the generation before: no client is turned away. */
static int open_socket(const struct shared *before, struct shared *shared, struct err *e)
{
    if (!before || before->port != shared->port || strcmp(before->address, shared->address) != 0)
        return listen_open(shared->address, (int)shared->port, &shared->socket, e);
    shared->socket = listen_share(before->socket);
    return 0;
}

static int check_clients(const struct conf *conf, const struct shared *shared, struct err *e)
{
    if (clients_need_key(shared->clients))
        log_info("keys.loaded", "file=%s keys=%zu", conf->gateway.keys_file,
                 clients_count(shared->clients));
    else if (!shared->socket->host.loopback)
        return err_set(e, ERR_CONFIG,
                       "gateway.address = %s can be reached from other machines: that needs a "
                       "gateway.keys_file (newsmill key new NAME makes a key)",
                       shared->address);
    else if (strcmp(conf->gateway.cors_origins, "*") == 0)
        return err_set(e, ERR_CONFIG,
                       "gateway.cors_origins = * without a gateway.keys_file: any page that is "
                       "open on this machine could send articles");
    else
        log_warn("keys.none",
                 "address=%s note=\"no keys_file: every program of this machine may enqueue\"",
                 shared->address);
    return 0;
}

static int prepare(const struct conf *conf, const struct shared *before, struct shared *shared,
                   struct err *e)
{
    shared->board = before ? board_share(before->board) : board_new();
    if (clients_load(conf->gateway.keys_file, shared->board, &shared->clients, e) < 0)
        return err_prefix(e, "gateway.keys_file");
    if (cors_check(conf->gateway.cors_origins, e) < 0 || open_socket(before, shared, e) < 0)
        return e->code;
    return check_clients(conf, shared, e);
}

static int setup(const struct conf *conf, void *before, void **out, struct err *e)
{
    struct shared *shared = xcalloc(1, sizeof *shared);

    shared->address = xstrdup(conf->gateway.address);
    shared->port = conf->gateway.port;
    if (prepare(conf, before, shared, e) < 0) {
        teardown(shared);
        return e->code;
    }
    *out = shared;
    return 0;
}

static bool is_idle(const struct child *c)
{
    return !c->gateway.http || http_idle(c->gateway.http);
}

/* Clients that wait in the socket's backlog are taken once Redis is there, so that a restart costs
 * them no 503. But 503 is service too: a farm whose Redis is away still starts. */
static void open_when_ready(struct child *c)
{
    if (ready_check(&c->gateway) && c->ticks < READY_TICKS)
        return;
    c->gateway.http = http_open(c->base, c->socket->fd, &c->settings, &c->handler);
    atomic_store(&c->slot->ready, true);
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    struct child *c = context;

    (void)fd, (void)what;
    atomic_store(&c->slot->beat_ms, clock_ms());
    redis_async_tick(c->gateway.redis);
    ready_tick(&c->gateway.ready, &c->gateway, c->gateway.redis, false);
    bulk_queue_tick(c->gateway.bulks);
    drain_tick(&c->gateway);
    if (!c->gateway.http && !c->stop_at_ms)
        open_when_ready(c);
    if (c->gateway.http)
        http_tick(c->gateway.http);
    access_log_flush(c->gateway.access_log);
    /* A key that was made or taken back counts within a second, without a restart. */
    if (++c->ticks % KEYS_CHECK_TICKS == 0)
        clients_refresh(c->gateway.clients);
    if (c->stop_at_ms && (is_idle(c) || clock_ms() >= c->stop_at_ms))
        event_base_loopbreak(c->base);
}

static void on_stop(evutil_socket_t fd, short what, void *context)
{
    struct child *c = context;

    (void)fd, (void)what;
    c->stop_at_ms = clock_ms() + STOP_TIMEOUT_MS;
    if (c->gateway.http)
        http_stop(c->gateway.http);
    listen_close(c->socket); /* who comes now is not to wait for the last of us to end */
    if (is_idle(c))
        event_base_loopbreak(c->base);
}

static char *key_name(const struct conf *conf, const char *suffix)
{
    size_t size = strlen(conf->redis.queue) + strlen(suffix) + 1;
    char *name = xmalloc(size);

    snprintf(name, size, "%s%s", conf->redis.queue, suffix);
    return name;
}

static void on_last_tick(evutil_socket_t fd, short what, void *context)
{
    struct child *c = context;

    (void)fd, (void)what;
    http_tick(c->gateway.http);
    if (is_idle(c) || clock_ms() >= c->stop_at_ms)
        event_base_loopbreak(c->base);
}

/* Runs the loop until somebody breaks it. */
static void run_loop(struct child *c, void (*tick)(evutil_socket_t fd, short what, void *context))
{
    struct timeval every = {.tv_usec = TICK_MS * 1000};
    struct event *ticking = event_new(c->base, -1, EV_PERSIST, tick, c);

    if (!ticking || event_add(ticking, &every) < 0)
        panic("event_add: %s", strerror(errno));
    event_base_dispatch(c->base);
    event_free(ticking);
}

/* What Redis has not answered by now gets its 503. http_end() comes first: no request may reach
 * what is freed here. */
static void finish(struct child *c)
{
    if (c->gateway.http)
        http_end(c->gateway.http);
    bulk_queue_free(c->gateway.bulks);
    redis_async_free(c->gateway.redis);
    gather_free(c->gateway.gather);
    c->stop_at_ms = clock_ms() + END_TIMEOUT_MS;
    if (!is_idle(c))
        run_loop(c, on_last_tick);
    http_close(c->gateway.http);
}

static void serve(struct child *c)
{
    struct event *stopping = event_new(c->base, stop_fd(), EV_READ, on_stop, c);

    if (!stopping || event_add(stopping, NULL) < 0)
        panic("event_add: %s", strerror(errno));
    run_loop(c, on_tick);
    event_free(stopping);
    finish(c);
}

static int run(const struct role_child *child)
{
    const struct conf *conf = child->conf;
    struct shared *shared = child->shared;
    struct board_process *page = board_process(shared->board, child->slot->number);
    struct child c = {
        .slot = child->slot,
        .socket = shared->socket,
        .settings = {.max_body_bytes = ARTICLE_MAX_ITEM_BYTES(conf->gateway.max_article_bytes),
                     .max_connections = (size_t)conf->gateway.max_connections,
                     .head_timeout_ms = conf->gateway.head_timeout_ms,
                     .body_timeout_ms = conf->gateway.body_timeout_ms,
                     .idle_timeout_ms = conf->gateway.idle_timeout_ms,
                     .open_connections = &page->open_connections},
        .handler = {.begin = routes_begin,
                    .complete = routes_complete,
                    .end = routes_end,
                    .context = &c.gateway}};
    struct err e;
    int code = 0;

    c.base = event_base_new();
    if (!c.base)
        panic("event_base_new");
    atomic_store(&page->open_connections, 0); /* a process that died cannot have done it */
    c.gateway =
        (struct gateway){.conf = conf,
                         .clients = shared->clients,
                         .own_host = &shared->socket->host,
                         .board = shared->board,
                         .page = page,
                         .access_log = access_log_open(conf->gateway.access_log, &page->log_lost),
                         .slot = child->slot,
                         .slots = child->slots,
                         .slot_count = child->slot_count,
                         .articles = key_name(conf, ":articles"),
                         .stats = key_name(conf, ":stats"),
                         .idempotency = key_name(conf, ":idem:"),
                         .digests = key_name(conf, ":seen:")};
    if (redis_async_new(c.base, conf, enqueue_script, c.slot, &c.gateway.redis, &e) < 0 ||
        bulk_queue_new(&c.gateway, c.base, &c.gateway.bulks, &e) < 0) {
        log_error("setup.failed", "reason=\"%s\"", e.text);
        code = 2;
    } else {
        c.gateway.gather = gather_new(&c.gateway, c.base);
        serve(&c);
    }
    event_base_free(c.base);
    free(c.gateway.articles);
    free(c.gateway.stats);
    free(c.gateway.idempotency);
    free(c.gateway.digests);
    access_log_close(c.gateway.access_log);
    return code;
}

static const struct role role = {
    .name = "gateway",
    .summary = "takes articles by HTTP and puts them on the list",
    .processes = processes,
    .setup = setup,
    .run = run,
    .stop = stop,
    .teardown = teardown,
};

int main(int argc, char **argv)
{
    return role_main(&role, argc, argv);
}
