/* The whole farm with real programs: what goes in is counted once, whatever dies on the way. The
 * oracle is what spaCy counts on the sample (tests/parity/golden_counts.ndjson). */
#include <CUnit/CUnit.h>
#include <cjson/cJSON.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "tests/harness/harness.h"

#define SAMPLE "deploy/sample/articles.csv"

static struct farm farm;

/* --- counts as lines of JSON, compared as sets -------------------------------------------------
 */

struct rows {
    cJSON *items[200000];
    int count;
};

static const char *text_of(const cJSON *row, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(row, name);

    return cJSON_IsString(value) ? value->valuestring : "";
}

static int by_key(const void *a, const void *b)
{
    const cJSON *x = *(cJSON *const *)a, *y = *(cJSON *const *)b;
    int order = strcmp(text_of(x, "publication"), text_of(y, "publication"));

    return order ? order : strcmp(text_of(x, "word"), text_of(y, "word"));
}

static struct rows *read_rows(char *text)
{
    struct rows *rows = xcalloc(1, sizeof *rows);

    for (char *line = strtok_r(text, "\n", &text); line; line = strtok_r(NULL, "\n", &text))
        if ((rows->items[rows->count] = cJSON_Parse(line)))
            rows->count++;
    qsort(rows->items, (size_t)rows->count, sizeof rows->items[0], by_key);
    return rows;
}

static void free_rows(struct rows *rows)
{
    for (int i = 0; i < rows->count; i++)
        cJSON_Delete(rows->items[i]);
    free(rows);
}

static void multiply(cJSON *value, int by)
{
    if (cJSON_IsNumber(value))
        cJSON_SetNumberValue(value, value->valuedouble * by);
    for (cJSON *child = value->child; child; child = child->next)
        multiply(child, by);
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;

    CU_ASSERT_FATAL(file != NULL);
    CU_ASSERT_FATAL(getdelim(&text, &size, 0, file) > 0);
    fclose(file);
    return text;
}

/* The store holds exactly `times` times what spaCy counts on the sample. */
static void expect_counts(int times)
{
    static const char *const args[] = {"top", "-n", "0", "--json", NULL};
    char *golden_text = read_file("tests/parity/golden_counts.ndjson"), *text;
    int differences = 0;

    CU_ASSERT_EQUAL(proc_run("newsmill", farm.env, args, false, &text, 30000), 0);
    struct rows *golden = read_rows(golden_text), *got = read_rows(text);
    CU_ASSERT_EQUAL(got->count, golden->count);
    CU_ASSERT(golden->count > 500);
    for (int i = 0; i < got->count && i < golden->count; i++) {
        multiply(golden->items[i], times);
        if (cJSON_Compare(got->items[i], golden->items[i], 1))
            continue;
        if (differences++ < 3) {
            char *ours = cJSON_PrintUnformatted(got->items[i]);
            char *theirs = cJSON_PrintUnformatted(golden->items[i]);
            fprintf(stderr, "\n  got %s\n  not %s\n", ours, theirs);
            free(ours);
            free(theirs);
        }
    }
    CU_ASSERT_EQUAL(differences, 0);
    free_rows(golden);
    free_rows(got);
    free(golden_text);
    free(text);
}

/* --- setting up ---------------------------------------------------------------------------------
 */

static void begin(void)
{
    farm_init(&farm);
}

static void finish(void)
{
    redis_stop(&farm.redis);
    harness_end();
}

static void upload_sample(void)
{
    static const char *const args[] = {"upload", SAMPLE, NULL};
    char *text;
    int code = proc_run("newsmill", farm.env, args, true, &text, 60000);

    if (code != 0)
        fprintf(stderr, "\n  %s\n", text);
    CU_ASSERT_EQUAL_FATAL(code, 0);
    free(text);
}

/* Uploads the sample without workers and multiplies what then waits. */
static void fill(int times)
{
    static const char script[] =
        "local items = redis.call('LRANGE', 'newsmill:articles', 0, -1) "
        "for _ = 2, ARGV[1] do for _, item in ipairs(items) do "
        "redis.call('LPUSH', 'newsmill:articles', item) end end return #items";

    farm_start_gateway(&farm);
    upload_sample();
    CU_ASSERT(redis_int(&farm.redis, "EVAL %s 0 %d", script, times) >= 40);
}

static long long claimed_target;

static bool has_progressed(void *context)
{
    (void)context;
    return farm_stat(&farm, "claimed") >= claimed_target ||
           redis_int(&farm.redis, "LLEN newsmill:articles") == 0;
}

/* Waits until another `more` articles have been claimed, or nothing is left to claim. */
static bool go_on(int more)
{
    claimed_target = farm_stat(&farm, "claimed") + more;
    return wait_until("progress", 20000, has_progressed, NULL);
}

/* --- tests --------------------------------------------------------------------------------------
 */

