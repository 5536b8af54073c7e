/* The contract of common/QUEUES.md against a real redis-server: each invariant has a test that
 * fails without it. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/queue.h"
#include "common/slots.h"
#include "tests/harness/harness.h"

static struct redis redis;
static struct conf conf;
static int start(void)
{
    char url[100];
    const char *options[] = {url, "workers.max_results=1000000"};
    struct conf_sources from = {.options = options, .option_count = 2};
    struct err e;

    redis_start(&redis);
    snprintf(url, sizeof url, "redis.url=%s", redis.url);
    return conf_load(&from, &conf, &e);
}

static int end(void)
{
    conf_fini(&conf);
    redis_stop(&redis);
    harness_end();
    return 0;
}

/* All of one name are one family. */
static int make(enum queue_list list, const char *id, int slot, int slots, struct queue **q)
{
    struct instance instance = {.tokens = "here"};
    struct err e;

    snprintf(instance.id, sizeof instance.id, "%s", id);
    return queue_new(&conf, list, &instance, slot, slots, q, &e);
}

static struct queue *enter(enum queue_list list, const char *instance, int slot, int slots)
{
    struct queue *q;
    struct err e;

    CU_ASSERT_EQUAL_FATAL(make(list, instance, slot, slots, &q), 0);
    CU_ASSERT_EQUAL_FATAL(queue_enter(q, true, NULL, NULL, &e), 0);
    return q;
}

static void push_items(int count)
{
    free(redis_text(&redis, "FLUSHALL"));
    for (int i = 0; i < count; i++)
        redis_int(&redis, "LPUSH newsmill:articles %d", i);
}

static long long held(void)
{
    long long sum = 0;
    static const char script[] =
        "local sum = 0 for _, key in ipairs(redis.call('KEYS', 'newsmill:*:hold:*')) do "
        "sum = sum + redis.call('LLEN', key) end return sum";

    sum = redis_int(&redis, "EVAL %s 0", script);
    return sum;
}

static int settle_one(struct queue *q, size_t done, const char *batch, const char *dead)
{
    struct buf batches[1], deads[1];
    struct err e;

    buf_init(batches, 1000);
    buf_init(deads, 1000);
    if (batch)
        buf_append_text(batches, batch);
    if (dead)
        buf_append_text(deads, dead);
    int code = queue_settle(q, done, batches, batch != NULL, deads, dead != NULL, &e);
    buf_fini(batches);
    buf_fini(deads);
    return code;
}

static void test_oldest_first(void)
{
    const struct queue_item *items;
    struct err e;

    push_items(5);
    struct queue *q = enter(QUEUE_ARTICLES, "here", 0, 1);
    CU_ASSERT_EQUAL_FATAL(queue_claim(q, 2, 1000, &items, &e), 2);
    CU_ASSERT_NSTRING_EQUAL(items[0].bytes, "0", 1);
    CU_ASSERT_NSTRING_EQUAL(items[1].bytes, "1", 1);
    CU_ASSERT_EQUAL_FATAL(queue_claim(q, 10, 2, &items, &e), 2); /* the bytes end it */
    CU_ASSERT_NSTRING_EQUAL(items[1].bytes, "3", 1);
    /* Settling three leaves the youngest of the four in the hold. */
    CU_ASSERT_EQUAL(settle_one(q, 3, "batch", NULL), 0);
    CU_ASSERT_EQUAL(held(), 1);
    CU_ASSERT_EQUAL(queue_leave(q, &e), 0);
    CU_ASSERT_EQUAL(held(), 0);
    char *oldest = redis_text(&redis, "LINDEX newsmill:articles -1");
    CU_ASSERT_STRING_EQUAL(oldest, "3"); /* given back to where it was */
    free(oldest);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles"), 2);
    CU_ASSERT_EQUAL(redis_int(&redis, "ZCARD newsmill:owners"), 0);
    queue_free(q);
}

