/* newsmill upload to gateways of the test's own: "later" by 429 and 503, Retry-After, TLS. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/harness/http_stub.h"
#include "upload_fixture.h"

struct gateway {
    int later; /* the next so many answers */
    int early; /* requests that came before Retry-After said */
    time_t open_at;
    int items;
};

static void serve_later(struct http_stub_peer *peer, const struct http_stub_request *r,
                        void *context)
{
    struct gateway *g = context;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    g->early += now.tv_sec < g->open_at;
    if (g->later > 0) {
        g->later--;
        g->open_at = now.tv_sec + 1; /* whole seconds: at most what was asked for */
        http_stub_printf(peer,
                         "HTTP/1.1 %s\r\nRetry-After: 2\r\nContent-Length: 17\r\n\r\n"
                         "{\"detail\":\"wait\"}",
                         g->later % 2 ? "429 Slower" : "503 Full");
        return;
    }
    int count = 0;
    for (const char *at = r->body; (at = strchr(at, '\n')); at++)
        count++;
    g->items += count;
    http_stub_printf(peer,
                     "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
                     "{\"accepted\":%d,\"duplicates\":0,\"refused\":0,\"items\":[",
                     count);
    for (int i = 0; i < count; i++)
        http_stub_printf(peer, "%s{\"id\":\"%d\"}", i ? "," : "", i);
    http_stub_printf(peer, "]}");
}

static void test_later(void)
{
    struct gateway *gateway = http_stub_shared(sizeof *gateway);
    struct http_stub_options options = {.serve = serve_later, .context = gateway};
    struct http_stub stub;
    char url[100];
    const char *const more[] = {"--url", url, "--in-flight", "1", NULL};

    upload_begin();
    http_stub_start(&stub, &options);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", stub.port);
    gateway->later = 2;
    upload_write_rows(305);
    upload_expect(more, 0, "upload: 429 wait; waiting, for up to 600 s");
    CU_ASSERT_EQUAL(gateway->items, 305);
    CU_ASSERT_EQUAL(gateway->early, 0);
    CU_ASSERT_EQUAL(gateway->later, 0);
    upload_finish();
}

static void test_gateway_https(void)
{
    char certificate[300], key[300], ca_file[300];
    struct gateway *gateway = http_stub_shared(sizeof *gateway);
    struct http_stub_options options = {
        .certificate = certificate, .key = key, .serve = serve_later, .context = gateway};
    struct http_stub stub;
    char url[100];
    const char *const more[] = {"--url", url, "--ca-file", ca_file, NULL};

    upload_begin();
    snprintf(certificate, sizeof certificate, "%s/server.pem", upload_farm.dir);
    snprintf(key, sizeof key, "%s/server.key", upload_farm.dir);
    snprintf(ca_file, sizeof ca_file, "%s/ca.pem", upload_farm.dir);
    http_stub_make_certificates(upload_farm.dir);
    http_stub_start(&stub, &options);
    snprintf(url, sizeof url, "https://127.0.0.1:%d", stub.port);
    upload_write_rows(100);
    upload_expect(more, 0, "100 accepted");
    CU_ASSERT_EQUAL(gateway->items, 100);
    const char *const distrusting[] = {"--url", url, NULL};
    upload_expect(distrusting, 1, "SSL certificate problem");
    CU_ASSERT_EQUAL(gateway->items, 100);
    upload_finish();
}

void suite_upload_later(void);

void suite_upload_later(void)
{
    CU_pSuite suite = CU_add_suite("upload_later", NULL, NULL);

    CU_add_test(suite, "a gateway says later", test_later);
    CU_add_test(suite, "a gateway with TLS", test_gateway_https);
}