static void test_sample(void)
{
    begin();
    farm_start_gateway(&farm);
    farm_start_workers(&farm);
    farm_start_savers(&farm);
    upload_sample();
    CU_ASSERT(farm_drained(&farm, 30000));
    expect_counts(1);
    upload_sample(); /* once more: the same keys, so nothing is added */
    CU_ASSERT(farm_drained(&farm, 30000));
    expect_counts(1);
    CU_ASSERT_EQUAL(farm_stat(&farm, "returned"), 0);
    finish();
}

static void test_raw_push(void)
{
    static const char *const args[] = {"top", " TEST times", "--json", NULL};
    char *text;

    begin();
    redis_int(&farm.redis, "LPUSH newsmill:articles %s",
              "{\"content\":\"Angela Merkel met Tim Cook in Berlin.\",\"publication\":\"Test "
              "Times\"}");
    farm_start_workers(&farm);
    farm_start_savers(&farm);
    CU_ASSERT(farm_drained(&farm, 30000));
    CU_ASSERT_EQUAL(proc_run("newsmill", farm.env, args, false, &text, 10000), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "{\"publication\":\"test times\",\"articles\":1}"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"word\":\"angela merkel\",\"count\":1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"word\":\"tim cook\",\"count\":1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"word\":\"berlin\",\"count\":1"));
    free(text);
    finish();
}

static void test_bad_items(void)
{
    static const char *const bad[][2] = {
        {"not json", "JSON"},
        {"[1]", "object"},
        {"{\"content\":\"x\"}", "publication"},
        {"{\"content\":7,\"publication\":\"p\"}", "content"},
        {"{\"content\":\"x\",\"publication\":\" \\t \"}", "publication"},
        {"{\"content\":\"x\",\"publication\":\"p\"} more", "after"},
        {"{\"content\":\"a\\u0000b\",\"publication\":\"p\"}", "U+0000"},
        {"{\"Content\":\"x\",\"publication\":\"p\"}", "content"},
        {"{\"content\":\"\xff\xfe\",\"publication\":\"p\"}", "UTF-8"},
    };
    enum { BAD = sizeof bad / sizeof bad[0] };
    static const char good[] = "{\"content\":\"\",\"publication\":\"Good\"}";

    begin();
    for (int i = 0; i < BAD; i++) {
        redis_int(&farm.redis, "LPUSH newsmill:articles %s", bad[i][0]);
        redis_int(&farm.redis, "LPUSH newsmill:articles %s", good);
    }
    farm_start_workers(&farm);
    farm_start_savers(&farm);
    CU_ASSERT(farm_drained(&farm, 30000));
    CU_ASSERT_EQUAL(farm_articles(&farm), BAD); /* the good neighbours, with empty content */
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:articles:dead"), BAD);
    CU_ASSERT_EQUAL(farm_stat(&farm, "dead_in"), BAD);
    CU_ASSERT_EQUAL(farm_stat(&farm, "worked"), BAD);
    for (int i = 0; i < BAD; i++) {
        /* Two workers: the order is not ours to know. */
        bool found = false;
        for (int k = 0; k < BAD && !found; k++) {
            char *entry = redis_text(&farm.redis, "LINDEX newsmill:articles:dead %d", k);
            cJSON *dead = cJSON_Parse(entry);
            const char *item = text_of(dead, "item");
            bool ours = strcmp(item, bad[i][0]) == 0 || (i == BAD - 1 && !*item);
            found = ours && strstr(text_of(dead, "reason"), bad[i][1]);
            cJSON_Delete(dead);
            free(entry);
        }
        if (!found)
            fprintf(stderr, "\n  no dead entry for %s with %s\n", bad[i][0], bad[i][1]);
        CU_ASSERT(found);
    }
    finish();
}

static void test_workers_killed(void)
{
    pid_t pids[8];

    begin();
    fill(10);
    farm_set(&farm, "WORKERS_PROCESSES", "3");
    farm_start_savers(&farm);
    farm_start_workers(&farm);
    for (int i = 0; i < 12; i++) {
        int count = proc_children(&farm.workers, pids, 8);
        if (count > 0)
            kill(pids[i % count], SIGKILL);
        go_on(20);
    }
    CU_ASSERT(farm_drained(&farm, 60000));
    expect_counts(10);
    CU_ASSERT(farm_stat(&farm, "returned") > 0); /* or no kill hit anything in hand */
    CU_ASSERT_EQUAL(proc_stop(&farm.workers, SIGTERM, 10000), 0);
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "ZCARD newsmill:owners"), 1); /* the saver's */
    finish();
}

static void test_savers_killed(void)
{
    pid_t pids[8];

    begin();
    fill(10);
    farm_set(&farm, "SAVERS_PROCESSES", "2");
    farm_set(&farm, "WORKERS_FLUSH_ARTICLES", "3"); /* many batches */
    farm_start_savers(&farm);
    farm_start_workers(&farm);
    for (int i = 0; i < 12; i++) {
        int count = proc_children(&farm.savers, pids, 8);
        if (count > 0)
            kill(pids[i % count], SIGKILL);
        go_on(25);
    }
    CU_ASSERT(farm_drained(&farm, 60000));
    expect_counts(10);
    finish();
}

