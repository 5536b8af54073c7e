/* newsmill-savers: takes batches of counts and puts them into the store. */
#include "common/log.h"
#include "common/metrics.h"
#include "common/queue.h"
#include "common/role.h"
#include "save.h"
#include "store/store.h"

#define EXIT_CONFIG 2

static int processes(const struct conf *conf)
{
    return (int)conf->savers.processes;
}

/* A store that is slow is no stall: it answers or gives up within its own time. */
static int64_t stall_ms(const struct conf *conf)
{
    int64_t store_ms = 2 * conf->store.timeout_ms;

    return conf->savers.batch_timeout_ms > store_ms ? conf->savers.batch_timeout_ms : store_ms;
}

static int setup(const struct conf *conf, void *before, void **shared, struct err *e)
{
    (void)before;
    *shared = NULL;
    return store_check(conf, e);
}

static int serve(const struct conf *conf, struct save *save, struct queue *queue, struct slot *slot)
{
    struct consumer_handler handler = save_handler(save);
    struct err e;

    if (save_open(save, &e) == ERR_CONFIG) {
        log_error("store.wrong", "kind=%s reason=\"%s\"", conf->store.kind, e.text);
        return EXIT_CONFIG;
    }
    return consumer_run(queue, &handler, slot);
}

static int run(const struct role_child *child)
{
    struct queue *queue;
    struct err e;

    if (queue_new(child->conf, QUEUE_RESULTS, child->instance, child->slot->number,
                  processes(child->conf), &queue, &e) < 0) {
        log_error("setup.failed", "reason=\"%s\"", e.text);
        return EXIT_CONFIG;
    }
    struct save *save = save_new(child->conf, child->slot);
    int code = serve(child->conf, save, queue, child->slot);
    save_free(save);
    queue_free(queue);
    return code;
}

static void metrics(const struct conf *conf, struct buf *out)
{
    int64_t bytes = store_wal_bytes(conf);

    if (bytes >= 0)
        metrics_gauge(out, "store_wal_bytes", "Size of the store's write-ahead log.",
                      (double)bytes);
}

int main(int argc, char **argv)
{
    static const struct role role = {
        .name = "savers",
        .summary = "takes batches of counts from Redis and puts them into the store",
        .consumes = true,
        .list = QUEUE_RESULTS,
        .processes = processes,
        .stall_ms = stall_ms,
        .setup = setup,
        .run = run,
        .metrics = metrics,
    };

    return role_main(&role, argc, argv);
}
