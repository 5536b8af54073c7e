/* Every script, cut short after each of its commands (Redis keeps what came before an error): each
 * item is in exactly one place then, and nobody who may still move items has lost some of them. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/err.h"
#include "tests/harness/harness.h"

#define ITEMS        "one two three four five six"
#define OWNER        "workers:here:0:7"
#define MOST_COMMAND 60

static struct redis redis;

static int start(void)
{
    redis_start(&redis);
    return 0;
}

static int end(void)
{
    redis_stop(&redis);
    harness_end();
    return 0;
}

/* The script of a file; its redis.call fails once it has been used `commands` times. To free. */
static char *script_cut_after(const char *path, int commands)
{
    static const char fuse[] =
        "local real, left = redis, %d\n"
        "local function use(way) return function(...)\n"
        "  if left == 0 then error('cut') end\n"
        "  left = left - 1\n"
        "  return way(...) end end\n"
        "local redis = setmetatable({call = use(real.call), pcall = use(real.pcall)},\n"
        "                           {__index = real})\n";
    char line[4096];
    FILE *file = fopen(path, "re");
    struct buf text;

    if (!file || !fgets(line, sizeof line, file))
        panic("%s cannot be read", path);
    buf_init(&text, 1 << 20);
    buf_append_text(&text, line); /* the flags */
    snprintf(line, sizeof line, fuse, commands);
    buf_append_text(&text, line);
    while (fgets(line, sizeof line, file))
        buf_append_text(&text, line);
    fclose(file);
    char *out = xstrdup(text.bytes);
    buf_fini(&text);
    return out;
}

/* Items one to four are in the owner's hold, one is the oldest; five and six wait. */
static void prepare(void)
{
    free(redis_text(&redis, "FLUSHALL"));
    redis_int(&redis, "LPUSH newsmill:articles five six");
    redis_int(&redis, "LPUSH newsmill:articles:hold:" OWNER " one two three four");
    redis_int(&redis, "ZADD newsmill:owners 1 " OWNER);
    redis_int(&redis, "HSET newsmill:stats epoch 7");
}

/* Each word of ITEMS is in exactly one list, as an item or inside of a batch or dead entry. */
static bool all_in_one_place(void)
{
    static const char script[] =
        "local seen = {} "
        "for _, key in ipairs(redis.call('KEYS', 'newsmill:*')) do "
        " if redis.call('TYPE', key).ok == 'list' then "
        "  for _, value in ipairs(redis.call('LRANGE', key, 0, -1)) do "
        "   for word in value:gmatch('%a+') do seen[word] = (seen[word] or 0) + 1 end end end end "
        "for word in ARGV[1]:gmatch('%a+') do if seen[word] ~= 1 then return 0 end end return 1";

    return redis_int(&redis, "EVAL %s 0 %s", script, ITEMS) == 1;
}

static bool is_registered(void)
{
    return redis_int(&redis, "ZSCORE newsmill:owners " OWNER) > 0;
}

/* A registered owner goes on: its hold must have all it took, or nobody must listen to it. */
static bool owner_is_whole_or_gone(void)
{
    long long held = redis_int(&redis, "LLEN newsmill:articles:hold:" OWNER);

    return held == 4 || !is_registered();
}

/* Every other hold has a registered owner. */
static bool new_owner_is_registered(void)
{
    static const char script[] =
        "for _, key in ipairs(redis.call('KEYS', 'newsmill:articles:hold:*')) do "
        " local owner = key:match(':hold:(.*)') "
        " if owner ~= ARGV[1] and not redis.call('ZSCORE', 'newsmill:owners', owner) then "
        "  return 0 end end return 1";

    return redis_int(&redis, "EVAL %s 0 " OWNER, script) == 1;
}

/* Runs one script with the words of a command line; true where it came to its end. */
typedef bool runner(const char *script);

static void cut_everywhere(const char *path, runner *run)
{
    bool whole = false;
    int commands = 0;

    for (; !whole && commands < MOST_COMMAND; commands++) {
        char *script = script_cut_after(path, commands);
        prepare();
        whole = run(script);
        free(script);
        CU_ASSERT_TRUE(all_in_one_place());
        CU_ASSERT_TRUE(owner_is_whole_or_gone());
        CU_ASSERT_TRUE(new_owner_is_registered());
    }
    CU_ASSERT_TRUE(whole);
    CU_ASSERT_TRUE(commands > 2);
}

static bool run_enter(const char *script)
{
    /* The blamed item is the second oldest, two others are younger; it has two strikes. */
    free(redis_text(&redis, "EVAL %s 0",
                    "redis.call('HSET', 'newsmill:attempts', redis.sha1hex('two'), '2:' .. "
                    "redis.call('TIME')[1] .. '000')"));
    return redis_int(&redis,
                     "EVAL %s 5 newsmill:articles newsmill:owners newsmill:stats "
                     "newsmill:attempts newsmill:living:workers:here workers:here: 0 1024 1 1 "
                     "15000 returned " OWNER " 1 3 604800000 1 here",
                     script) >= 0;
}

