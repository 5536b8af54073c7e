/* Save: bad batches go to the dead list and their neighbours go on; a store that is away is waited
 * for, until a stop. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/slots.h"
#include "common/stop.h"
#include "savers/save.h"
#include "store_fixture.h"
#include "tests/harness/harness.h"

void suite_save(void);

static struct conf conf;
static struct err e;

static struct queue_item item_of(struct buf *json, unsigned number)
{
    buf_init(json, 1 << 20);
    CU_ASSERT_EQUAL(batch_write(fixture_batch(number, 3), json), 0);
    return (struct queue_item){json->bytes, json->length};
}

/* One item as the consumer loop has it done; returns how many are to be settled. */
static size_t save_item(const struct consumer_handler *h, const struct queue_item *item)
{
    struct consumer_settlement settlement = {.done = 1};

    CU_ASSERT_EQUAL(h->handle(h->context, item, 5, &e), 0);
    CU_ASSERT_EQUAL(h->collect(h->context, clock_wall_ms(), &settlement, &e), 0);
    CU_ASSERT_EQUAL(settlement.dead_count, 0);
    h->forget(h->context);
    return settlement.done;
}

static void test_bad_neighbour(void)
{
    struct queue_item bad = {"{\"v\":1,\"id\":\"nope\"}", 19};
    struct consumer_settlement settlement = {.done = 4};
    struct buf json, old;

    fixture_conf(&conf);
    struct save *save = save_new(&conf, slots_new(1, 0));
    struct consumer_handler h = save_handler(save);
    struct queue_item good = item_of(&json, 1);
    CU_ASSERT_EQUAL(save_open(save, &e), 0);
    CU_ASSERT_EQUAL(h.handle(h.context, &good, 5, &e), 0);
    CU_ASSERT_EQUAL(h.handle(h.context, &bad, 5, &e), 0);
    CU_ASSERT_EQUAL(h.handle(h.context, &good, 5, &e), 0);
    buf_init(&old, 4096);
    struct batch *batch = fixture_batch(2, 1);
    batch->at_ms = 1;
    CU_ASSERT_EQUAL(batch_write(batch, &old), 0);
    struct queue_item refused = {old.bytes, old.length};
    CU_ASSERT_EQUAL(h.handle(h.context, &refused, 5, &e), 0);
    CU_ASSERT_EQUAL(h.collect(h.context, clock_wall_ms(), &settlement, &e), 0);
    CU_ASSERT_EQUAL(settlement.done, 4);
    CU_ASSERT_EQUAL(settlement.batch_count, 0);
    CU_ASSERT_EQUAL_FATAL(settlement.dead_count, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(settlement.dead[0].bytes, "id is not"));
    CU_ASSERT_PTR_NOT_NULL(strstr(settlement.dead[0].bytes, "nope"));
    CU_ASSERT_PTR_NOT_NULL(strstr(settlement.dead[1].bytes, "30 days"));
    h.forget(h.context);
    CU_ASSERT_EQUAL(h.collect(h.context, clock_wall_ms(), &settlement, &e), 0);
    CU_ASSERT_EQUAL(settlement.dead_count, 0);
    CU_ASSERT_FALSE(h.full(h.context, 1));
    save_free(save);
    buf_fini(&json);
    buf_fini(&old);
    CU_ASSERT_EQUAL(fixture_sums(&conf).articles, 1);
    harness_end();
}
WITH_KEYS(test_bad_neighbour)

/* --- clocks -------------------------------------------------------------------------------------
 */

#define DAY_MS 86400000ll

/* Has one batch of `at_ms` saved while Redis says `now_ms`; returns how many were found dead. */
static size_t save_at(const struct consumer_handler *h, unsigned number, int64_t at_ms,
                      int64_t now_ms)
{
    struct consumer_settlement settlement = {.done = 1};
    struct batch *batch = fixture_batch(number, 1);
    struct buf json;

    buf_init(&json, 1 << 20);
    batch->at_ms = at_ms;
    CU_ASSERT_EQUAL(batch_write(batch, &json), 0);
    struct queue_item item = {json.bytes, json.length};
    CU_ASSERT_EQUAL(h->handle(h->context, &item, now_ms, &e), 0);
    CU_ASSERT_EQUAL(h->collect(h->context, now_ms, &settlement, &e), 0);
    size_t dead = settlement.dead_count;
    h->forget(h->context);
    buf_fini(&json);
    return dead;
}

static void test_clocks_differ(void)
{
    static const int64_t apart_days[] = {31, -31, 29, -29, 400};

    for (size_t i = 0; i < sizeof apart_days / sizeof apart_days[0]; i++) {
        int64_t redis_ms = clock_wall_ms() - apart_days[i] * DAY_MS;
        fixture_conf(&conf);
        struct save *save = save_new(&conf, slots_new(1, 0));
        struct consumer_handler h = save_handler(save);
        CU_ASSERT_EQUAL(save_open(save, &e), 0);
        /* A batch two days old by Redis' time; then so many that markers are looked through. */
        CU_ASSERT_EQUAL(save_at(&h, 1, redis_ms - 2 * DAY_MS, redis_ms), 0);
        for (unsigned k = 2; k < 300; k++)
            CU_ASSERT_EQUAL(save_at(&h, k, redis_ms, redis_ms), 0);
        CU_ASSERT_EQUAL(save_at(&h, 1, redis_ms - 2 * DAY_MS, redis_ms), 0); /* again */
        save_free(save);
        CU_ASSERT_EQUAL(fixture_sums(&conf).articles, 299);
        harness_end();
    }
}

