/* newsmill upload of an https:// address: a server of the test's own, with a certificate authority
 * of its own, that breaks connections, has ranges or has none, changes its file or sends elsewhere;
 * and gateways that say "later". */
#include <CUnit/CUnit.h>
#include <archive.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/http_client.h"
#include "tests/harness/http_stub.h"
#include "upload_fixture.h"

#define ROWS 20000

/* What the server is to do; shared with it. */
struct orders {
    bool has_ranges, has_tag, has_length;
    int breaks;           /* the next so many answers break … */
    bool earlier;         /* … each time in the middle of what came before … */
    bool resets;          /* … with a reset … */
    size_t break_after;   /* … after so many bytes of the body */
    int unavailable;      /* the next so many answers are 503 with Retry-After */
    int changes_after;    /* after so many requests the file is another one; 0: never */
    int truncates_after;  /* after so many requests the file is shorter; 0: never */
    char path[300];       /* the file; "": rows made by the server */
    char location[300];   /* of the redirect that /moved is */
    bool has_seen_key;    /* a proxy has */
    int requests, ranges; /* counted by the server: all, and those with a Range that it granted */
};

static struct orders *orders;
static struct http_stub server;
static char certificate[300], key[300], ca_file[300], other_ca[300];
static const char *trusting[] = {"--ca-file", ca_file, NULL};

/* ROWS rows, or the file of the orders. */
static char *make_file(size_t *length)
{
    size_t size = ROWS * (size_t)80;
    FILE *file = *orders->path ? fopen(orders->path, "r") : NULL;
    char *text = malloc(size);

    if (file) {
        *length = fread(text, 1, size, file);
        fclose(file);
        return text;
    }
    *length = (size_t)snprintf(text, size, "content,publication\n");
    for (int i = 0; i < ROWS; i++)
        *length += (size_t)snprintf(text + *length, size - *length, "Article %d %x,p\n", i,
                                    (unsigned)i * 2654435769u);
    return text;
}

static void serve_file(struct http_stub_peer *peer, const struct http_stub_request *r)
{
    size_t length, from = 0;
    char *text = make_file(&length), range[100] = "", condition[100] = "";
    const char *tag = orders->has_tag ? "\"one\"" : "";
    bool is_other = orders->changes_after && orders->requests > orders->changes_after;

    if (is_other) {
        text[25] = '!';
        tag = orders->has_tag ? "\"two\"" : "";
    }
    if (orders->truncates_after && orders->requests > orders->truncates_after)
        length /= 4;
    http_stub_header(r, "Range", range, sizeof range);
    http_stub_header(r, "If-Range", condition, sizeof condition);
    if (orders->has_ranges && *range && strcmp(condition, tag) == 0)
        from = strtoul(range + strlen("bytes="), NULL, 10);
    if (from > 0) {
        orders->ranges++;
        http_stub_printf(peer, "HTTP/1.1 206 Partial\r\nContent-Range: bytes %zu-%zu/%zu\r\n", from,
                         length - 1, length);
    } else {
        http_stub_printf(peer, "HTTP/1.1 200 OK\r\n");
    }
    if (*tag)
        http_stub_printf(peer, "ETag: %s\r\n", tag);
    if (orders->has_length)
        http_stub_printf(peer, "Content-Length: %zu\r\n", length - from);
    http_stub_printf(peer, "Connection: close\r\n\r\n");
    size_t left = length - from;
    if (orders->breaks > 0) {
        orders->breaks--;
        left = left < orders->break_after ? left : orders->break_after;
        orders->break_after /= orders->earlier ? 2 : 1;
        if (orders->resets)
            http_stub_reset(peer);
    }
    http_stub_send(peer, text + from, left);
    free(text);
}

static void serve(struct http_stub_peer *peer, const struct http_stub_request *r, void *context)
{
    (void)context;
    orders->requests++;
    if (strcmp(r->path, "/long") == 0 || strcmp(r->path, "/long/post/bulk") == 0) {
        http_stub_printf(peer, "HTTP/1.1 200 OK\r\nX-Long: ");
        for (int i = 0; i < 200; i++)
            http_stub_printf(peer, "%01000d", i);
        http_stub_printf(peer, "\r\nConnection: close\r\n\r\n");
    } else if (strcmp(r->path, "/moved") == 0) {
        http_stub_printf(peer, "HTTP/1.1 302 Found\r\nLocation: %s\r\nConnection: close\r\n\r\n",
                         orders->location);
    } else if (orders->unavailable > 0) {
        orders->unavailable--;
        http_stub_printf(peer,
                         "HTTP/1.1 503 No\r\nRetry-After: 1\r\nConnection: close\r\n\r\nno\n");
    } else if (strncmp(r->path, "/file", 5) == 0) {
        serve_file(peer, r);
    } else {
        http_stub_printf(peer, "HTTP/1.1 404 No\r\nConnection: close\r\n\r\nno\n");
    }
}

