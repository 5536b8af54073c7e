/* Firestore as Google's emulator has it, where that is installed: what we write is what its own
 * client reads. Elsewhere this says aloud that it did not run. */
#include <CUnit/CUnit.h>
#include <cjson/cJSON.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/json.h"
#include "counts.h"
#include "tests/harness/harness.h"

#define PROJECT   "newsmill-test"
#define DOCUMENTS "projects/" PROJECT "/databases/(default)/documents"

void suite_firestore_emulator(void);

static struct proc emulator;
static int port;
static struct conf conf;
static struct counts *counts;
static struct err e;

static bool answers(void *context)
{
    struct http_answer answer;

    (void)context;
    http_request(port, "GET", "/", NULL, NULL, 0, &answer);
    bool yes = answer.status == 200;
    http_free(&answer);
    return yes;
}

static bool begin(void)
{
    static const char *const find[] = {"--find", NULL};
    static char kind[] = "firestore", project[] = PROJECT, database[] = "(default)", none[] = "",
                endpoint[] = "https://firestore.googleapis.com", host[32];
    char text[16];
    const char *args[] = {text, NULL};

    if (proc_run("deploy/firestore-emulator", NULL, find, false, NULL, 20000) != 0) {
        harness_skip("Google's Firestore emulator is not installed here");
        return false;
    }
    port = harness_port();
    snprintf(text, sizeof text, "%d", port);
    proc_start(&emulator, "deploy/firestore-emulator", NULL, args);
    CU_ASSERT_FATAL(wait_until("the emulator", 60000, answers, NULL));
    snprintf(host, sizeof host, "127.0.0.1:%d", port);
    setenv("FIRESTORE_EMULATOR_HOST", host, 1);
    conf = (struct conf){.savers = {.processes = 1, .max_batches = 8},
                         .store = {.kind = kind,
                                   .project = project,
                                   .database = database,
                                   .credentials_file = none,
                                   .ca_file = none,
                                   .endpoint = endpoint,
                                   .timeout_ms = 60000}};
    counts = counts_new(11);
    return true;
}

static void end(void)
{
    unsetenv("FIRESTORE_EMULATOR_HOST");
    proc_stop(&emulator, SIGKILL, 20000);
    counts_free(counts);
    harness_end();
}

static struct store *open_store(void)
{
    struct store *s = NULL;

    CU_ASSERT_EQUAL_FATAL(store_check(&conf, &e), 0);
    CU_ASSERT_EQUAL_FATAL(store_open(&conf, 1, &s, &e), 0);
    return s;
}

/* --- our lists as text -------------------------------------------------------------------------
 */

struct listing {
    struct store *store;
    struct buf text;
};

static int add_word(void *context, const struct store_frequency *f)
{
    struct listing *l = context;

    buf_append_text(&l->text, "{\"word\":");
    json_append_string(&l->text, f->word, strlen(f->word));
    buf_printf(&l->text, ",\"count\":%llu,\"labels\":{", (unsigned long long)f->count);
    for (size_t i = 0; i < f->label_count; i++) {
        buf_append_text(&l->text, i ? "," : "");
        json_append_string(&l->text, f->labels[i].label, strlen(f->labels[i].label));
        buf_printf(&l->text, ":%llu", (unsigned long long)f->labels[i].count);
    }
    return buf_append_text(&l->text, "}}\n");
}

static int add_publication(void *context, const struct store_publication *p)
{
    struct listing *l = context;

    buf_append_text(&l->text, "{\"publication\":");
    json_append_string(&l->text, p->name, strlen(p->name));
    buf_printf(&l->text, ",\"articles\":%llu}\n", (unsigned long long)p->articles);
    return store_frequencies(l->store, p->key, NULL, 0, add_word, l, &e);
}

/* --- tests -------------------------------------------------------------------------------------
 */

static void apply_some(struct store *s, int batches)
{
    for (int i = 0; i < batches; i++) {
        struct batch *b = counts_draw(counts, 40);
        b->articles += 1; /* each publication is in the list then */
        counts_add(counts, b);
        CU_ASSERT_EQUAL(store_apply(s, b, &e), STORE_APPLIED);
        CU_ASSERT_EQUAL(store_apply(s, b, &e), STORE_ALREADY);
    }
}