static void test_settle_is_fenced(void)
{
    const struct queue_item *items;
    struct err e;

    push_items(3);
    struct queue *old = enter(QUEUE_ARTICLES, "here", 0, 1);
    CU_ASSERT_EQUAL_FATAL(queue_claim(old, 2, 1000, &items, &e), 2);
    struct queue *new = enter(QUEUE_ARTICLES, "here", 0, 1);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles"), 3);
    CU_ASSERT_EQUAL_FATAL(queue_claim(new, 2, 1000, &items, &e), 2);
    CU_ASSERT_EQUAL(settle_one(old, 2, "late batch", "late dead"), ERR_FENCED);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:results"), 0);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles:dead"), 0);
    CU_ASSERT_EQUAL(held(), 2);
    CU_ASSERT_EQUAL(settle_one(new, 2, "batch", NULL), 0);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:results"), 1);
    queue_free(old);
    queue_free(new);
}

static void test_claim_is_fenced(void)
{
    const struct queue_item *items;
    struct err e;

    push_items(3);
    struct queue *old = enter(QUEUE_ARTICLES, "here", 0, 1);
    struct queue *new = enter(QUEUE_ARTICLES, "here", 0, 1);
    CU_ASSERT_EQUAL(queue_claim(old, 2, 1000, &items, &e), ERR_FENCED);
    CU_ASSERT_EQUAL(held(), 0);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles"), 3);
    queue_free(old);
    queue_free(new);
}

/* A full claim, wait and enter of one slot never touches another slot's or machine's hold. */
static void test_enter_takes_only_its_own(void)
{
    const struct queue_item *items;
    struct err e;

    push_items(8);
    struct queue *q[4] = {
        enter(QUEUE_ARTICLES, "here", 0, 3),
        enter(QUEUE_ARTICLES, "here", 1, 3),
        enter(QUEUE_ARTICLES, "here", 2, 3),
        enter(QUEUE_ARTICLES, "elsewhere", 0, 3),
    };
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(queue_claim(q[i], 2, 1000, &items, &e), 2);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles"), 0);
    struct queue *again = enter(QUEUE_ARTICLES, "here", 1, 3);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles"), 2);
    queue_free(again);
    /* With only two slots left, slot 0 inherits what slot 2 had, and still not slot 1's. */
    again = enter(QUEUE_ARTICLES, "here", 0, 2);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles"), 6);
    CU_ASSERT_EQUAL(held(), 2); /* elsewhere's */
    queue_free(again);
    for (int i = 0; i < 4; i++)
        queue_free(q[i]);
}

/* Two generations of one machine live side by side during a reload; without one, what a dead
 * generation held comes back too. */
static void test_generations(void)
{
    const struct queue_item *items;
    struct err e;

    push_items(4);
    struct queue *old = enter(QUEUE_ARTICLES, "here", 0, 1), *new;
    CU_ASSERT_EQUAL(queue_claim(old, 2, 1000, &items, &e), 2);
    CU_ASSERT_EQUAL_FATAL(make(QUEUE_ARTICLES, "here", SLOTS_STRIDE, 1, &new), 0);
    CU_ASSERT_EQUAL(queue_enter(new, false, NULL, NULL, &e), 0);
    CU_ASSERT_EQUAL(queue_claim(new, 1, 1000, &items, &e), 1);
    CU_ASSERT_EQUAL(held(), 3);
    CU_ASSERT_EQUAL(settle_one(old, 2, "batch", NULL), 0);      /* not disturbed */
    CU_ASSERT_EQUAL(queue_enter(old, true, NULL, NULL, &e), 0); /* a fresh start: inherits */
    CU_ASSERT_EQUAL(held(), 0);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles"), 2);
    CU_ASSERT_EQUAL(settle_one(new, 1, "late", NULL), ERR_FENCED);
    queue_free(old);
    queue_free(new);
}