static void begin(void)
{
    struct http_stub_options options = {.certificate = certificate, .key = key, .serve = serve};

    upload_begin();
    farm_start_gateway(&upload_farm);
    http_stub_make_certificates(upload_farm.dir);
    snprintf(certificate, sizeof certificate, "%s/server.pem", upload_farm.dir);
    snprintf(key, sizeof key, "%s/server.key", upload_farm.dir);
    snprintf(ca_file, sizeof ca_file, "%s/ca.pem", upload_farm.dir);
    snprintf(other_ca, sizeof other_ca, "%s/other.pem", upload_farm.dir);
    orders = http_stub_shared(sizeof *orders);
    *orders = (struct orders){.has_ranges = true, .has_tag = true, .has_length = true};
    http_stub_start(&server, &options);
    snprintf(upload_file, sizeof upload_file, "https://127.0.0.1:%d/file.csv", server.port);
}

static void expect_all(void)
{
    CU_ASSERT_EQUAL(upload_waiting(), ROWS);
    CU_ASSERT_EQUAL(upload_different(), ROWS);
}

static void test_plain(void)
{
    begin();
    upload_expect(trusting, 0, "20000 rows, 20000 accepted, 0 already there, 0 refused, ");
    upload_expect(trusting, 0, "20000 rows, 0 accepted, 20000 already there, 0 refused, ");
    expect_all();
    CU_ASSERT_EQUAL(orders->requests, 2);
    orders->has_length = false;
    snprintf(upload_file, sizeof upload_file, /* the query is no part of the name */
             "https://127.0.0.1:%d/file.csv?signature=of/today", server.port);
    upload_expect(trusting, 0, "20000 already there");
    upload_finish();
}

static void test_breaks(void)
{
    begin();
    for (int i = 0; i < 2; i++) {
        orders->resets = i;
        orders->requests = orders->ranges = 0;
        orders->breaks = 4;
        orders->break_after = 90000;
        upload_expect(trusting, 0, "20000 rows, ");
        expect_all();
        CU_ASSERT_EQUAL(orders->requests, 5);
        if (!orders->resets) /* a reset may take all of it along */
            CU_ASSERT_EQUAL(orders->ranges, 4);
    }
    upload_finish();
}

static void test_zip(void)
{
    begin();
    snprintf(orders->path, sizeof orders->path, "%s/news.zip", upload_farm.dir);
    upload_pack(orders->path, ARCHIVE_FORMAT_ZIP, ARCHIVE_FILTER_NONE, 2);
    orders->breaks = 3;
    orders->break_after = 150000;
    upload_expect(trusting, 0, "40000 rows, 40000 accepted, ");
    CU_ASSERT_EQUAL(orders->ranges, 3);
    snprintf(upload_file, sizeof upload_file, "%s", orders->path); /* the same as a file */
    static const char *const name[] = {"--name", "file.csv", NULL};
    upload_expect(name, 0, "40000 rows, 0 accepted, 40000 already there, ");
    CU_ASSERT_EQUAL(upload_waiting(), 40000);
    CU_ASSERT_EQUAL(upload_different(), 40000);
    upload_finish();
}

/* All is fetched anew, and what came before is left out. */
static void test_no_ranges(void)
{
    begin();
    for (int has_tag = 0; has_tag < 2; has_tag++) {
        orders->requests = 0;
        orders->has_tag = has_tag;
        orders->has_ranges = !has_tag; /* without a tag they cannot be asked for */
        orders->breaks = 2;
        orders->break_after = 300000;
        upload_expect(trusting, 0, "20000 rows, ");
        CU_ASSERT_EQUAL(orders->requests, 3);
        CU_ASSERT_EQUAL(orders->ranges, 0);
        expect_all();
    }
    upload_finish();
}

static void test_breaks_for_good(void)
{
    begin();
    orders->has_ranges = false;
    orders->breaks = 100;
    orders->break_after = 300000;
    upload_expect(trusting, 1, "/file.csv: ");
    CU_ASSERT_EQUAL(orders->requests, 6); /* five in vain after the first */
    CU_ASSERT(upload_waiting() > ROWS / 4);
    CU_ASSERT(upload_waiting() < ROWS);
    CU_ASSERT_EQUAL(upload_different(), upload_waiting());
    orders->breaks = 0; /* another day */
    upload_expect(trusting, 0, "20000 rows, ");
    expect_all();
    upload_finish();
}

