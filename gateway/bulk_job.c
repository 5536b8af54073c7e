/* bulk_job: see bulk_job.h. */
#include "bulk_job.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bulk_answer.h"
#include "bulk_check.h"
#include "fault.h"
#include "gunzip.h"
#include "limit.h"
#include "post.h"
#include "stats.h"

#define SLICE_BYTES  ((size_t)256 << 10) /* a fraction of a millisecond */
#define WINDOW_BYTES ((size_t)1 << 20)   /* that Redis has not confirmed yet */

void bulk_job_free(struct bulk_job *job)
{
    TAILQ_REMOVE(&job->queue->jobs, job, link);
    gunzip_free(job->gunzip);
    buf_fini(&job->unpacked);
    bulk_parse_fini(&job->parse);
    bulk_check_free(job->check);
    digest_free(job->digest);
    free(job->memory);
    free(job);
}

void bulk_job_moved(void *context)
{
    struct bulk_job *job = context;

    if (job->state == BULK_JOB_ENDING && job->transaction.owed == 0)
        bulk_job_free(job);
    else
        bulk_queue_wake(job->queue);
}

/* Takes the exchange to answer it; nothing of its body may be used after that. */
static struct http_exchange *take_exchange(struct bulk_job *job)
{
    struct http_exchange *x = job->exchange;

    job->exchange = NULL;
    return x;
}

/* Of a job that was answered before it was committed. */
static void end(struct bulk_job *job)
{
    bulk_transaction_discard(&job->transaction);
    job->state = BULK_JOB_ENDING;
    if (job->transaction.owed == 0)
        bulk_job_free(job);
}

static void answer_bad(struct bulk_job *job)
{
    const struct bulk_parse *p = &job->parse;
    struct http_exchange *x = take_exchange(job);
    struct buf json, text;

    if (!p->type) {
        http_answer_detail(x, 413, NULL, p->why);
        return;
    }
    bool broken = strcmp(p->type, "json_invalid") == 0;
    buf_init(&json, FAULT_MAX_BYTES);
    buf_init(&text, FAULT_MAX_BYTES);
    buf_printf(&text, "not JSON: %s (byte %zu)", p->why, p->offset);
    buf_append_text(&json, "{");
    fault_append_body(p->type, broken ? (long)p->offset : -1, broken ? "JSON decode error" : p->why,
                      broken ? text.bytes : NULL, &json);
    buf_append_text(&json, "}");
    http_answer(x, 422, NULL, json.bytes, json.length);
    buf_fini(&text);
    buf_fini(&json);
}

static void answer_done(struct bulk_job *job, const struct bulk_outcome *outcome, bool replayed)
{
    struct bulk_counts counts;
    struct buf json;

    buf_init(&json, bulk_answer_max_bytes(&job->parse, outcome));
    if (bulk_answer_write(&job->parse, outcome, &counts, &json) < 0) {
        post_answer_refused(take_exchange(job), "ERR duplicates that make no sense");
    } else {
        if (!replayed) {
            stats_accepted(job->queue->gateway, job->exchange, (unsigned)counts.accepted,
                           (unsigned)counts.duplicates);
            stats_refused(job->queue->gateway, (unsigned)counts.refused);
        }
        http_answer(take_exchange(job), 200, replayed ? POST_REPLAYED : NULL, json.bytes,
                    json.length);
    }
    buf_fini(&json);
}

static bool says(const struct redis_async_reply *reply, const char *word)
{
    return reply->count > 0 && strcmp(reply->texts[0].bytes, word) == 0;
}

static void answer_script(struct bulk_job *job, const struct redis_async_reply *reply)
{
    struct gateway *g = job->queue->gateway;
    struct bulk_outcome outcome = {.base = job->parse.base};

    if (says(reply, "new") && reply->count == 2) {
        outcome.runs = reply->texts[1].bytes;
        outcome.runs_length = reply->texts[1].length;
        answer_done(job, &outcome, false);
    } else if (says(reply, "again") && reply->count == 3 &&
               reply->texts[1].length == BULK_BASE_LENGTH) {
        outcome.base = reply->texts[1].bytes;
        outcome.runs = reply->texts[2].bytes;
        outcome.runs_length = reply->texts[2].length;
        answer_done(job, &outcome, true);
    } else if (says(reply, "other")) {
        post_answer_reused(take_exchange(job));
    } else if (says(reply, "full")) {
        post_answer_full(g, take_exchange(job), reply->number, (int64_t)job->parse.good_count);
    } else {
        post_answer_refused(take_exchange(job), "ERR an unexpected answer");
    }
}

void bulk_job_done(void *context, const struct redis_async_reply *reply, const char *why)
{
    struct bulk_job *job = context;
    struct bulk_queue *q = job->queue;

    ready_learn(&q->ready, reply ? NULL : why);
    if (reply)
        answer_script(job, reply);
    else
        post_answer_refused(take_exchange(job), why);
    bulk_job_free(job);
    q->committed--;
    bulk_queue_wake(q);
}

/* --- the work on one request --- */

static void refuse(struct bulk_job *job, const char *why)
{
    post_answer_refused(take_exchange(job), why);
    end(job);
}

static void start_parsing(struct bulk_job *job, const char *body, size_t length)
{
    const struct gateway *g = job->queue->gateway;
    struct bulk_source source = {.kind = job->kind,
                                 .body = body,
                                 .length = length,
                                 .max_content_bytes = (size_t)g->conf->gateway.max_article_bytes,
                                 .list = g->articles,
                                 .window = g->conf->gateway.dedup_window_s > 0};

    bulk_parse_init(&job->parse, &source);
    job->state = BULK_JOB_PARSING;
    job->memory = post_memory(g, job->exchange);
    if (job->memory) {
        job->digest = digest_new();
        /* A single post with the same bytes is another request. */
        digest_add(job->digest, job->kind == BULK_LINES ? "lines:" : "array:", 6);
    }
    job->check = bulk_check_new(job->queue->gateway, job->memory);
}