/* An item that is blamed three times is handed out as poison, its neighbours go back. */
static void test_strikes(void)
{
    const struct queue_item *items;
    struct queue_poison poison;
    char owner[SLOTS_OWNER_BYTES];
    struct err e;

    push_items(3);
    struct queue *q = enter(QUEUE_ARTICLES, "here", 0, 1);
    for (unsigned strike = 1; strike <= 3; strike++) {
        CU_ASSERT_EQUAL_FATAL(queue_claim(q, 3, 1000, &items, &e), 3);
        snprintf(owner, sizeof owner, "%s", queue_owner(q));
        struct queue_blame blame = {.owner = owner, .index = 1}; /* item "1", the second oldest */
        CU_ASSERT_EQUAL_FATAL(queue_enter(q, true, &blame, &poison, &e), 0);
        /* The same blame again, as after a lost answer, gives no second strike. */
        if (strike < 3)
            CU_ASSERT_EQUAL_FATAL(queue_enter(q, true, &blame, &poison, &e), 0);
        CU_ASSERT_EQUAL(poison.item.bytes != NULL, strike == 3);
    }
    CU_ASSERT_EQUAL_FATAL(poison.item.length, 1);
    CU_ASSERT_EQUAL(poison.item.bytes[0], '1');
    CU_ASSERT_EQUAL(poison.strikes, 3);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles"), 2);
    CU_ASSERT_EQUAL(held(), 1);
    CU_ASSERT_EQUAL(settle_one(q, 1, NULL, "dead"), 0);
    CU_ASSERT_EQUAL(held(), 0);
    CU_ASSERT_EQUAL(redis_int(&redis, "HLEN newsmill:attempts"), 0);
    queue_free(q);
}

static void test_janitor(void)
{
    const struct queue_item *items;
    struct queue_state state;
    struct queue *janitor;
    struct err e;

    push_items(4);
    struct queue *mine = enter(QUEUE_ARTICLES, "here", 0, 1);
    struct queue *theirs = enter(QUEUE_ARTICLES, "elsewhere", 0, 1);
    CU_ASSERT_EQUAL(queue_claim(mine, 1, 1000, &items, &e), 1);
    CU_ASSERT_EQUAL(queue_claim(theirs, 2, 1000, &items, &e), 2);
    CU_ASSERT_EQUAL_FATAL(make(QUEUE_ARTICLES, "here", 0, 1, &janitor), 0);
    const char *owners[] = {queue_owner(mine), "workers:gone:0:1"};
    CU_ASSERT_EQUAL(queue_renew(janitor, owners, 2, &state, &e), 0);
    CU_ASSERT_EQUAL(state.taken_over, 0);
    CU_ASSERT_EQUAL(state.held, 3);
    CU_ASSERT_EQUAL(state.owners, 2); /* a name that is not registered is not brought back */
    /* Both leases end; one of the two is renewed in the same round that looks for ended ones. */
    redis_int(&redis, "ZADD newsmill:owners 1 %s", queue_owner(mine));
    redis_int(&redis, "ZADD newsmill:owners 1 %s", queue_owner(theirs));
    CU_ASSERT_EQUAL(queue_renew(janitor, owners, 1, &state, &e), 0);
    CU_ASSERT_EQUAL(state.taken_over, 1);
    CU_ASSERT_EQUAL(state.returned, 2);
    CU_ASSERT_EQUAL(state.waiting, 3);
    CU_ASSERT_EQUAL(state.held, 1);
    CU_ASSERT_EQUAL(settle_one(theirs, 2, "late", NULL), ERR_FENCED);
    CU_ASSERT_EQUAL(settle_one(mine, 1, "batch", NULL), 0);
    queue_free(mine);
    queue_free(theirs);
    queue_free(janitor);
}

static void test_waiting_moves_nothing(void)
{
    struct err e;

    push_items(3);
    struct queue *q = enter(QUEUE_ARTICLES, "here", 0, 1);
    CU_ASSERT_EQUAL(queue_wait(q, 1000, &e), 0);
    char *list =
        redis_text(&redis, "EVAL %s 0",
                   "return table.concat(redis.call('LRANGE', 'newsmill:articles', 0, -1), ' ')");
    CU_ASSERT_STRING_EQUAL(list, "2 1 0");
    free(list);
    free(redis_text(&redis, "FLUSHALL"));
    CU_ASSERT_EQUAL(queue_wait(q, 20, &e), 0); /* nothing there: ends by itself */
    queue_free(q);
}

