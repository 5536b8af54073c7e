/* Firestore over HTTPS with a certificate authority of our own: who we are, how a token is renewed,
 * and what is refused before anything is sent. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/err.h"
#include "common/json.h"
#include "counts.h"
#include "tests/harness/firestore_stub.h"
#include "tests/harness/harness.h"

void suite_firestore_auth(void);

static const char *dir;
static char paths[8][300];
enum { CA, SERVER_KEY, SERVER, ACCOUNT_KEY, ACCOUNT_PUBLIC, OTHER_CA, FILE_A, FILE_B };

static struct firestore_stub stub;
static struct conf conf;
static struct counts *counts;
static struct err e;

/* --- keys, certificates, files -----------------------------------------------------------------
 */

static void openssl(const char *line)
{
    const char *args[] = {"-c", line, NULL};
    char *output;
    int code = proc_run("sh", NULL, args, true, &output, 60000);

    if (code != 0)
        panic("%s: %s", line, output);
    free(output);
}

static void make_keys(void)
{
    char line[2000];

    snprintf(
        line, sizeof line,
        "cd %s && exec 2>&1 && new='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes' &&"
        "openssl req -x509 $new -keyout ca.key -out ca.pem -subj /CN=ours -days 2 &&"
        "openssl req -x509 $new -keyout other.key -out other.pem -subj /CN=other -days 2 &&"
        "openssl req $new -keyout server.key -out server.csr -subj /CN=server &&"
        "echo subjectAltName=IP:127.0.0.1 >ext &&"
        "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial"
        " -extfile ext -days 2 -out server.pem &&"
        "openssl genrsa -out account.key 2048 &&"
        "openssl pkey -in account.key -pubout -out account.pub",
        dir);
    openssl(line);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    CU_ASSERT_FATAL(file != NULL);
    fputs(text, file);
    fclose(file);
}

static void write_service_account(const char *path)
{
    char pem[4096];
    struct buf json;
    FILE *file = fopen(paths[ACCOUNT_KEY], "r");

    CU_ASSERT_FATAL(file != NULL);
    size_t length = fread(pem, 1, sizeof pem, file);
    fclose(file);
    buf_init(&json, 1 << 16);
    buf_append_text(&json, "{\"type\":\"service_account\",\"client_email\":\"a@b.example\","
                           "\"private_key_id\":\"k1\",\"private_key\":");
    json_append_string(&json, pem, length);
    buf_append_text(&json, "}");
    write_text(path, json.bytes);
    buf_fini(&json);
}

static void write_user(const char *path, const char *refresh_token)
{
    char text[1000];

    snprintf(
        text, sizeof text,
        "{\"type\":\"authorized_user\",\"client_id\":\"the client\",\"client_secret\":\"s3cret+\","
        "\"refresh_token\":\"%s\",\"token_uri\":\"https://127.0.0.1:%d/token\"}",
        refresh_token, stub.port);
    write_text(path, text);
}

