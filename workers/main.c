/* newsmill-workers: takes articles, counts their entities, pushes the counts. */
#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"
#include "common/queue.h"
#include "common/role.h"
#include "ner/ner.h"
#include "work.h"

struct shared {
    struct ner_model *model; /* read-only pages, one copy for all children */
    char instance[17];
};

static int processes(const struct conf *conf)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (conf->workers.processes > 0)
        return (int)conf->workers.processes;
    return cores > 0 ? (int)cores : 1;
}

static void teardown(void *context)
{
    struct shared *shared = context;

    ner_model_close(shared->model);
    free(shared);
}

static int setup(const struct conf *conf, void **out, struct err *e)
{
    struct shared *shared = xcalloc(1, sizeof *shared);

    if (ner_model_open(conf->model.path, &shared->model, e) < 0) {
        err_prefix(e, "model.path %s", conf->model.path);
        free(shared);
        return ERR_CONFIG;
    }
    if (role_instance(conf->workers.state_dir, "workers", shared->instance, e) < 0) {
        teardown(shared);
        return e->code;
    }
    log_info("model.loaded", "path=%s labels=%zu", conf->model.path,
             ner_model_label_count(shared->model));
    *out = shared;
    return 0;
}

static int run(const struct conf *conf, void *context, struct slot *slot, int slots)
{
    const struct shared *shared = context;
    struct queue *queue;
    struct err e;

    if (queue_new(conf, QUEUE_ARTICLES, shared->instance, slot->number, slots, &queue, &e) < 0) {
        log_error("setup.failed", "reason=\"%s\"", e.text);
        return 2;
    }
    struct work *work = work_new(conf, shared->model);
    struct consumer_handler handler = work_handler(work);
    int code = consumer_run(queue, &handler, slot);
    work_free(work);
    queue_free(queue);
    return code;
}

int main(int argc, char **argv)
{
    static const struct role role = {
        .name = "workers",
        .summary = "takes articles from Redis and counts the entities they name",
        .processes = processes,
        .setup = setup,
        .run = run,
        .teardown = teardown,
    };

    return role_main(&role, argc, argv);
}
