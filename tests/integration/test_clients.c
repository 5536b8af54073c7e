/* The gateway's clients by their keys: names in metrics, rotation without a dropped request,
 * expiry, and how many articles a second each may send. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/keys.h"
#include "tests/harness/harness.h"

#define JSON    "Content-Type: application/json"
#define ARTICLE "{\"content\":\"Apple opens in Paris\",\"publication\":\"BBC\"}"

static struct farm farm;
static char keys_path[300];
static struct http_answer answer;

static void begin(void)
{
    farm_init(&farm);
    snprintf(keys_path, sizeof keys_path, "%s/keys", farm.dir);
    farm_set(&farm, "GATEWAY_KEYS_FILE", keys_path);
}

static void finish(void)
{
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
    http_free(&answer);
    redis_kill(&farm.redis);
    harness_end();
}

static void make_key(const char *name, char header[128])
{
    char key[KEYS_KEY_BYTES];
    struct err e;

    CU_ASSERT_EQUAL_FATAL(keys_create(keys_path, name, key, &e), 0);
    snprintf(header, 128, "access_token: %s", key);
}

static long request(const char *method, const char *const *headers)
{
    http_free(&answer);
    http_request(farm.gateway_port, method, "/post/enqueue", headers, ARTICLE, strlen(ARTICLE),
                 &answer);
    return answer.status;
}

static long post(const char *header)
{
    return request("POST", (const char *[]){JSON, header, NULL});
}

static bool has_metric(const char *header, const char *line)
{
    http_free(&answer);
    http_request(farm.gateway_port, "GET", "/metrics", (const char *[]){header, NULL}, NULL, 0,
                 &answer);
    bool yes = answer.status == 200 && strstr(answer.body, line);
    if (!yes)
        fprintf(stderr, "\n  no %s in: %s\n", line, answer.body);
    return yes;
}

static bool is_reloaded(void *count)
{
    return proc_log_count(&farm.gateway, " reloaded ") >= *(int *)count;
}

static bool is_201(void *header)
{
    return post(header) == 201;
}

/* --- names, rotation --- */

static void test_names(void)
{
    char ann[128], bob[128];

    begin();
    make_key("ann", ann);
    make_key("bob", bob);
    farm_set(&farm, "GATEWAY_PROCESSES", "2");
    farm_start_gateway(&farm);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(post(ann), 201);
    CU_ASSERT_EQUAL(post(bob), 201);
    CU_ASSERT_EQUAL(post("access_token: none-of-these-keys"), 403);
    /* The requests of both processes, and only those with a key count for one. */
    CU_ASSERT(has_metric(ann, "\nnewsmill_key_articles_total{key=\"ann\"} 3\n"));
    CU_ASSERT(has_metric(ann, "\nnewsmill_key_requests_total{key=\"bob\"} 1\n"));
    CU_ASSERT(has_metric(ann, "\nnewsmill_articles_accepted_total 4\n"));
    CU_ASSERT(has_metric(ann, "\nnewsmill_articles_refused_total 0\n"));
    CU_ASSERT(has_metric(
        ann, "\nnewsmill_http_requests_total{route=\"/post/enqueue\",class=\"2xx\"} 4\n"));
    CU_ASSERT(has_metric(
        ann, "\nnewsmill_http_requests_total{route=\"/post/enqueue\",class=\"4xx\"} 1\n"));
    CU_ASSERT(has_metric(
        ann, "\nnewsmill_http_request_duration_seconds_count{route=\"/post/enqueue\"} 5\n"));

    /* A reload goes on counting where it was, and knows a new key. */
    char eve[128];
    make_key("eve", eve);
    int wanted = 1;
    kill(farm.gateway.pid, SIGHUP);
    CU_ASSERT(wait_until("the reload", 20000, is_reloaded, &wanted));
    CU_ASSERT(
        wait_until("eve's key to be known", 20000, is_201, eve)); /* the old ones may answer */
    CU_ASSERT_EQUAL(post(ann), 201);
    CU_ASSERT(has_metric(eve, "\nnewsmill_key_articles_total{key=\"ann\"} 4\n"));
    CU_ASSERT(has_metric(eve, "\nnewsmill_key_articles_total{key=\"eve\"} 1\n"));
    finish();
}

static bool is_403(void *header)
{
    return post(header) == 403;
}

/* Writes the file anew, as an editor would: never half of it is to be seen. */
static void replace_file(const char *text)
{
    char other[320];

    snprintf(other, sizeof other, "%s.new", keys_path);
    FILE *file = fopen(other, "w");
    CU_ASSERT_FATAL(file != NULL);
    fputs(text, file);
    fclose(file);
    CU_ASSERT_EQUAL(rename(other, keys_path), 0);
}

