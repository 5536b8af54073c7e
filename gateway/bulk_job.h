/* bulk_job: the work on one bulk request, a slice at a time; for bulk.c only. */
#ifndef NEWSMILL_GATEWAY_BULK_JOB_H
#define NEWSMILL_GATEWAY_BULK_JOB_H

#include <sys/queue.h>

#include "bulk_parse.h"
#include "bulk_transaction.h"
#include "gateway.h"

struct bulk_check;
struct event;
struct gunzip;

enum bulk_job_state {
    BULK_JOB_NEW,
    BULK_JOB_UNPACKING,
    BULK_JOB_PARSING,
    BULK_JOB_COMMITTED, /* bulk_job_done() answers it */
    BULK_JOB_ENDING,    /* answered; Redis owes callbacks yet */
};

struct bulk_job {
    TAILQ_ENTRY(bulk_job) link;
    struct bulk_queue *queue;
    struct http_exchange *exchange; /* NULL: answered */
    enum bulk_job_state state;
    enum bulk_kind kind;
    bool gzip;
    struct gunzip *gunzip;
    struct buf unpacked;
    struct bulk_parse parse;
    char *memory;          /* Redis key that remembers the Idempotency-Key, or NULL */
    struct digest *digest; /* of the body, with `memory` */
    char hash[DIGEST_HEX_LENGTH + 1];
    struct bulk_check *check;
    struct bulk_transaction transaction;
};

struct bulk_queue {
    struct gateway *gateway;
    struct redis_async *redis; /* for bulk requests alone */
    struct ready ready;        /* of `redis` */
    struct event *step;
    TAILQ_HEAD(bulk_jobs, bulk_job) jobs; /* oldest first */
    size_t committed;
};

/* One slice. May answer, and free the job. */
void bulk_job_step(struct bulk_job *job);
/* True: it waits for Redis, which will wake the queue. */
bool bulk_job_waits(const struct bulk_job *job);
void bulk_job_free(struct bulk_job *job);

/* bulk_transaction's callbacks; context: the job. */
void bulk_job_moved(void *job);
void bulk_job_done(void *job, const struct redis_async_reply *reply, const char *why);

/* bulk.c: the queue has something to do. */
void bulk_queue_wake(struct bulk_queue *q);

#endif
