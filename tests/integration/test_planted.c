/* A finding of UBSan in a supervised child, on purpose: `tests/run-all` runs this suite alone and
 * expects that the run as a whole fails. The test itself passes. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdlib.h>

#include "tests/harness/harness.h"

void suite_planted(void);

static struct farm farm;

static bool is_settled(void *context)
{
    (void)context;
    return farm_stat(&farm, "worked") + redis_int(&farm.redis, "LLEN newsmill:articles:dead") == 1;
}

static void plant(void)
{
    setenv("NEWSMILL_TEST_FAULTS", "1", 1);
    farm_init(&farm);
    farm_start_workers(&farm);
    redis_int(&farm.redis, "LPUSH newsmill:articles %s",
              "{\"publication\":\"p\",\"content\":\"fault: undefined\"}");
    CU_ASSERT(wait_until("the article to be counted or dead", 60000, is_settled, NULL));
    CU_ASSERT_EQUAL(proc_stop(&farm.workers, SIGTERM, 20000), 0);
    redis_kill(&farm.redis);
    harness_end();
}

void suite_planted(void)
{
    CU_pSuite suite = CU_add_suite("planted", NULL, NULL);

    CU_add_test(suite, "a finding in a child", plant);
}