static void test_read_back(void)
{
    static const char *const args[] = {"tests/firestore/read_back.py", PROJECT, NULL};
    char *python = NULL, *theirs = NULL;

    if (!begin())
        return;
    struct store *s = open_store();
    apply_some(s, 20);
    CU_ASSERT_EQUAL(counts_differ(counts, s), 0);
    struct listing ours = {.store = s};
    buf_init(&ours.text, 64 << 20);
    CU_ASSERT_EQUAL(store_publications(s, add_publication, &ours, &e), 0);
    if (proc_run("tests/firestore/venv", NULL, NULL, false, &python, 300000) != 0) {
        harness_skip("Google's Python client cannot be installed here");
    } else {
        python[strcspn(python, "\n")] = 0;
        CU_ASSERT_EQUAL(proc_run(python, NULL, args, false, &theirs, 120000), 0);
        CU_ASSERT(ours.text.length > 10000);
        CU_ASSERT_STRING_EQUAL(theirs, ours.text.bytes);
    }
    free(python);
    free(theirs);
    buf_fini(&ours.text);
    store_close(s);
    end();
}

/* Several in one commit, and the same again, whole and in part. */
static void test_shared(void)
{
    enum store_outcome outcomes[2];

    if (!begin())
        return;
    struct store *s = open_store();
    struct batch first = *counts_draw(counts, 0), second = *counts_draw(counts, 30);
    struct batch both[2] = {first, second};
    both[0].articles = 3;
    counts_add(counts, &both[0]);
    counts_add(counts, &both[1]);
    CU_ASSERT_EQUAL(store_apply_many(s, both, 2, outcomes, &e), 2);
    CU_ASSERT(outcomes[0] == STORE_APPLIED && outcomes[1] == STORE_APPLIED);
    CU_ASSERT_EQUAL(store_apply_many(s, both, 2, outcomes, &e), 2);
    CU_ASSERT(outcomes[0] == STORE_ALREADY && outcomes[1] == STORE_ALREADY);
    batch_new_id(&both[0]);
    counts_add(counts, &both[0]);
    CU_ASSERT_EQUAL(store_apply_many(s, both, 2, outcomes, &e), 2);
    CU_ASSERT(outcomes[0] == STORE_APPLIED && outcomes[1] == STORE_ALREADY);
    batch_new_id(&both[0]);
    both[1] = both[0]; /* one id twice: one of them counts */
    counts_add(counts, &both[0]);
    CU_ASSERT_EQUAL(store_apply_many(s, both, 2, outcomes, &e), 2);
    CU_ASSERT(outcomes[0] == STORE_APPLIED && outcomes[1] == STORE_ALREADY);
    CU_ASSERT_EQUAL(counts_differ(counts, s), 0);
    store_close(s);
    end();
}

static int take_last(void *context, const struct store_frequency *f)
{
    struct store_cursor *last = context;

    free((char *)(uintptr_t)last->word);
    *last = (struct store_cursor){.word = xstrdup(f->word), .count = f->count};
    return 0;
}

/* Words that an index cannot tell apart are still all listed, over the edges of pages too. */
static void test_long_words(void)
{
    static struct batch_label label = {"ORG", 1};
    struct batch_entity entities[20];
    struct store_cursor last = {.word = NULL};
    char words[20][1700], seen[20] = {0};
    int rows = 0;

    if (!begin())
        return;
    struct store *s = open_store();
    struct batch *b = counts_draw(counts, 0);
    b->publication = b->name = "bbc";
    b->entities = entities;
    b->entity_count = 20;
    for (int i = 0; i < 20; i++) {
        memset(words[i], 'x', sizeof words[i]);
        snprintf(words[i] + 1600, 100, "%d", i);
        entities[i] = (struct batch_entity){words[i], &label, 1, 1};
    }
    CU_ASSERT_EQUAL(store_apply(s, b, &e), STORE_APPLIED);
    for (; rows < 30; rows++) {
        char *before = last.word ? xstrdup(last.word) : NULL;
        struct store_cursor cursor = {.word = before, .count = last.count};
        CU_ASSERT_EQUAL(store_frequencies(s, "bbc", &cursor, 1, take_last, &last, &e), 0);
        bool end_of_list = before && strcmp(before, last.word) == 0;
        free(before);
        if (end_of_list)
            break;
        seen[strtol(last.word + 1600, NULL, 10)]++;
    }
    CU_ASSERT_EQUAL(rows, 20);
    for (int i = 0; i < 20; i++)
        CU_ASSERT_EQUAL(seen[i], 1);
    free((char *)(uintptr_t)last.word);
    store_close(s);
    end();
}