static void forget_environment(void)
{
    static const char *const names[] = {"FIRESTORE_EMULATOR_HOST",
                                        "GOOGLE_APPLICATION_CREDENTIALS",
                                        "CREDENTIALS_DIRECTORY",
                                        "GCE_METADATA_HOST",
                                        "HTTPS_PROXY",
                                        "https_proxy"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    setenv("CLOUDSDK_CONFIG", dir, 1);
    setenv("HOME", dir, 1);
}

/* --- setting up --------------------------------------------------------------------------------
 */

static char *old_home;

static void set_conf(void)
{
    static char kind[] = "firestore", project[] = "p1", database[] = "(default)", none[] = "",
                endpoint[64];

    snprintf(endpoint, sizeof endpoint, "https://127.0.0.1:%d", stub.port);
    conf = (struct conf){.savers = {.processes = 1, .max_batches = 8},
                         .store = {.kind = kind,
                                   .project = project,
                                   .database = database,
                                   .credentials_file = none,
                                   .ca_file = paths[CA],
                                   .endpoint = endpoint,
                                   .timeout_ms = 5000}};
}

/* `by_key`: the stub wants tokens signed by the service account, else its own. */
static void begin(bool by_key)
{
    static const char *const names[] = {"ca.pem",      "server.key", "server.pem", "account.key",
                                        "account.pub", "other.pem",  "a.json",     "b.json"};

    dir = harness_dir();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        snprintf(paths[i], sizeof paths[i], "%s/%s", dir, names[i]);
    old_home = getenv("HOME") ? xstrdup(getenv("HOME")) : NULL;
    forget_environment();
    make_keys();
    struct firestore_stub_options options = {.certificate = paths[SERVER],
                                             .key = paths[SERVER_KEY],
                                             .jwt_key = by_key ? paths[ACCOUNT_PUBLIC] : NULL,
                                             .wants_token = 1};
    firestore_stub_start(&stub, &options);
    set_conf();
    counts = counts_new(3);
}

static void end(void)
{
    forget_environment();
    unsetenv("CLOUDSDK_CONFIG");
    if (old_home)
        setenv("HOME", old_home, 1);
    free(old_home);
    firestore_stub_stop(&stub);
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

static void expect_outcome(struct store *s, enum store_outcome wanted)
{
    struct batch *b = counts_draw(counts, 3);
    enum store_outcome got = store_apply(s, b, &e);

    if (got != wanted)
        fprintf(stderr, "\n  outcome %d: %s\n", got, e.text);
    CU_ASSERT_EQUAL(got, wanted);
    if (got == STORE_APPLIED)
        counts_add(counts, b);
}

static void expect_no_secret(const char *text)
{
    CU_ASSERT_PTR_NULL(strstr(text, "s3cret"));
    CU_ASSERT_PTR_NULL(strstr(text, "refresh/"));
    CU_ASSERT_PTR_NULL(strstr(text, "wrong-one"));
    CU_ASSERT_PTR_NULL(strstr(text, "token-"));
    CU_ASSERT_PTR_NULL(strstr(text, "PRIVATE KEY"));
    CU_ASSERT_PTR_NULL(strstr(text, "eyJ")); /* the front of every JWT */
}

/* --- credentials that work ---------------------------------------------------------------------
 */

static void test_service_account(void)
{
    begin(true);
    write_service_account(paths[FILE_A]);
    conf.store.credentials_file = paths[FILE_A];
    struct store *s = open_store();
    expect_outcome(s, STORE_APPLIED);
    expect_outcome(s, STORE_APPLIED);
    CU_ASSERT_EQUAL(firestore_stub_number(&stub, "unauthorized"), 0);
    firestore_stub_revoke(&stub);
    expect_outcome(s, STORE_APPLIED); /* renewed once, within the call */
    CU_ASSERT_EQUAL(firestore_stub_number(&stub, "unauthorized"), 1);
    CU_ASSERT_EQUAL(firestore_stub_number(&stub, "requests"), 4);
    CU_ASSERT_EQUAL(counts_differ(counts, s), 0);
    store_close(s);
    end();
}

/* A key that the project does not know: asked for twice, then waited for. */
static void test_unknown_key(void)
{
    begin(true);
    char line[700];
    snprintf(line, sizeof line, "openssl genrsa -out %s 2048 2>&1", paths[ACCOUNT_KEY]);
    openssl(line);
    write_service_account(paths[FILE_A]);
    conf.store.credentials_file = paths[FILE_A];
    struct store *s = open_store();
    expect_outcome(s, STORE_AGAIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "UNAUTHENTICATED"));
    expect_no_secret(e.text);
    CU_ASSERT_EQUAL(firestore_stub_number(&stub, "unauthorized"), 2);
    store_close(s);
    end();
}

static void test_user(void)
{
    char path[400];

    begin(false);
    snprintf(path, sizeof path, "%s/application_default_credentials.json", dir);
    write_user(path, "refresh/it");
    struct store *s = open_store();
    expect_outcome(s, STORE_APPLIED);
    expect_outcome(s, STORE_APPLIED);
    CU_ASSERT_EQUAL(firestore_stub_number(&stub, "tokens"), 1);
    firestore_stub_revoke(&stub);
    expect_outcome(s, STORE_APPLIED);
    CU_ASSERT_EQUAL(firestore_stub_number(&stub, "tokens"), 2);
    CU_ASSERT_EQUAL(counts_differ(counts, s), 0);
    store_close(s);
    write_user(path, "wrong-one");
    s = open_store();
    expect_outcome(s, STORE_AGAIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "invalid_grant"));
    expect_no_secret(e.text);
    store_close(s);
    end();
}

static void test_machine(void)
{
    char host[64];

    begin(false);
    snprintf(host, sizeof host, "127.0.0.1:%d", stub.plain_port);
    setenv("GCE_METADATA_HOST", host, 1);
    struct store *s = open_store();
    expect_outcome(s, STORE_APPLIED);
    firestore_stub_revoke(&stub);
    expect_outcome(s, STORE_APPLIED);
    CU_ASSERT_EQUAL(firestore_stub_number(&stub, "tokens"), 2);
    store_close(s);
    snprintf(host, sizeof host, "127.0.0.1:%d", harness_port());
    setenv("GCE_METADATA_HOST", host, 1);
    s = open_store();
    expect_outcome(s, STORE_AGAIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "no credentials were given"));
    store_close(s);
    end();
}