static void test_changes(void)
{
    for (int i = 0; i < 4; i++) {
        begin();
        orders->has_tag = i != 1;
        orders->earlier = i == 3; /* its new tag is not to be trusted then */
        orders->breaks = 2;
        orders->break_after = 200000;
        if (i == 2)
            orders->truncates_after = orders->breaks = 1;
        else
            orders->changes_after = 1;
        orders->has_ranges = i != 2;
        upload_expect(trusting, 1, "changed while it was being downloaded");
        CU_ASSERT_EQUAL(upload_different(), upload_waiting());
        CU_ASSERT(upload_waiting() < ROWS / 2);
        upload_finish();
    }
}

static void test_unavailable(void)
{
    begin();
    orders->unavailable = 2;
    upload_expect(trusting, 0, "20000 rows, 20000 accepted, ");
    CU_ASSERT_EQUAL(orders->requests, 3);
    snprintf(upload_file, sizeof upload_file, "https://127.0.0.1:%d/nothing", server.port);
    upload_expect(trusting, 1, "/nothing: the server answers 404");
    CU_ASSERT_EQUAL(orders->requests, 4);
    upload_finish();
}

static void test_killed(void)
{
    begin();
    for (int i = 0; i < 5; i++) {
        long long some = upload_waiting() + 1 + i * 531;
        upload_start(trusting);
        CU_ASSERT(wait_until("some rows", 20000, upload_has, &some));
        proc_stop(&upload, SIGKILL, 5000);
        orders->breaks = 1;
        orders->break_after = 200000;
    }
    upload_expect(trusting, 0, "20000 rows, ");
    expect_all();
    upload_finish();
}

static void test_not_trusted(void)
{
    const char *const other[] = {"--ca-file", other_ca, NULL};
    const char *const none[] = {"--ca-file", "/nonexistent/file", NULL};

    begin();
    upload_expect(NULL, 1, "/file.csv: SSL certificate problem");
    upload_expect(other, 1, "/file.csv: SSL certificate problem");
    upload_expect(none, 64, "--ca-file /nonexistent/file: No such file");
    /* The certificate is for 127.0.0.1. */
    snprintf(upload_file, sizeof upload_file, "https://localhost:%d/file.csv", server.port);
    upload_expect(trusting, 1, "/file.csv: SSL: ");
    CU_ASSERT_EQUAL(orders->requests, 0);
    CU_ASSERT_EQUAL(upload_waiting(), 0);
    upload_finish();
}

static void test_redirects(void)
{
    char moved[300];

    begin();
    snprintf(moved, sizeof moved, "https://127.0.0.1:%d/moved", server.port);
    snprintf(orders->location, sizeof orders->location, "http://127.0.0.1:%d/file.csv",
             server.port);
    snprintf(upload_file, sizeof upload_file, "%s", moved);
    upload_expect(trusting, 1, "/moved: Protocol \"http\" ");
    CU_ASSERT_EQUAL(orders->requests, 1);
    snprintf(orders->location, sizeof orders->location, "file:///etc/passwd");
    upload_expect(trusting, 1, "/moved: Protocol \"file\" ");
    snprintf(orders->location, sizeof orders->location, "/moved");
    upload_expect(trusting, 1, "/moved: Maximum (5) redirects");
    CU_ASSERT_EQUAL(upload_waiting(), 0);
    snprintf(orders->location, sizeof orders->location, "/file.csv");
    orders->breaks = 1;
    orders->break_after = 90000;
    upload_expect(trusting, 0, "20000 rows, 20000 accepted");
    upload_finish();
}

/* Without TLS only from this machine; and no message shows what may be secret. */
static void test_addresses(void)
{
    struct http_stub_options options = {.serve = serve};

    begin();
    http_stub_start(&server, &options);
    snprintf(upload_file, sizeof upload_file, "http://127.0.0.1:%d/file.csv", server.port);
    upload_expect(NULL, 0, "20000 accepted");
    snprintf(upload_file, sizeof upload_file, "http://me:secret@127.0.0.1:%d/no?token=secret",
             server.port);
    char wanted[100];
    snprintf(wanted, sizeof wanted, "upload: http://127.0.0.1:%d/no: the server", server.port);
    upload_expect(NULL, 1, wanted);
    snprintf(upload_file, sizeof upload_file, "http://news.example/file.csv");
    upload_expect(NULL, 1, "upload: http://news.example/file.csv: https:// is wanted");
    snprintf(upload_file, sizeof upload_file, "http://127.0.0.1.news.example/file.csv");
    upload_expect(NULL, 1, "https:// is wanted");
    snprintf(upload_file, sizeof upload_file, "ftp://127.0.0.1/file.csv");
    upload_expect(NULL, 1, "https://HOST is wanted");
    upload_finish();
}