static cJSON *post(const char *method, const char *body)
{
    static const char *const headers[] = {"Content-Type: application/json",
                                          "Authorization: Bearer owner", NULL};
    struct http_answer answer;
    char path[200];

    snprintf(path, sizeof path, "/v1/" DOCUMENTS ":%s", method);
    http_request(port, "POST", path, headers, body, strlen(body), &answer);
    CU_ASSERT_EQUAL(answer.status, 200);
    cJSON *tree = cJSON_Parse(answer.body);
    http_free(&answer);
    return tree;
}

/* Someone else's transaction has read the document: a real ABORTED, and nothing is counted. */
static void test_contention(void)
{
    char body[2000];

    if (!begin())
        return;
    struct store *s = open_store();
    struct batch *b = counts_draw(counts, 2);
    b->publication = b->name = "bbc";
    b->articles = 1;
    cJSON *begun = post("beginTransaction", "{\"options\":{\"readWrite\":{}}}");
    const cJSON *transaction = cJSON_GetObjectItem(begun, "transaction");
    CU_ASSERT_FATAL(cJSON_IsString(transaction));
    snprintf(body, sizeof body,
             "{\"documents\":[\"" DOCUMENTS "/publications/bbc\"],\"transaction\":\"%s\"}",
             transaction->valuestring);
    cJSON_Delete(post("batchGet", body));
    CU_ASSERT_EQUAL(store_apply(s, b, &e), STORE_AGAIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "ABORTED"));
    snprintf(body, sizeof body, "{\"transaction\":\"%s\"}", transaction->valuestring);
    cJSON_Delete(post("rollback", body));
    CU_ASSERT_EQUAL(store_apply(s, b, &e), STORE_APPLIED);
    counts_add(counts, b);
    CU_ASSERT_EQUAL(counts_differ(counts, s), 0);
    cJSON_Delete(begun);
    store_close(s);
    end();
}

/* Real savers, killed now and then. */
static void test_farm(void)
{
    static struct farm farm;
    pid_t children[8];

    if (!begin())
        return;
    farm_init(&farm);
    farm_set(&farm, "STORE_KIND", "firestore");
    farm_set(&farm, "STORE_PROJECT", PROJECT);
    farm_set(&farm, "SAVERS_PROCESSES", "2");
    for (int i = 0; i < 120; i++) {
        struct buf json;
        struct batch *b = counts_draw(counts, 30);
        counts_add(counts, b);
        buf_init(&json, 1 << 22);
        CU_ASSERT_EQUAL_FATAL(batch_write(b, &json), 0);
        redis_int(&farm.redis, "LPUSH newsmill:results %b", json.bytes, json.length);
        buf_fini(&json);
    }
    farm_start_savers(&farm);
    for (int left = 100; left >= 20; left -= 20) {
        while (redis_int(&farm.redis, "LLEN newsmill:results") > left)
            ;
        if (proc_children(&farm.savers, children, 8) > 0)
            kill(children[left / 20 % 2], SIGKILL);
    }
    CU_ASSERT(farm_drained(&farm, 60000));
    CU_ASSERT(farm_stat(&farm, "store_writes") > 120);
    struct store *s = open_store();
    CU_ASSERT_EQUAL(counts_differ(counts, s), 0);
    store_close(s);
    proc_stop(&farm.savers, SIGTERM, 20000);
    redis_stop(&farm.redis);
    end();
}

void suite_firestore_emulator(void)
{
    CU_pSuite suite = CU_add_suite("firestore_emulator", NULL, NULL);

    CU_add_test(suite, "Google's own client reads the same", test_read_back);
    CU_add_test(suite, "several batches share a commit", test_shared);
    CU_add_test(suite, "words longer than an index sees", test_long_words);
    CU_add_test(suite, "contention: a real ABORTED", test_contention);
    CU_add_test(suite, "a farm whose savers are killed", test_farm);
}