/* --- TLS ---------------------------------------------------------------------------------------
 */

static void expect_no_connection(const char *part)
{
    struct store *s = open_store();

    expect_outcome(s, STORE_AGAIN);
    if (!strstr(e.text, part))
        fprintf(stderr, "\n  got: %s\n", e.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, part));
    CU_ASSERT_EQUAL(firestore_stub_number(&stub, "requests"), 0);
    store_close(s);
}

static void test_verified(void)
{
    static char none[] = "", name[64], plain[64];

    begin(true);
    write_service_account(paths[FILE_A]);
    conf.store.credentials_file = paths[FILE_A];
    conf.store.ca_file = paths[OTHER_CA];
    expect_no_connection("certificate");
    conf.store.ca_file = none; /* the system's authorities do not know ours */
    expect_no_connection("certificate");
    conf.store.ca_file = paths[CA];
    snprintf(name, sizeof name, "https://localhost:%d", stub.port);
    conf.store.endpoint = name; /* the certificate is for an address, not for this name */
    expect_no_connection("localhost");
    snprintf(plain, sizeof plain, "https://127.0.0.1:%d", stub.plain_port);
    conf.store.endpoint = plain; /* a server without TLS */
    expect_no_connection("SSL");
    end();
}

/* --- what is refused ---------------------------------------------------------------------------
 */

static void expect_refused(const char *part)
{
    CU_ASSERT_EQUAL(store_check(&conf, &e), ERR_CONFIG);
    if (!strstr(e.text, part))
        fprintf(stderr, "\n  got: %s\n", e.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, part));
    expect_no_secret(e.text);
}

static void refuse_file(const char *text, const char *part)
{
    write_text(paths[FILE_A], text);
    conf.store.credentials_file = paths[FILE_A];
    expect_refused(part);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, paths[FILE_A]));
}

static void test_files_refused(void)
{
    begin(true);
    refuse_file("{\"type\":\"external_account\"}", "external_account is not supported");
    refuse_file("{\"type\":\"impersonated_service_account\"}",
                "impersonated_service_account is not");
    refuse_file("{\"type\":\"service_account\",\"client_email\":\"a\"}",
                "private_key_id is missing");
    refuse_file("{\"type\":\"service_account\",\"client_email\":\"a\",\"private_key_id\":\"k\","
                "\"private_key\":\"-----BEGIN PRIVATE KEY-----\\ns3cret\"}",
                "not readable as PEM");
    refuse_file("{\"type\":\"authorized_user\",\"client_id\":\"a\"}", "client_secret is missing");
    refuse_file("{\"type\":\"authorized_user\",\"client_id\":\"a\",\"client_secret\":\"s3cret\","
                "\"refresh_token\":\"r\",\"token_uri\":\"http://127.0.0.1/\"}",
                "https");
    refuse_file("{}", "type");
    refuse_file("[1]", "type");
    refuse_file("s3cret", "type");
    refuse_file("{\"type\":\"service_account\"} s3cret", "type");
    refuse_file("", "type");
    conf.store.credentials_file = paths[FILE_B];
    expect_refused("No such file");
    mkdir(paths[FILE_B], 0700);
    expect_refused("directory");
    end();
}

/* Each source is looked at only where those before it are not set. */
static void test_order(void)
{
    char directory[400], path[500];

    begin(true);
    snprintf(path, sizeof path, "%s/.config", dir);
    mkdir(path, 0700);
    snprintf(directory, sizeof directory, "%s/.config/gcloud", dir);
    mkdir(directory, 0700);
    snprintf(path, sizeof path, "%s/application_default_credentials.json", directory);
    write_text(path, "{}");
    unsetenv("CLOUDSDK_CONFIG");
    expect_refused("/.config/gcloud/application_default_credentials.json");
    setenv("CLOUDSDK_CONFIG", paths[FILE_B], 1); /* there is none: the metadata server it is */
    CU_ASSERT_EQUAL(store_check(&conf, &e), 0);
    mkdir(paths[FILE_B], 0700);
    snprintf(path, sizeof path, "%s/application_default_credentials.json", paths[FILE_B]);
    write_text(path, "{}");
    expect_refused("/b.json/application_default_credentials.json");
    snprintf(path, sizeof path, "%s/named.json", dir);
    setenv("GOOGLE_APPLICATION_CREDENTIALS", path, 1);
    expect_refused("/named.json: No such file");
    setenv("CREDENTIALS_DIRECTORY", dir, 1); /* has no "firestore" yet */
    expect_refused("/named.json: No such file");
    snprintf(path, sizeof path, "%s/firestore", dir);
    write_text(path, "{}");
    expect_refused("/firestore: not a JSON");
    conf.store.credentials_file = paths[FILE_A];
    expect_refused("/a.json");
    setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1", 1);
    CU_ASSERT_EQUAL(store_check(&conf, &e), 0);
    end();
}