static void start(struct bulk_job *job)
{
    size_t length;
    const char *body = http_body(job->exchange, &length);

    if (!redis_async_ready(job->queue->redis)) {
        refuse(job, "connection: not connected to Redis");
    } else if (job->gzip) {
        job->gunzip = gunzip_new(body, length);
        buf_init(&job->unpacked, BULK_MAX_BYTES);
        job->state = BULK_JOB_UNPACKING;
    } else {
        start_parsing(job, body, length);
    }
}

static void unpack(struct bulk_job *job)
{
    switch (gunzip_more(job->gunzip, SLICE_BYTES, &job->unpacked)) {
    case GUNZIP_MORE:
        return;
    case GUNZIP_END:
        start_parsing(job, job->unpacked.bytes ? job->unpacked.bytes : "", job->unpacked.length);
        return;
    case GUNZIP_TOO_LARGE:
        http_answer_detail(take_exchange(job), 413, NULL, "the body is too long when unpacked");
        break;
    default:
        http_answer_detail(take_exchange(job), 400, NULL, "the body is not gzip, or is damaged");
        break;
    }
    end(job);
}

static void commit(struct bulk_job *job)
{
    const struct gateway *g = job->queue->gateway;
    const struct bulk_parse *p = &job->parse;
    struct bulk_commit arguments = {.articles = g->articles,
                                    .stats = g->stats,
                                    .memory = job->memory,
                                    .pushed = p->good_count,
                                    .max_backlog = g->conf->gateway.max_backlog,
                                    .base = p->base,
                                    .hash = job->hash,
                                    .remember_seconds = POST_IDEMPOTENCY_SECONDS,
                                    .window_s = g->conf->gateway.dedup_window_s,
                                    .digests = g->digests,
                                    .arguments = p->window_arguments.bytes,
                                    .arguments_length = p->window_arguments.length,
                                    .argument_count = p->window ? 2 * p->good_count : 0};

    if (job->digest)
        digest_take(job->digest, job->hash);
    job->state = BULK_JOB_COMMITTED;
    job->queue->committed++;
    bulk_transaction_commit(&job->transaction, &arguments);
    if (*job->transaction.why) { /* not sent, so on_done() is not called */
        job->queue->committed--;
        refuse(job, job->transaction.why);
    }
}

/* The answer of the first time, from what bulk.lua has kept: "base hash runs". */
static void replay(struct bulk_job *job, const char *remembered)
{
    struct bulk_outcome outcome = {.base = remembered};

    digest_take(job->digest, job->hash);
    if (strcspn(remembered, " ") != BULK_BASE_LENGTH ||
        strncmp(remembered + BULK_BASE_LENGTH + 1, job->hash, DIGEST_HEX_LENGTH) != 0 ||
        remembered[BULK_BASE_LENGTH + 1 + DIGEST_HEX_LENGTH] != ' ') {
        post_answer_reused(take_exchange(job));
    } else {
        outcome.runs = remembered + BULK_BASE_LENGTH + 1 + DIGEST_HEX_LENGTH + 1;
        outcome.runs_length = strlen(outcome.runs);
        answer_done(job, &outcome, true);
    }
    end(job);
}

/* All of the body was good enough; what of it is good is in the transaction. */
static void finish(struct bulk_job *job)
{
    const char *remembered = bulk_check_remembered(job->check);

    if (remembered) {
        replay(job, remembered);
    } else if (job->parse.good_count == 0 && !job->memory) {
        answer_done(job, &(struct bulk_outcome){.base = job->parse.base, .runs = ""}, false);
        end(job);
    } else if ((int64_t)job->parse.good_count > job->queue->gateway->conf->gateway.max_backlog) {
        http_answer_detail(take_exchange(job), 413, NULL,
                           "more articles than may wait at once (gateway.max_backlog)");
        end(job);
    } else if (limit_take(job->queue->gateway, job->exchange, (unsigned)job->parse.good_count)) {
        commit(job);
    } else { /* it has answered */
        take_exchange(job);
        end(job);
    }
}

static void parse(struct bulk_job *job)
{
    struct bulk_parse *p = &job->parse;
    const char *before = p->at;
    bool is_replay = bulk_check_remembered(job->check) != NULL;
    int64_t depth;

    if (bulk_check_full(job->check, &depth)) {
        post_answer_full(job->queue->gateway, take_exchange(job), depth, 1);
        end(job);
        return;
    }
    if (is_replay)
        bulk_transaction_discard(&job->transaction);
    enum bulk_progress progress = bulk_parse_more(p, SLICE_BYTES);

    if (job->digest)
        digest_add(job->digest, before, (size_t)(p->at - before));
    switch (progress) {
    case BULK_MORE:
        break;
    case BULK_CHUNK:
        if (!is_replay)
            bulk_transaction_push(&job->transaction, p->command, p->command_length);
        break;
    case BULK_END:
        finish(job);
        break;
    case BULK_BAD:
        answer_bad(job);
        end(job);
        break;
    }
}

bool bulk_job_waits(const struct bulk_job *job)
{
    return !*job->transaction.why && job->transaction.bytes >= WINDOW_BYTES;
}

void bulk_job_step(struct bulk_job *job)
{
    if (*job->transaction.why) {
        ready_learn(&job->queue->ready, job->transaction.why);
        refuse(job, job->transaction.why);
    } else if (job->state == BULK_JOB_NEW) {
        start(job);
    } else if (job->state == BULK_JOB_UNPACKING) {
        unpack(job);
    } else {
        parse(job);
    }
}
