/* faults_fixture: see faults_fixture.h. */
#include "faults_fixture.h"

#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/err.h"

#define JSON    "Content-Type: application/json"
#define ARTICLE "{\"content\":\"Tim Cook met Angela Merkel in Berlin.\",\"publication\":\"p\"}"

struct faults faults;

/* --- the farm under test --------------------------------------------------------------------- */

static bool logs_ready(void *context)
{
    return proc_logged(context, " ready ");
}

void faults_start(struct proc *p, const char *name)
{
    proc_start(p, name, faults.farm.env, NULL);
    CU_ASSERT_FATAL(wait_until(name, 30000, logs_ready, p));
}

void faults_start_roles(void)
{
    faults_start(&faults.farm.savers, "newsmill-savers");
    faults_start(&faults.farm.workers, "newsmill-workers");
    faults_start(&faults.farm.gateway, "newsmill-gateway");
}

void faults_prepare(void)
{
    farm_init(&faults.farm);
    farm_set(&faults.farm, "REDIS_TIMEOUT_MS", "700");
    faults.sent = 0;
}

void faults_begin(void)
{
    faults_prepare();
    faults_start_roles();
}

/* The roles reach Redis through the proxy; the tests go straight. */
void faults_begin_behind_proxy(void)
{
    char url[64];

    faults_prepare();
    tcp_proxy_start(&faults.proxy, faults.farm.redis.port);
    snprintf(url, sizeof url, "redis://127.0.0.1:%d", faults.proxy.port);
    farm_set(&faults.farm, "REDIS_URL", url);
    faults_start_roles();
}

void faults_push(int count)
{
    for (int i = 0; i < count; i++)
        CU_ASSERT(redis_int(&faults.farm.redis, "LPUSH newsmill:articles %s", ARTICLE) > 0);
    faults.sent += count;
}

long faults_post(const char *key)
{
    struct http_answer answer;
    char header[64];
    const char *headers[] = {JSON, key ? header : NULL, NULL};

    snprintf(header, sizeof header, "Idempotency-Key: %s", key ? key : "");
    http_request(faults.farm.gateway_port, "POST", "/post/enqueue", headers, ARTICLE,
                 strlen(ARTICLE), &answer);
    long status = answer.status;
    http_free(&answer);
    return status;
}

static bool posts(void *key)
{
    return faults_post(key) == 201;
}

void faults_post_until_taken(const char *key, int timeout_ms)
{
    CU_ASSERT(wait_until("the gateway to resume", timeout_ms, posts, (void *)(uintptr_t)key));
    faults.sent++;
}

static bool something_claimed(void *context)
{
    (void)context;
    return farm_stat(&faults.farm, "claimed") > 0;
}

void faults_await_claim(void)
{
    CU_ASSERT(wait_until("a claim", 10000, something_claimed, NULL));
}

struct log_wait {
    const struct proc *proc;
    const char *text;
    int count;
};

static bool has_lines(void *context)
{
    const struct log_wait *w = context;

    return proc_log_count(w->proc, w->text) >= w->count;
}

bool faults_logged(const struct proc *p, const char *text, int count, int timeout_ms)
{
    struct log_wait w = {.proc = p, .text = text, .count = count};

    return wait_until(text, timeout_ms, has_lines, &w);
}

/* All is counted, no sum is out of step (QUEUES.md, "What holds"), and each role ends well. */
void faults_expect_exact_and_stop(void)
{
    CU_ASSERT(farm_drained(&faults.farm, 60000));
    CU_ASSERT_EQUAL(farm_articles(&faults.farm), faults.sent);
    CU_ASSERT_EQUAL(redis_int(&faults.farm.redis, "LLEN newsmill:articles:dead"), 0);
    CU_ASSERT_EQUAL(redis_int(&faults.farm.redis, "LLEN newsmill:results:dead"), 0);
    CU_ASSERT_EQUAL(farm_stat(&faults.farm, "worked"), faults.sent);
    CU_ASSERT_EQUAL(farm_stat(&faults.farm, "claimed"),
                    farm_stat(&faults.farm, "worked") + farm_stat(&faults.farm, "returned"));
    CU_ASSERT_EQUAL(farm_stat(&faults.farm, "batches"), farm_stat(&faults.farm, "applied"));
    CU_ASSERT_EQUAL(proc_stop(&faults.farm.gateway, SIGTERM, 10000), 0);
    CU_ASSERT_EQUAL(proc_stop(&faults.farm.workers, SIGTERM, 10000), 0);
    CU_ASSERT_EQUAL(proc_stop(&faults.farm.savers, SIGTERM, 10000), 0);
    redis_stop(&faults.farm.redis);
    harness_end();
}

/* --- waiting costs nothing ------------------------------------------------------------------- */

/* Runs `condition` and sees that the roles did not spin meanwhile: little processor time, and
 * retries no closer than the back-off allows. */
static void wait_quietly(const char *what, bool (*condition)(void *), void *context)
{
    struct proc *roles[] = {&faults.farm.gateway, &faults.farm.workers, &faults.farm.savers};
    int64_t start_ms = clock_ms();
    long cpu_ms = 0;
    int lines = 0;

    for (int i = 0; i < 3; i++) {
        cpu_ms -= proc_cpu_ms(roles[i]);
        lines -= proc_log_count(roles[i], "redis.");
    }
    CU_ASSERT(wait_until(what, 30000, condition, context));
    long elapsed_ms = (long)(clock_ms() - start_ms);
    for (int i = 0; i < 3; i++) {
        cpu_ms += proc_cpu_ms(roles[i]);
        lines += proc_log_count(roles[i], "redis.");
    }
    /* Processes that wait use about 1 %; one that spins 100 %. The clock's ticks are 10 ms. */
    if (cpu_ms > elapsed_ms / 4 + 200)
        fprintf(stderr, "\n  %ld ms of processor time in %ld ms\n", cpu_ms, elapsed_ms);
    CU_ASSERT(cpu_ms <= elapsed_ms / 4 + 200);
    /* At most one line each 100 ms by each of workers, saver and janitors. */
    CU_ASSERT(lines <= (FAULTS_WORKERS + 4) * (elapsed_ms / 100 + 2));
}

static bool all_retry(void *context)
{
    int wanted = *(int *)context;

    return proc_log_count(&faults.farm.workers, "redis.away retry_ms") >= wanted &&
           proc_log_count(&faults.farm.savers, "redis.away retry_ms") >= wanted / FAULTS_WORKERS;
}

/* Until workers and saver have tried in vain for some times more. */
void faults_wait_for_retries(void)
{
    int wanted = proc_log_count(&faults.farm.workers, "redis.away retry_ms") + 3 * FAULTS_WORKERS;

    wait_quietly("vain retries", all_retry, &wanted);
}
