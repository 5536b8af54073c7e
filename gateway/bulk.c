/* bulk: see bulk.h. Requests stand in one queue. The first that is not committed yet has the
 * connection to Redis; those before it wait for the answer to their EXEC. */
#include "bulk.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bulk_job.h"
#include "limit.h"
#include "post.h"

#define MAX_COMMITTED 4 /* requests that wait for the answer to EXEC */

/* --- the head of a request --- */

static bool is_gzip(const char *coding)
{
    return coding && (strcasecmp(coding, "gzip") == 0 || strcasecmp(coding, "x-gzip") == 0);
}

static bool is_lines(const struct http_exchange *x)
{
    return post_is_type(x, "application/x-ndjson") || post_is_type(x, "application/ndjson") ||
           post_is_type(x, "application/jsonl");
}

bool bulk_begin(struct gateway *g, struct http_exchange *x)
{
    const char *coding = head_find(http_head(x), "Content-Encoding");

    if (!is_lines(x) && !post_is_type(x, "application/json")) {
        http_answer_detail(x, 415, NULL,
                           "the Content-Type must be application/x-ndjson or application/json");
        return false;
    }
    if (coding && !is_gzip(coding) && strcasecmp(coding, "identity") != 0) {
        http_answer_detail(x, 415, "Accept-Encoding: gzip, identity\r\n",
                           "no other Content-Encoding than gzip is understood here");
        return false;
    }
    http_set_max_body(x, BULK_MAX_BYTES);
    return post_check_key(x) && limit_take(g, x, 0);
}

/* --- the queue --- */

static struct bulk_job *current(const struct bulk_queue *q)
{
    struct bulk_job *job = TAILQ_FIRST(&q->jobs);

    while (job && (job->state == BULK_JOB_COMMITTED || job->state == BULK_JOB_ENDING))
        job = TAILQ_NEXT(job, link);
    return job;
}

void bulk_queue_wake(struct bulk_queue *q)
{
    static const struct timeval at_once;

    /* A timer, not event_active(): between two slices the loop is to look at its sockets. */
    if (event_add(q->step, &at_once) < 0)
        panic("event_add");
}

/* One slice of the request whose turn it is. */
static void on_step(evutil_socket_t fd, short what, void *context)
{
    struct bulk_queue *q = context;
    struct bulk_job *job = current(q);

    (void)fd, (void)what;
    if (!job || q->committed >= MAX_COMMITTED)
        return; /* bulk_job_done() wakes it */
    if (bulk_job_waits(job))
        return; /* bulk_job_moved() wakes it */
    bulk_job_step(job);
    if (current(q))
        bulk_queue_wake(q);
}

void bulk_complete(struct gateway *g, struct http_exchange *x)
{
    struct bulk_queue *q = g->bulks;
    struct bulk_job *job = xcalloc(1, sizeof *job);

    job->queue = q;
    job->exchange = x;
    job->kind = is_lines(x) ? BULK_LINES : BULK_ARRAY;
    job->gzip = is_gzip(head_find(http_head(x), "Content-Encoding"));
    job->transaction = (struct bulk_transaction){.redis = q->redis,
                                                 .moved = bulk_job_moved,
                                                 .context = job,
                                                 .done = {.run = bulk_job_done, .context = job}};
    TAILQ_INSERT_TAIL(&q->jobs, job, link);
    bulk_queue_wake(q);
}

int bulk_queue_new(struct gateway *g, struct event_base *base, struct bulk_queue **out,
                   struct err *e)
{
    struct bulk_queue *q = xcalloc(1, sizeof *q);

    *out = NULL;
    q->gateway = g;
    TAILQ_INIT(&q->jobs);
    if (redis_async_new(base, g->conf, bulk_script, NULL, &q->redis, e) < 0) {
        free(q);
        return e->code;
    }
    q->step = evtimer_new(base, on_step, q);
    if (!q->step)
        panic("evtimer_new");
    *out = q;
    return 0;
}

void bulk_queue_free(struct bulk_queue *q)
{
    struct bulk_job *job, *next;

    if (!q)
        return;
    redis_async_free(q->redis); /* answers those that are committed */
    for (job = TAILQ_FIRST(&q->jobs); job; job = next) {
        next = TAILQ_NEXT(job, link);
        if (job->exchange)
            post_answer_refused(job->exchange, "connection: closed");
        bulk_job_free(job);
    }
    event_free(q->step);
    free(q);
}

void bulk_queue_tick(struct bulk_queue *q)
{
    const struct bulk_job *job = current(q);

    redis_async_tick(q->redis);
    ready_tick(&q->ready, q->gateway, q->redis, job && job->transaction.begun);
}

const char *bulk_queue_why(const struct bulk_queue *q)
{
    return ready_why(&q->ready, q->redis);
}