/* Redis' clock goes 40 days ahead and comes back, the machine's with it: only this process knows.
 */
static void test_clock_jumps(void)
{
    int64_t now_ms = clock_wall_ms();

    fixture_conf(&conf);
    struct save *save = save_new(&conf, slots_new(1, 0));
    struct consumer_handler h = save_handler(save);
    CU_ASSERT_EQUAL(save_open(save, &e), 0);
    CU_ASSERT_EQUAL(save_at(&h, 1, now_ms, now_ms), 0);
    for (unsigned k = 2; k < 300; k++)
        CU_ASSERT_EQUAL(save_at(&h, k, now_ms + 40 * DAY_MS, now_ms + 40 * DAY_MS), 0);
    CU_ASSERT_EQUAL(save_at(&h, 400, now_ms, now_ms + 40 * DAY_MS), 0); /* not too old */
    CU_ASSERT_EQUAL(save_at(&h, 1, now_ms, now_ms), 0);                 /* counted before */
    save_free(save);
    CU_ASSERT_EQUAL(fixture_sums(&conf).articles, 300);
    harness_end();
}

/* A child that holds the store's lock until a first try has failed, which the shared slot shows.
 * Then it ends, which frees the lock; or it sends `signal` first and keeps the lock until killed.
 */
static pid_t hold_lock(struct slot *slot, int signal_number)
{
    int ready[2];
    char byte;

    CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
    pid_t pid = fork();
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        sqlite3 *db;
        int64_t deadline = clock_ms() + 20000;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (sqlite3_open(conf.store.path, &db) != SQLITE_OK ||
            sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK ||
            write(ready[1], "", 1) != 1)
            _exit(1);
        while (atomic_load(&slot->beat_ms) == 0 && clock_ms() < deadline)
            stop_sleep_ms(5);
        if (signal_number) {
            kill(getppid(), signal_number);
            for (;;)
                pause();
        }
        _exit(0);
    }
    CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void save_while_locked(int signal_number, size_t expected)
{
    struct buf json;
    struct slot *slot = slots_new(1, 0);

    stop_setup();
    fixture_conf(&conf);
    struct save *save = save_new(&conf, slot);
    struct consumer_handler h = save_handler(save);
    CU_ASSERT_EQUAL(save_open(save, &e), 0);
    struct queue_item item = item_of(&json, 1);
    pid_t pid = hold_lock(slot, signal_number);
    CU_ASSERT_EQUAL(save_item(&h, &item), expected);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    save_free(save);
    buf_fini(&json);
    CU_ASSERT_EQUAL(fixture_sums(&conf).articles, expected);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    harness_end();
}

static void test_waits_for_store(void)
{
    save_while_locked(0, 1);
}
WITH_KEYS(test_waits_for_store)

static void test_stop_ends_waiting(void)
{
    save_while_locked(SIGTERM, 0);
    stop_setup(); /* forget the stop */
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
}
WITH_KEYS(test_stop_ends_waiting)

/* The directory is taken away and put back as a new one: the saver starts a new file there. */
static void test_store_is_opened_anew(void)
{
    struct buf json;

    fixture_conf(&conf);
    struct save *save = save_new(&conf, slots_new(1, 0));
    struct consumer_handler h = save_handler(save);
    struct queue_item item = item_of(&json, 1);
    CU_ASSERT_EQUAL(save_item(&h, &item), 1);
    unlink(conf.store.path);
    CU_ASSERT_EQUAL(save_item(&h, &item), 1);
    save_free(save);
    buf_fini(&json);
    CU_ASSERT_EQUAL(fixture_sums(&conf).articles, 1);
    harness_end();
}
WITH_KEYS(test_store_is_opened_anew)

static int quiet(void)
{
    log_setup("savers", "error", "logfmt");
    return 0;
}

static int loud(void)
{
    log_setup("test", "info", "logfmt");
    return 0;
}

void suite_save(void)
{
    CU_pSuite suite = CU_add_suite("save", quiet, loud);

    CU_add_test(suite, "clocks that differ: nothing refused or forgotten", test_clocks_differ);
    CU_add_test(suite, "a clock that jumps", test_clock_jumps);
    CU_add_test(suite, "a bad batch is dead, its neighbours go on", test_bad_neighbour_with_keys);
    CU_add_test(suite, "a store that is away is waited for", test_waits_for_store_with_keys);
    CU_add_test(suite, "a stop ends the waiting", test_stop_ends_waiting_with_keys);
    CU_add_test(suite, "a file that went is opened anew", test_store_is_opened_anew_with_keys);
}