static void test_enter(void)
{
    cut_everywhere("common/enter.lua", run_enter);
    /* Whole: the blamed one is held by the new owner, the others wait in their order. */
    char *held = redis_text(&redis, "LINDEX newsmill:articles:hold:workers:here:0:8 0");
    char *next = redis_text(&redis, "LINDEX newsmill:articles -1");
    CU_ASSERT_STRING_EQUAL(held ? held : "", "two");
    CU_ASSERT_STRING_EQUAL(next ? next : "", "one");
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles"), 5);
    CU_ASSERT_EQUAL(redis_int(&redis, "HLEN newsmill:attempts"), 0);
    free(held);
    free(next);
}

static bool run_enter_unseen(const char *script)
{
    free(redis_text(&redis, "EVAL %s 0",
                    "redis.call('HSET', 'newsmill:attempts', 'kill:' .. redis.sha1hex('two'), "
                    "'2:' .. redis.call('TIME')[1] .. '000')"));
    return redis_int(&redis,
                     "EVAL %s 5 newsmill:articles newsmill:owners newsmill:stats "
                     "newsmill:attempts newsmill:living:workers:here workers:here: 0 1024 1 1 "
                     "15000 returned " OWNER " 1 3 604800000 0 here",
                     script) >= 0;
}

/* The item whose processes were killed three times, and nobody knows why, waits behind the others.
 */
static void test_enter_unseen(void)
{
    cut_everywhere("common/enter.lua", run_enter_unseen);
    char *last = redis_text(&redis, "LINDEX newsmill:articles 0");
    char *next = redis_text(&redis, "LINDEX newsmill:articles -1");
    CU_ASSERT_STRING_EQUAL(last ? last : "", "two");
    CU_ASSERT_STRING_EQUAL(next ? next : "", "one");
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles"), 6);
    free(last);
    free(next);
}

static bool run_leave(const char *script)
{
    return redis_int(&redis,
                     "EVAL %s 4 newsmill:articles newsmill:articles:hold:" OWNER
                     " newsmill:owners newsmill:stats " OWNER " returned",
                     script) >= 0;
}

static void test_leave(void)
{
    cut_everywhere("common/leave.lua", run_leave);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles"), 6);
}

static bool run_renew(const char *script)
{
    return redis_int(&redis,
                     "EVAL %s 4 newsmill:articles newsmill:owners newsmill:stats "
                     "newsmill:living:workers:here workers: 15000 returned here",
                     script) >= 0;
}

static void test_renew(void)
{
    cut_everywhere("common/renew.lua", run_renew);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles"), 6);
}

static bool run_sweep(const char *script)
{
    redis_int(&redis, "ZREM newsmill:owners " OWNER);
    return redis_int(&redis,
                     "EVAL %s 4 newsmill:articles newsmill:articles:hold:" OWNER
                     " newsmill:owners newsmill:stats " OWNER " returned",
                     script) >= 0;
}

static void test_sweep(void)
{
    cut_everywhere("common/sweep.lua", run_sweep);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles"), 6);
    char *script = script_cut_after("common/sweep.lua", MOST_COMMAND);
    prepare(); /* here the owner is registered */
    CU_ASSERT_EQUAL(redis_int(&redis,
                              "EVAL %s 4 newsmill:articles newsmill:articles:hold:" OWNER
                              " newsmill:owners newsmill:stats " OWNER " returned",
                              script),
                    0);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles"), 2);
    free(script);
}

/* Enters with these tokens, blaming nobody; -1: refused. */
static long long enter_with(const char *script, const char *tokens)
{
    return redis_int(&redis,
                     "EVAL %s 5 newsmill:articles newsmill:owners newsmill:stats "
                     "newsmill:attempts newsmill:living:workers:here workers:here: 0 1024 1 1 "
                     "15000 returned nobody 0 3 604800000 1 %s",
                     script, tokens);
}