static void test_full_redis_drains(void)
{
    const struct queue_item *items;
    struct err e;

    push_items(2);
    struct queue *q = enter(QUEUE_ARTICLES, "here", 0, 1);
    free(redis_text(&redis, "CONFIG SET maxmemory 1"));
    CU_ASSERT_EQUAL(redis_int(&redis, "LPUSH newsmill:articles refused"), -1);
    CU_ASSERT_EQUAL(queue_wait(q, 10, &e), 0);
    CU_ASSERT_EQUAL(queue_claim(q, 1, 1000, &items, &e), 1);
    CU_ASSERT_EQUAL(settle_one(q, 1, "batch", NULL), 0);
    CU_ASSERT_EQUAL(queue_claim(q, 1, 1000, &items, &e), 1);
    CU_ASSERT_EQUAL(queue_enter(q, true, NULL, NULL, &e), 0);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles"), 1);
    CU_ASSERT_EQUAL(queue_leave(q, &e), 0);
    free(redis_text(&redis, "CONFIG SET maxmemory 0"));
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:results"), 1);
    queue_free(q);
}

static void test_results_hold_workers_back(void)
{
    const struct queue_item *items;
    struct err e;

    push_items(2);
    redis_int(&redis, "LPUSH newsmill:results one");
    conf.workers.max_results = 1;
    struct queue *worker = enter(QUEUE_ARTICLES, "here", 0, 1);
    struct queue *saver = enter(QUEUE_RESULTS, "here", 0, 1);
    conf.workers.max_results = 1000000;
    CU_ASSERT_EQUAL(queue_claim(worker, 2, 1000, &items, &e), 0);
    CU_ASSERT_EQUAL(queue_claim(saver, 2, 1000, &items, &e), 1); /* savers go on */
    CU_ASSERT_EQUAL(settle_one(saver, 1, NULL, NULL), 0);
    CU_ASSERT_EQUAL(queue_claim(worker, 2, 1000, &items, &e), 2);
    queue_free(worker);
    queue_free(saver);
}

static void test_a_lost_connection_is_doubt(void)
{
    const struct queue_item *items;
    struct err e;

    push_items(3);
    struct queue *q = enter(QUEUE_ARTICLES, "here", 0, 1);
    CU_ASSERT_EQUAL_FATAL(queue_claim(q, 2, 1000, &items, &e), 2);
    redis_int(&redis, "CLIENT KILL TYPE normal SKIPME yes");
    CU_ASSERT_EQUAL(settle_one(q, 2, "batch", NULL), ERR_AGAIN);
    CU_ASSERT_EQUAL(queue_claim(q, 2, 1000, &items, &e), ERR_AGAIN); /* stays broken until enter */
    CU_ASSERT_EQUAL(queue_enter(q, true, NULL, NULL, &e), 0);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles"), 3);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:results"), 0);
    free(redis_text(&redis, "SCRIPT FLUSH"));
    CU_ASSERT_EQUAL(queue_claim(q, 2, 1000, &items, &e), ERR_AGAIN); /* NOSCRIPT is doubt too */
    CU_ASSERT_EQUAL(queue_enter(q, true, NULL, NULL, &e), 0);
    CU_ASSERT_EQUAL(queue_claim(q, 2, 1000, &items, &e), 2);
    queue_free(q);
}

/* --- every item in exactly one place, under random moves ----------------------------------------
 */

#define ITEMS  60
#define ACTORS 3
#define STEPS  3000

struct actor {
    struct queue *queue;
    int slot;
    char items[ITEMS][8]; /* claimed and not settled, oldest first */
    int count;
};

static unsigned seed = 12345;