static void test_redis_restarts(void)
{
    begin();
    fill(10);
    farm_start_savers(&farm);
    farm_start_workers(&farm);
    for (int i = 0; i < 4; i++) {
        go_on(40);
        if (i % 2)
            redis_kill(&farm.redis);
        else
            redis_stop(&farm.redis);
        redis_restart(&farm.redis);
    }
    CU_ASSERT(farm_drained(&farm, 60000));
    expect_counts(10);
    finish();
}

static bool is_gone(void *context)
{
    return kill(*(pid_t *)context, 0) < 0;
}

static void test_supervisor_killed(void)
{
    pid_t pids[8];

    begin();
    fill(4);
    farm_start_savers(&farm);
    farm_start_workers(&farm);
    go_on(20);
    int count = proc_children(&farm.workers, pids, 8);
    CU_ASSERT_EQUAL(count, 3); /* two workers and the janitor */
    CU_ASSERT_EQUAL(proc_stop(&farm.workers, SIGKILL, 5000), 1000 + SIGKILL);
    for (int i = 0; i < count; i++)
        CU_ASSERT(
            wait_until("the children of a killed supervisor to die", 5000, is_gone, &pids[i]));
    farm_start_workers(&farm); /* the same instance: what the dead held comes back */
    CU_ASSERT(farm_drained(&farm, 60000));
    expect_counts(4);
    finish();
}

/* A clean stop in the middle gives nothing back that was in hand, and exits with 0. */
static void test_clean_stops(void)
{
    begin();
    fill(10);
    farm_start_savers(&farm);
    for (int i = 0; i < 5; i++) {
        farm_start_workers(&farm);
        go_on(30);
        CU_ASSERT_EQUAL(proc_stop(&farm.workers, SIGTERM, 10000), 0);
        CU_ASSERT_EQUAL(farm_held(&farm, "articles"), 0);
    }
    farm_start_workers(&farm);
    CU_ASSERT(farm_drained(&farm, 60000));
    CU_ASSERT_EQUAL(farm_stat(&farm, "returned"), 0);
    CU_ASSERT_EQUAL(proc_stop(&farm.savers, SIGTERM, 10000), 0);
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
    expect_counts(10);
    finish();
}

static void expect_exit_2(const char *name, const char *option, const char *part)
{
    const char *args[] = {"-o", option, NULL};
    char *text;

    CU_ASSERT_EQUAL(proc_run(name, farm.env, args, true, &text, 10000), 2);
    if (!strstr(text, part))
        fprintf(stderr, "\n  got: %s", text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, part));
    free(text);
}

static void test_wrong_settings(void)
{
    begin();
    for (int i = 0; i < farm.env_count; i++) /* or the environment hides nothing: -o comes first */
        CU_ASSERT_PTR_NOT_NULL(strchr(farm.env[i], '='));
    expect_exit_2("newsmill-workers", "model.path=/nonexistent", "config.cfg");
    expect_exit_2("newsmill-workers", "model.path=deploy", "config.cfg");
    expect_exit_2("newsmill-workers", "redis.url=http://x", "redis.url");
    expect_exit_2("newsmill-savers", "store.kind=paper", "store.kind");
    expect_exit_2("newsmill-gateway", "gateway.address=0.0.0.0", "keys_file");
    expect_exit_2("newsmill-gateway", "gateway.prot=1", "gateway.port");
    expect_exit_2("newsmill-workers", "redis.state_dir=/proc/nothing", "state_dir");
    finish();
}

/* Two supervisors must not speak for the same slots. */
static void test_one_instance(void)
{
    begin();
    farm_start_savers(&farm);
    struct proc first = farm.savers;
    proc_start(&farm.savers, "newsmill-savers", farm.env, NULL);
    CU_ASSERT_EQUAL(proc_wait(&farm.savers, 20000), 2);
    CU_ASSERT(proc_logged(&farm.savers, "another newsmill-savers"));
    CU_ASSERT_EQUAL(proc_stop(&first, SIGTERM, 10000), 0);
    finish();
}

void suite_farm(void);
void suite_farm(void)
{
    CU_pSuite suite = CU_add_suite("farm", NULL, NULL);

    CU_add_test(suite, "the sample is counted as spaCy counts it", test_sample);
    CU_add_test(suite, "a raw LPUSH is an equal entrance", test_raw_push);
    CU_add_test(suite, "bad items are dead with a reason, neighbours live", test_bad_items);
    CU_add_test(suite, "workers killed: sums exact", test_workers_killed);
    CU_add_test(suite, "savers killed: sums exact", test_savers_killed);
    CU_add_test(suite, "redis stopped and killed: sums exact", test_redis_restarts);
    CU_add_test(suite, "a supervisor killed: children die, sums exact", test_supervisor_killed);
    CU_add_test(suite, "clean stops give nothing back", test_clean_stops);
    CU_add_test(suite, "wrong settings exit with 2 and a reason", test_wrong_settings);
    CU_add_test(suite, "one supervisor a state directory", test_one_instance);
}
