/* newsmill-workers: takes articles, counts their entities, pushes the counts. */
#include <unistd.h>

#include "common/log.h"
#include "common/queue.h"
#include "common/role.h"
#include "ner/ner.h"
#include "work.h"

static int processes(const struct conf *conf)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (conf->workers.processes > 0)
        return (int)conf->workers.processes;
    return cores > 0 ? (int)cores : 1;
}

static int64_t hang_ms(const struct conf *conf)
{
    return conf->workers.article_timeout_ms;
}

/* The model: read-only pages, one copy for all children. */
static int setup(const struct conf *conf, void *before, void **shared, struct err *e)
{
    struct ner_model *model;

    (void)before;
    if (ner_model_open(conf->model.path, &model, e) < 0) {
        err_prefix(e, "model.path %s", conf->model.path);
        return ERR_CONFIG;
    }
    log_info("model.loaded", "path=%s labels=%zu", conf->model.path, ner_model_label_count(model));
    *shared = model;
    return 0;
}

static void teardown(void *shared)
{
    ner_model_close(shared);
}

static int run(const struct role_child *child)
{
    struct queue *queue;
    struct err e;

    if (queue_new(child->conf, QUEUE_ARTICLES, child->instance, child->slot->number,
                  processes(child->conf), &queue, &e) < 0) {
        log_error("setup.failed", "reason=\"%s\"", e.text);
        return 2;
    }
    struct work *work = work_new(child->conf, child->shared, child->slot);
    struct consumer_handler handler = work_handler(work);
    int code = consumer_run(queue, &handler, child->slot);
    work_free(work);
    queue_free(queue);
    return code;
}

int main(int argc, char **argv)
{
    static const struct role role = {
        .name = "workers",
        .summary = "takes articles from Redis and counts the entities they name",
        .consumes = true,
        .list = QUEUE_ARTICLES,
        .processes = processes,
        .hang_ms = hang_ms,
        .stall_ms = hang_ms,
        .setup = setup,
        .run = run,
        .teardown = teardown,
    };

    return role_main(&role, argc, argv);
}