static unsigned draw(unsigned below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

/* Looks at every list: each number 0..ITEMS-1 must be there once, batches being "n n n". */
static bool all_in_one_place(void)
{
    static const char script[] =
        "local seen = {} "
        "for _, key in ipairs(redis.call('KEYS', 'newsmill:*')) do "
        " if redis.call('TYPE', key).ok == 'list' then "
        "  for _, value in ipairs(redis.call('LRANGE', key, 0, -1)) do "
        "   for n in value:gmatch('%d+') do seen[n] = (seen[n] or 0) + 1 end end end end "
        "for n = 0, ARGV[1] - 1 do if seen[tostring(n)] ~= 1 then return 0 end end return 1";

    return redis_int(&redis, "EVAL %s 0 %d", script, ITEMS) == 1;
}

static bool stats_add_up(void)
{
    static const char script[] =
        "local get = function(f) return tonumber(redis.call('HGET', 'newsmill:stats', f) or 0) end "
        "local held = 0 for _, key in ipairs(redis.call('KEYS', 'newsmill:articles:hold:*')) do "
        "held = held + redis.call('LLEN', key) end "
        "return get('claimed') == get('worked') + get('returned') + get('dead_in') + held "
        "and get('batches') == redis.call('LLEN', 'newsmill:results') and 1 or 0";

    return redis_int(&redis, "EVAL %s 0", script) == 1;
}

static void step(struct actor *a)
{
    const struct queue_item *items;
    char batch[ITEMS * 8] = "";
    struct err e;
    int n, done;

    switch (draw(8)) {
    case 0: /* crash: a new process in the same slot */
        queue_free(a->queue);
        a->queue = enter(QUEUE_ARTICLES, "here", a->slot, ACTORS);
        a->count = 0;
        break;
    case 1: /* declared dead by another, while this one goes on */
        queue_free(enter(QUEUE_ARTICLES, "here", a->slot, ACTORS));
        break;
    case 2: /* settle some of what it believes to hold */
    case 3:
        done = a->count ? 1 + (int)draw((unsigned)a->count) : 0;
        for (int i = 0; i < done - 1; i++) {
            strncat(batch, a->items[i], 8);
            strncat(batch, " ", 2);
        }
        if (settle_one(a->queue, (size_t)done, done > 1 ? batch : NULL,
                       done ? a->items[done - 1] : NULL) < 0) {
            CU_ASSERT_EQUAL(queue_enter(a->queue, true, NULL, NULL, &e), 0);
            a->count = 0;
            break;
        }
        memmove(a->items, a->items + done, (size_t)(a->count - done) * sizeof a->items[0]);
        a->count -= done;
        break;
    default:
        n = queue_claim(a->queue, 1 + (int)draw(4), 1000, &items, &e);
        if (n < 0) {
            CU_ASSERT_EQUAL(queue_enter(a->queue, true, NULL, NULL, &e), 0);
            a->count = 0;
        }
        for (int i = 0; i < n; i++)
            snprintf(a->items[a->count++], 8, "%.*s", (int)items[i].length, items[i].bytes);
    }
}

static void test_exactly_one_place(void)
{
    struct actor actors[ACTORS] = {{0}};
    bool in_place = true, add_up = true;

    push_items(ITEMS);
    for (int i = 0; i < ACTORS; i++)
        actors[i] = (struct actor){.slot = i, .queue = enter(QUEUE_ARTICLES, "here", i, ACTORS)};
    for (int i = 0; i < STEPS && in_place && add_up; i++) {
        step(&actors[draw(ACTORS)]);
        in_place = all_in_one_place();
        add_up = stats_add_up();
    }
    CU_ASSERT(in_place);
    CU_ASSERT(add_up);
    for (int i = 0; i < ACTORS; i++)
        queue_free(actors[i].queue);
}

void suite_queue(void);
void suite_queue(void)
{
    CU_pSuite suite = CU_add_suite("queue", start, end);

    CU_add_test(suite, "oldest first, settle drops the oldest, leave gives back",
                test_oldest_first);
    CU_add_test(suite, "a late settle touches nothing", test_settle_is_fenced);
    CU_add_test(suite, "a late claim takes nothing", test_claim_is_fenced);
    CU_add_test(suite, "enter gives back its own slot's hold only", test_enter_takes_only_its_own);
    CU_add_test(suite, "two generations side by side", test_generations);
    CU_add_test(suite, "three strikes make an item dead", test_strikes);
    CU_add_test(suite, "leases are renewed, ended ones taken over", test_janitor);
    CU_add_test(suite, "waiting moves nothing", test_waiting_moves_nothing);
    CU_add_test(suite, "a full redis drains", test_full_redis_drains);
    CU_add_test(suite, "results above their mark hold workers back",
                test_results_hold_workers_back);
    CU_add_test(suite, "a lost connection is doubt", test_a_lost_connection_is_doubt);
    CU_add_test(suite, "an item is in exactly one place", test_exactly_one_place);
}