static char *file_text(void)
{
    static char text[4096];
    FILE *file = fopen(keys_path, "r");

    CU_ASSERT_FATAL(file != NULL);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

static bool has_logged(void *text)
{
    return proc_logged(&farm.gateway, text);
}

static void test_keys(void)
{
    char header[128], other[128], bearer[192];

    begin();
    make_key("first", header);
    farm_start_gateway(&farm); /* /readyz wants no key */
    snprintf(bearer, sizeof bearer, "Authorization: bearer %s", strchr(header, ' ') + 1);
    CU_ASSERT_EQUAL(post("X: y"), 403);
    CU_ASSERT_STRING_EQUAL(answer.body, "{\"detail\":\"invalid API key provided in the header\"}");
    CU_ASSERT_EQUAL(post("access_token: wrong"), 403);
    CU_ASSERT_EQUAL(post("Authorization: Basic x"), 403);
    CU_ASSERT_EQUAL(post(header), 201);
    CU_ASSERT_EQUAL(post(bearer), 201);
    /* The method comes before the key, and the key before the rest. */
    const char *const no_type[] = {"Content-Type: text/plain", NULL};
    CU_ASSERT_EQUAL(request("POST", (const char *[]){"Host: a.example", header, JSON, NULL}), 201);
    CU_ASSERT_EQUAL(request("GET", NULL), 405);
    CU_ASSERT_EQUAL(request("POST", no_type), 403);

    /* A key that is made counts soon, one that is taken away ceases to; a broken file does nothing.
     */
    make_key("second", other);
    CU_ASSERT(wait_until("the new key to count", 10000, is_201, other));
    replace_file("broken\n");
    CU_ASSERT(wait_until("the broken file to be seen", 10000, has_logged, "keys.kept"));
    CU_ASSERT_EQUAL(post(other), 201);
    CU_ASSERT_EQUAL(unlink(keys_path), 0);
    make_key("second", other);
    CU_ASSERT(wait_until("the old key to end", 10000, is_403, header));
    finish();
}

static void test_expiry(void)
{
    char ann[128], bob[128], text[8192], when[64];
    time_t soon = time(NULL) + 2;
    struct tm utc;

    begin();
    make_key("ann", ann);
    make_key("bob", bob);
    farm_start_gateway(&farm);
    CU_ASSERT_EQUAL(post(ann), 201);
    gmtime_r(&soon, &utc);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    char *first = file_text(), *second = strchr(first, '\n');
    *second++ = 0;
    snprintf(text, sizeof text, "%s %s\n%s", first, when, second);
    replace_file(text);
    CU_ASSERT(wait_until("the key to expire", 20000, is_403, ann));
    CU_ASSERT(time(NULL) >= soon);
    CU_ASSERT_EQUAL(post(bob), 201);
    finish();
}

/* --- Idempotency-Keys --- */

static long post_again(const char *path, const char *key, const char *content)
{
    const char *headers[] = {JSON, key, "Idempotency-Key: same", NULL};
    bool bulk = strcmp(path, "/post/bulk") == 0;
    char body[128];

    int length = snprintf(body, sizeof body, "%s{\"content\":\"%s\",\"publication\":\"p\"}%s",
                          bulk ? "[" : "", content, bulk ? "]" : "");
    http_free(&answer);
    http_request(farm.gateway_port, "POST", path, headers, body, (size_t)length, &answer);
    return answer.status;
}

static bool is_replayed(void)
{
    return strstr(answer.headers, "\r\nIdempotency-Replayed: true\r\n");
}

/* Another client's Idempotency-Key neither answers for mine nor stands in its way. */
static void test_idempotency_keys(void)
{
    static const char *const paths[] = {"/post/enqueue", "/post/bulk"};
    char ann[128], bob[128], bearer[192];

    begin();
    make_key("ann", ann);
    make_key("bob", bob);
    farm_start_gateway(&farm);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", strchr(ann, ' ') + 1);
    for (int i = 0; i < 2; i++) {
        long good = i == 0 ? 201 : 200;
        CU_ASSERT_EQUAL(post_again(paths[i], ann, "one"), good);
        CU_ASSERT_EQUAL(post_again(paths[i], bob, "two"), good);
        CU_ASSERT_FALSE(is_replayed());
        CU_ASSERT_EQUAL(post_again(paths[i], bearer, "one"), good);
        CU_ASSERT_TRUE(is_replayed());
        CU_ASSERT_EQUAL(post_again(paths[i], bob, "one"), 422);
        CU_ASSERT_EQUAL(redis_int(&farm.redis, "DEL newsmill:articles"), 1);
        redis_int(&farm.redis, "EVAL %s 0",
                  "for _, key in ipairs(redis.call('KEYS', 'newsmill:idem:*')) do\n"
                  "    redis.call('DEL', key)\n"
                  "end");
        CU_ASSERT_EQUAL(post_again(paths[i], ann, "one"), good);
        CU_ASSERT_EQUAL(post_again(paths[i], bob, "one"), good);
        CU_ASSERT_FALSE(is_replayed());
        CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:articles"), 2);
        redis_int(&farm.redis, "FLUSHALL");
    }
    finish();
}

/* --- rates --- */

/* Posts so many, each on a connection of its own, and counts what was answered. */
static void post_many(const char *header, int count, int *created, int *limited)
{
    for (int i = 0; i < count; i++) {
        long status = post(header);
        *created += status == 201;
        *limited += status == 429;
    }
}

static void test_rate(void)
{
    char ann[128], bob[128];
    int created = 0, limited = 0;

    begin();
    make_key("ann", ann);
    make_key("bob", bob);
    farm_set(&farm, "GATEWAY_PROCESSES", "2");
    farm_set(&farm, "GATEWAY_RATE_LIMIT_PER_S", "2");
    farm_set(&farm, "GATEWAY_RATE_LIMIT_BURST", "5");
    farm_start_gateway(&farm);
    int64_t begun_ms = clock_ms();
    post_many(ann, 40, &created, &limited);                      /* over both processes */
    int64_t most = 5 + 2 * (clock_ms() - begun_ms + 999) / 1000; /* and no more */
    CU_ASSERT_EQUAL(created + limited, 40);
    CU_ASSERT(created >= 5 && created <= most);
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:articles"), created);
    CU_ASSERT_EQUAL(post(bob), 201); /* who has a bucket of his own */
    CU_ASSERT(wait_until("ann's bucket to have one again", 20000, is_201, ann));
    finish();
}

/* A bulk larger than the burst is taken when there is any room, and owed for. */
static void test_debt(void)
{
    const char *headers[] = {"Content-Type: application/x-ndjson", NULL, NULL};
    char ann[128];
    struct buf lines;
    long retry_s = 0;
    int wanted = 1;

    begin();
    make_key("ann", ann);
    farm_set(&farm, "GATEWAY_RATE_LIMIT_PER_S", "1");
    farm_set(&farm, "GATEWAY_RATE_LIMIT_BURST", "2");
    farm_start_gateway(&farm);
    headers[1] = ann;
    buf_init(&lines, 1 << 20);
    for (int i = 0; i < 1000; i++)
        buf_append_text(&lines, ARTICLE "\n");
    http_request(farm.gateway_port, "POST", "/post/bulk", headers, lines.bytes, lines.length,
                 &answer);
    CU_ASSERT_EQUAL(answer.status, 200);
    CU_ASSERT_EQUAL(post(ann), 429);
    CU_ASSERT_STRING_EQUAL(answer.body,
                           "{\"detail\":\"more than 1 articles a second with this key\"}");
    const char *retry = strstr(answer.headers, "\r\nRetry-After: ");
    CU_ASSERT_PTR_NOT_NULL_FATAL(retry);
    retry_s = strtol(retry + 15, NULL, 10);
    CU_ASSERT(retry_s > 500 && retry_s <= 999);
    http_free(&answer);
    http_request(farm.gateway_port, "POST", "/post/bulk", headers, ARTICLE, strlen(ARTICLE),
                 &answer);
    CU_ASSERT_EQUAL(answer.status, 429);

    kill(farm.gateway.pid, SIGHUP); /* forgives nothing */
    CU_ASSERT(wait_until("the reload", 20000, is_reloaded, &wanted));
    CU_ASSERT_EQUAL(post(ann), 429);
    CU_ASSERT(has_metric(ann, "\nnewsmill_key_limited_total{key=\"ann\"} 3\n"));
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:articles"), 1000);
    buf_fini(&lines);
    finish();
}

/* Without keys there is one bucket for all. */
static void test_rate_without_keys(void)
{
    int created = 0, limited = 0;

    farm_init(&farm);
    farm_set(&farm, "GATEWAY_RATE_LIMIT_PER_S", "1");
    farm_start_gateway(&farm);
    int64_t begun_ms = clock_ms();
    post_many("X: y", 30, &created, &limited);
    CU_ASSERT(created >= 1 && created <= 1 + (clock_ms() - begun_ms + 999) / 1000);
    CU_ASSERT_EQUAL(created + limited, 30);
    CU_ASSERT(has_metric("X: y", "\nnewsmill_key_requests_total{key=\"\"}"));
    finish();
}

void suite_clients(void);

void suite_clients(void)
{
    CU_pSuite suite = CU_add_suite("clients", NULL, NULL);

    CU_add_test(suite, "keys, and files that change", test_keys);
    CU_add_test(suite, "names of keys in the metrics, over reloads", test_names);
    CU_add_test(suite, "a key that expires", test_expiry);
    CU_add_test(suite, "Idempotency-Keys belong to a key", test_idempotency_keys);
    CU_add_test(suite, "articles a second", test_rate);
    CU_add_test(suite, "a bulk beyond the burst is owed for", test_debt);
    CU_add_test(suite, "articles a second without keys", test_rate_without_keys);
}
