/* Holds whose owner is not registered (its entry in the set of owners was lost): doctor and audit
 * tell, audit --repair and the janitors give back, and every article is counted once. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli_fixture.h"

#define ARTICLES 40

static void push_articles(void)
{
    static const char item[] = "{\"content\":\"Tim Cook met Angela Merkel in Berlin.\","
                               "\"publication\":\"P\"}";

    for (int i = 0; i < ARTICLES; i++)
        cli_push(item, sizeof item - 1);
}

static bool all_in_hand(void *context)
{
    (void)context;
    return farm_held(&cli_farm, "articles") == ARTICLES;
}

static bool all_worked(void *context)
{
    (void)context;
    return farm_stat(&cli_farm, "worked") == ARTICLES;
}

static bool none_waits(void *context)
{
    (void)context;
    return redis_int(&cli_farm.redis, "LLEN newsmill:articles") == 0;
}

/* A farm with all articles in its tally, stopped as a whole; then its owner's entry goes. */
static void stop_and_lose_owner(void)
{
    cli_begin();
    farm_set(&cli_farm, "WORKERS_PROCESSES", "1");
    farm_set(&cli_farm, "WORKERS_FLUSH_INTERVAL_MS", "60000");
    farm_start_workers(&cli_farm);
    push_articles();
    CU_ASSERT_FATAL(wait_until("the worker to have all in hand", 20000, all_in_hand, NULL));
    CU_ASSERT_EQUAL(kill(-cli_farm.workers.pid, SIGSTOP), 0);
    CU_ASSERT_EQUAL(redis_int(&cli_farm.redis, "DEL newsmill:owners"), 1);
}

/* After SIGCONT the stopped worker finds itself fenced and starts anew; all is counted once. */
static void expect_counted_once(void)
{
    CU_ASSERT_EQUAL(kill(-cli_farm.workers.pid, SIGCONT), 0);
    farm_start_savers(&cli_farm);
    CU_ASSERT(wait_until("all articles to be taken", 20000, none_waits, NULL));
    CU_ASSERT_EQUAL(proc_stop(&cli_farm.workers, SIGTERM, 20000), 0);
    CU_ASSERT(farm_drained(&cli_farm, 40000));
    CU_ASSERT_EQUAL(farm_articles(&cli_farm), ARTICLES);
    cli_expect(cli_run("audit"), 0, "ok   every hold has an owner");
}

static void test_janitor_gives_back(void)
{
    struct proc others;
    char text[16];

    stop_and_lose_owner();
    cli_expect(cli_run("audit"), 1, "holds 40 items, but its owner is not registered");
    farm_set(&cli_farm, "REDIS_STATE_DIR", harness_dir());
    farm_set(&cli_farm, "WORKERS_FLUSH_INTERVAL_MS", "200");
    snprintf(text, sizeof text, "%d", harness_port());
    farm_set(&cli_farm, "WORKERS_METRICS_PORT", text);
    proc_start(&others, "newsmill-workers", cli_farm.env, NULL);
    CU_ASSERT(wait_until("the articles to be counted by the others", 30000, all_worked, NULL));
    expect_counted_once();
    CU_ASSERT(proc_logged(&others, "hold.orphaned"));
    CU_ASSERT_EQUAL(proc_stop(&others, SIGTERM, 20000), 0);
    cli_finish();
}

static void test_repair(void)
{
    stop_and_lose_owner();
    cli_run("doctor");
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "40 items are held by nobody registered"));
    cli_expect(cli_run("audit --repair"), 0, "40 items were given back");
    CU_ASSERT_EQUAL(redis_int(&cli_farm.redis, "LLEN newsmill:articles"), ARTICLES);
    CU_ASSERT_EQUAL(farm_held(&cli_farm, "articles"), 0);
    cli_expect(cli_run("audit --repair --json"), 0, "\"repaired\":0");
    farm_set(&cli_farm, "WORKERS_FLUSH_INTERVAL_MS", "200");
    expect_counted_once();
    cli_finish();
}

/* A farm whose queue has a longer name that begins with ours is none of our business. */
static void test_neighbour_is_left_alone(void)
{
    cli_begin();
    redis_int(&cli_farm.redis, "LPUSH newsmill:two:articles:hold:workers:x:0:1 a");
    redis_int(&cli_farm.redis, "ZADD newsmill:two:owners 1 workers:x:0:1");
    cli_expect(cli_run("audit --repair"), 0, "ok   every hold has an owner");
    CU_ASSERT_EQUAL(redis_int(&cli_farm.redis, "LLEN newsmill:two:articles:hold:workers:x:0:1"), 1);
    cli_finish();
}

void suite_orphans(void);
void suite_orphans(void)
{
    CU_pSuite s = CU_add_suite("orphans", NULL, NULL);

    CU_add_test(s, "another machine's janitor gives back, once", test_janitor_gives_back);
    CU_add_test(s, "doctor tells, audit --repair gives back at once", test_repair);
    CU_add_test(s, "a queue whose name begins with ours", test_neighbour_is_left_alone);
}