/* libcurl calls a header that it does not take a lack of memory. */
static void test_long_header(void)
{
    struct http_stub_options plain = {.serve = serve};
    struct http_client *client;
    struct http_reply reply;
    char url[100], wanted[200];
    struct err e;

    begin();
    snprintf(upload_file, sizeof upload_file, "https://127.0.0.1:%d/long", server.port);
    upload_expect(trusting, 1, "/long: a header of the answer is too long, or memory is short");
    http_stub_start(&server, &plain);
    snprintf(upload_file, sizeof upload_file, "%s/rows.csv", upload_farm.dir);
    upload_write_rows(10);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/long", server.port);
    snprintf(wanted, sizeof wanted, "%s/post/bulk: a header of the answer is too long", url);
    upload_expect((const char *const[]){"--url", url, NULL}, 1, wanted);
    CU_ASSERT_EQUAL_FATAL(http_client_open("", NULL, &client, &e), 0);
    struct http_call call = {
        .url = url, .timeout_ms = 20000, .max_answer_bytes = 1000, .plain = true};
    CU_ASSERT_EQUAL(http_client_send(client, &call, &reply, &e), ERR_AGAIN);
    snprintf(wanted, sizeof wanted, "%s: a header of the answer is too long", url);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, wanted));
    http_reply_fini(&reply);
    http_client_close(client);
    upload_finish();
}

/* What a proxy of the test's own is asked. */
static void serve_proxy(struct http_stub_peer *peer, const struct http_stub_request *r,
                        void *context)
{
    (void)context;
    orders->requests++;
    orders->has_seen_key = orders->has_seen_key || strstr(r->headers, "Authorization") ||
                           strstr(r->headers, "abcsecret");
    http_stub_printf(peer, "HTTP/1.1 400 No\r\nConnection: close\r\n\r\nno\n");
}

/* An API key goes over the network only under TLS, or when that is asked for; to no proxy. */
static void test_key_in_clear(void)
{
    struct http_stub_options plain = {.serve = serve_proxy};
    char proxy[100];

    begin();
    http_stub_start(&server, &plain);
    snprintf(upload_file, sizeof upload_file, "%s/rows.csv", upload_farm.dir);
    upload_write_rows(10);
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", server.port);
    setenv("http_proxy", proxy, 1);
    setenv("https_proxy", proxy, 1);
    /* Names of example are nowhere: without the proxy there is nobody to ask. */
    const char *const to_http[] = {"--url", "http://news.example", "--timeout", "1", NULL};
    const char *const to_https[] = {"--url", "https://news.example", "--timeout", "1", NULL};
    const char *const asked[] = {"--url", "http://news.example", "--plain-key", "--timeout", "1",
                                 NULL};
    upload_expect(to_http, 1, "refused: 400");
    CU_ASSERT(orders->requests > 0); /* there is no key to see */
    farm_set(&upload_farm, "API_KEY", "abcsecret");
    orders->requests = 0;
    upload_expect(to_http, 64, "--url http://news.example/: the API key would be sent in clear");
    CU_ASSERT_EQUAL(orders->requests, 0);
    upload_expect(asked, 1, "");
    CU_ASSERT_EQUAL(orders->requests, 0);
    upload_expect(to_https, 1, "");
    CU_ASSERT(orders->requests > 0); /* CONNECT */
    CU_ASSERT_FALSE(orders->has_seen_key);
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    upload_finish();
}

void suite_upload_https(void);

void suite_upload_https(void)
{
    CU_pSuite suite = CU_add_suite("upload_https", NULL, NULL);

    CU_add_test(suite, "a header too long for libcurl", test_long_header);
    CU_add_test(suite, "an API key in clear", test_key_in_clear);
    CU_add_test(suite, "a download", test_plain);
    CU_add_test(suite, "broken connections", test_breaks);
    CU_add_test(suite, "a zip", test_zip);
    CU_add_test(suite, "a server without ranges", test_no_ranges);
    CU_add_test(suite, "it breaks for good", test_breaks_for_good);
    CU_add_test(suite, "the file changes meanwhile", test_changes);
    CU_add_test(suite, "503, 404", test_unavailable);
    CU_add_test(suite, "upload killed", test_killed);
    CU_add_test(suite, "not trusted", test_not_trusted);
    CU_add_test(suite, "redirects", test_redirects);
    CU_add_test(suite, "addresses", test_addresses);
}
