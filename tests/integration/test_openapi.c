/* What the gateway says of itself: /openapi.json and /docs; and schemathesis, which takes the one
 * at its word and tries all it can think of (tests/openapi). */
#include <CUnit/CUnit.h>
#include <cjson/cJSON.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/err.h"
#include "common/keys.h"
#include "tests/harness/harness.h"

static struct farm farm;
static struct http_answer answer; /* to the last request() */

static void begin(void)
{
    farm_start_gateway(&farm);
}

static void finish(void)
{
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
    CU_ASSERT_FALSE(proc_logged(&farm.gateway, "child.died"));
    http_free(&answer);
    redis_kill(&farm.redis);
    harness_end();
}

static long request(const char *method, const char *path, const char *header)
{
    const char *headers[] = {header, NULL};

    http_free(&answer);
    http_request(farm.gateway_port, method, path, headers, NULL, 0, &answer);
    return answer.status;
}

/* The value of a header of the last answer, to free; NULL when there is none. */
static char *header_of(const char *name)
{
    size_t length = strlen(name);

    for (const char *line = answer.headers; line && *line; line = strchr(line, '\n') + 1)
        if (strncasecmp(line, name, length) == 0 && line[length] == ':')
            return strndup(line + length + 2, strcspn(line + length + 2, "\r\n"));
    return NULL;
}

static void check_etag(const char *path)
{
    char *etag, header[256];

    CU_ASSERT_EQUAL(request("GET", path, NULL), 200);
    etag = header_of("ETag");
    CU_ASSERT_PTR_NOT_NULL_FATAL(etag);
    CU_ASSERT_EQUAL(request("HEAD", path, NULL), 200);
    snprintf(header, sizeof header, "If-None-Match: \"x\", W/%s", etag);
    CU_ASSERT_EQUAL(request("GET", path, header), 304);
    CU_ASSERT_STRING_EQUAL(answer.body, "");
    char *again = header_of("ETag"), *length = header_of("Content-Length");
    CU_ASSERT(again && strcmp(again, etag) == 0 && !length);
    CU_ASSERT_EQUAL(request("GET", path, "If-None-Match: \"x\""), 200);
    free(etag);
    free(again);
    free(length);
}

static bool wants_keys(void)
{
    CU_ASSERT_EQUAL_FATAL(request("GET", "/openapi.json", NULL), 200);
    cJSON *document = cJSON_Parse(answer.body);
    CU_ASSERT_PTR_NOT_NULL_FATAL(document);
    int count = cJSON_GetArraySize(cJSON_GetObjectItem(document, "security"));
    const cJSON *version = cJSON_GetObjectItem(cJSON_GetObjectItem(document, "info"), "version");
    CU_ASSERT_STRING_EQUAL(version->valuestring, NEWSMILL_VERSION);
    CU_ASSERT_STRING_EQUAL(cJSON_GetObjectItem(document, "openapi")->valuestring, "3.1.0");
    cJSON_Delete(document);
    return count > 0;
}

static void test_document(void)
{
    char path[300], key[KEYS_KEY_BYTES];
    struct err e;

    farm_init(&farm);
    begin();
    CU_ASSERT_FALSE(wants_keys()); /* it tells of this gateway, not of any */
    check_etag("/openapi.json");
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);

    snprintf(path, sizeof path, "%s/keys", farm.dir);
    CU_ASSERT_EQUAL_FATAL(keys_create(path, "first", key, &e), 0);
    farm_set(&farm, "GATEWAY_KEYS_FILE", path);
    begin();
    CU_ASSERT(wants_keys());
    finish();
}

/* The policy names exactly the style and the script of the page. */
static bool is_named(const char *policy, const char *open, const char *close)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    char text[64], wanted[96];
    const char *start = strstr(answer.body, open), *end = start ? strstr(start, close) : NULL;

    if (!end)
        return false;
    start += strlen(open);
    SHA256((const unsigned char *)start, (size_t)(end - start), hash);
    EVP_EncodeBlock((unsigned char *)text, hash, sizeof hash);
    snprintf(wanted, sizeof wanted, "'sha256-%s'", text);
    return strstr(policy, wanted) != NULL;
}

static void test_page(void)
{
    farm_init(&farm);
    begin();
    check_etag("/docs");
    CU_ASSERT_EQUAL(request("GET", "/docs", NULL), 200);
    char *policy = header_of("Content-Security-Policy"), *type = header_of("Content-Type");
    CU_ASSERT_PTR_NOT_NULL_FATAL(policy);
    CU_ASSERT(strncmp(policy, "default-src 'none'; ", 20) == 0 && !strstr(policy, "unsafe"));
    CU_ASSERT(is_named(policy, "<script>", "</script>") && is_named(policy, "<style>", "</style>"));
    CU_ASSERT_STRING_EQUAL(type, "text/html; charset=utf-8");
    CU_ASSERT_PTR_NULL(strstr(answer.body, "//")); /* nothing of other hosts */
    CU_ASSERT_PTR_NOT_NULL(strstr(answer.body, "<a href=\"/openapi.json\">"));
    free(policy);
    free(type);
    finish();
}

static void try_all(const char *key)
{
    char url[64], *output = NULL;
    const char *args[] = {url, key, NULL};

    snprintf(url, sizeof url, "http://127.0.0.1:%d", farm.gateway_port);
    int code = proc_run("tests/openapi/run", NULL, args, true, &output, 900000);
    CU_ASSERT_EQUAL(code, 0);
    if (code != 0)
        fprintf(stderr, "\n%s\n", output);
    free(output);
}

static void test_without_key(void)
{
    farm_init(&farm);
    begin();
    try_all(NULL);
    finish();
}

static void test_with_key(void)
{
    char path[300], key[KEYS_KEY_BYTES];
    struct err e;

    farm_init(&farm);
    snprintf(path, sizeof path, "%s/keys", farm.dir);
    CU_ASSERT_EQUAL_FATAL(keys_create(path, "first", key, &e), 0);
    farm_set(&farm, "GATEWAY_KEYS_FILE", path);
    begin();
    try_all(key);
    finish();
}

void suite_openapi(void);

void suite_openapi(void)
{
    CU_pSuite suite = CU_add_suite("openapi", NULL, NULL);

    CU_add_test(suite, "the document", test_document);
    CU_add_test(suite, "the page", test_page);
    CU_add_test(suite, "schemathesis without keys", test_without_key);
    CU_add_test(suite, "schemathesis with a key", test_with_key);
}