/* Where another token of the instance lives, nothing is touched and nothing renewed. */
static void test_enter_in_use(void)
{
    static const char *const strangers[] = {"elsewhere", "her", "here0", "be"};
    char *script = script_cut_after("common/enter.lua", MOST_COMMAND * 2);
    char *renew = script_cut_after("common/renew.lua", MOST_COMMAND * 2);

    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        prepare();
        free(redis_text(&redis, "SET newsmill:living:workers:here %s PX 60000", strangers[i]));
        CU_ASSERT_EQUAL(enter_with(script, "here before"), -1);
        CU_ASSERT_TRUE(is_registered());
        CU_ASSERT_EQUAL(redis_int(&redis, "ZCARD newsmill:owners"), 1);
        CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles:hold:" OWNER), 4);
        CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles"), 2);
        CU_ASSERT_TRUE(run_renew(renew));
        CU_ASSERT_TRUE(redis_int(&redis, "PTTL newsmill:living:workers:here") > 15000);
    }
    /* That of the predecessor is none, nor is our own. */
    for (int i = 0; i < 2; i++) {
        prepare();
        free(redis_text(&redis, "SET newsmill:living:workers:here %s PX 60000",
                        i ? "here" : "before"));
        CU_ASSERT_EQUAL(enter_with(script, "here before"), 5);
        CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles"), 6);
        char *living = redis_text(&redis, "GET newsmill:living:workers:here");
        CU_ASSERT_STRING_EQUAL(living ? living : "", "here");
        free(living);
        CU_ASSERT_TRUE(redis_int(&redis, "PTTL newsmill:living:workers:here") <= 15000);
    }
    free(script);
    free(renew);
}

/* What other programs wrote into the hash of strikes, or in its place, keeps nobody out. */
static void test_spoilt_attempts(void)
{
    static const char *const spoils[] = {
        "return redis.call('HSET', 'newsmill:attempts', 'other', 'nonsense')",
        "return redis.call('HSET', 'newsmill:attempts', 'other', '1:')",
        "return redis.call('SET', 'newsmill:attempts', 'text')",
        NULL,
    };
    char *script = script_cut_after("common/enter.lua", MOST_COMMAND * 2);

    for (int i = 0; spoils[i]; i++) {
        prepare();
        redis_int(&redis, "EVAL %s 0", spoils[i]);
        CU_ASSERT_EQUAL(redis_int(&redis,
                                  "EVAL %s 5 newsmill:articles newsmill:owners newsmill:stats "
                                  "newsmill:attempts newsmill:living:workers:here workers:here: 0 "
                                  "1024 1 1 15000 returned " OWNER " 1 3 604800000 1 here",
                                  script),
                        5);
        CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles"), 6);
    }
    /* A field of the blamed item itself that cannot be read counts as no strike yet. */
    prepare();
    free(redis_text(&redis, "EVAL %s 0",
                    "redis.call('HSET', 'newsmill:attempts', redis.sha1hex('two'), 'x')"));
    CU_ASSERT_EQUAL(redis_int(&redis,
                              "EVAL %s 5 newsmill:articles newsmill:owners newsmill:stats "
                              "newsmill:attempts newsmill:living:workers:here workers:here: 0 1024 "
                              "1 1 15000 returned " OWNER " 1 3 604800000 1 here",
                              script),
                    5);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles"), 6);
    free(script);
}

/* A key of a wrong type makes a script fail before it has moved anything. */
static void test_wrong_types(void)
{
    char *settle = script_cut_after("common/settle.lua", MOST_COMMAND);
    char *retry = script_cut_after("cli/retry.lua", MOST_COMMAND);

    prepare();
    free(redis_text(&redis, "SET newsmill:articles:dead text"));
    CU_ASSERT_EQUAL(redis_int(&redis,
                              "EVAL %s 5 newsmill:articles:hold:" OWNER
                              " newsmill:owners newsmill:stats newsmill:results "
                              "newsmill:articles:dead " OWNER
                              " 2 1 1 15000 worked dead_in batches 0 batch-of-one dead-two",
                              settle),
                    -1);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:results"), 0);
    CU_ASSERT_TRUE(all_in_one_place());

    prepare();
    free(redis_text(&redis, "SET newsmill:articles text"));
    redis_int(&redis, "LPUSH newsmill:articles:dead dead-seven");
    CU_ASSERT_EQUAL(redis_int(&redis,
                              "EVAL %s 3 newsmill:articles:dead newsmill:articles newsmill:stats "
                              "retried dead-seven seven",
                              retry),
                    -1);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN newsmill:articles:dead"), 1);
    free(settle);
    free(retry);
}

void suite_scripts(void);
void suite_scripts(void)
{
    CU_pSuite s = CU_add_suite("scripts", start, end);

    CU_add_test(s, "enter, cut after each command", test_enter);
    CU_add_test(s, "enter after unseen kills, cut after each command", test_enter_unseen);
    CU_add_test(s, "enter, the instance lives elsewhere", test_enter_in_use);
    CU_add_test(s, "leave, cut after each command", test_leave);
    CU_add_test(s, "renew, cut after each command", test_renew);
    CU_add_test(s, "sweep, cut after each command; of registered owners nothing", test_sweep);
    CU_add_test(s, "a spoilt hash of strikes keeps nobody out", test_spoilt_attempts);
    CU_add_test(s, "keys of a wrong type touch nothing", test_wrong_types);
}