static void test_settings_refused(void)
{
    static char empty[] = "", slash[] = "a/b", http[] = "http://firestore.googleapis.com",
                path[] = "https://host/x", user[] = "https://user@host",
                gone[] = "/nonexistent.pem";

    begin(true);
    conf.store.project = empty;
    expect_refused("store.project");
    conf.store.project = slash;
    expect_refused("store.project");
    set_conf();
    conf.store.database = slash;
    expect_refused("store.database");
    set_conf();
    conf.store.endpoint = http;
    expect_refused("store.endpoint");
    conf.store.endpoint = path;
    expect_refused("store.endpoint");
    conf.store.endpoint = user;
    expect_refused("store.endpoint");
    set_conf();
    conf.store.ca_file = gone;
    expect_refused("/nonexistent.pem");
    set_conf();
    setenv("FIRESTORE_EMULATOR_HOST", "http://127.0.0.1:80/", 1);
    expect_refused("FIRESTORE_EMULATOR_HOST");
    end();
}

/* --- a real saver ------------------------------------------------------------------------------
 */

static void set_saver(const char *name, const char *value)
{
    char variable[64];

    snprintf(variable, sizeof variable, "NEWSMILL_%s", name);
    if (value)
        setenv(variable, value, 1);
    else
        unsetenv(variable);
}

static bool is_retried(void *context)
{
    (void)context;
    return firestore_stub_number(&stub, "unauthorized") >= 4;
}

/* With everything in the log and everything going wrong, no secret is said. */
static void test_log_has_no_secret(void)
{
    static const char *const names[] = {"STORE_KIND",    "STORE_PROJECT",  "STORE_CREDENTIALS_FILE",
                                        "STORE_CA_FILE", "STORE_ENDPOINT", "LOG_LEVEL"};
    static struct farm farm;
    struct buf json;
    char *log;

    begin(false); /* the stub does not take signed tokens: every answer is 401 */
    write_service_account(paths[FILE_A]);
    const char *const values[] = {"firestore",         "p1",   paths[FILE_A], paths[CA],
                                  conf.store.endpoint, "debug"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        set_saver(names[i], values[i]);
    farm_init(&farm);
    buf_init(&json, 1 << 16);
    CU_ASSERT_EQUAL_FATAL(batch_write(counts_draw(counts, 3), &json), 0);
    redis_int(&farm.redis, "LPUSH newsmill:results %b", json.bytes, json.length);
    buf_fini(&json);
    farm_start_savers(&farm);
    CU_ASSERT(wait_until("a saver to be refused twice", 20000, is_retried, NULL));
    CU_ASSERT_EQUAL(proc_stop(&farm.savers, SIGTERM, 20000), 0);
    const char *args[] = {farm.savers.log, NULL};
    CU_ASSERT_EQUAL(proc_run("cat", NULL, args, false, &log, 5000), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(log, "store.away"));
    CU_ASSERT_PTR_NOT_NULL(strstr(log, "UNAUTHENTICATED"));
    expect_no_secret(log);
    free(log);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        set_saver(names[i], NULL);
    redis_stop(&farm.redis);
    end();
}

void suite_firestore_auth(void)
{
    CU_pSuite suite = CU_add_suite("firestore_auth", NULL, NULL);

    CU_add_test(suite, "service account: a token signed by us", test_service_account);
    CU_add_test(suite, "service account: a key nobody knows", test_unknown_key);
    CU_add_test(suite, "a user's refresh token", test_user);
    CU_add_test(suite, "metadata server", test_machine);
    CU_add_test(suite, "certificates are verified", test_verified);
    CU_add_test(suite, "credentials that are refused", test_files_refused);
    CU_add_test(suite, "where credentials are looked for", test_order);
    CU_add_test(suite, "settings that are refused", test_settings_refused);
    CU_add_test(suite, "no secret in a log", test_log_has_no_secret);
}
