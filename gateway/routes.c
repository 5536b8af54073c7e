/* routes: which request goes where; see gateway.h. Checked in this order: Host (where no key is
 * asked for), path, method, key, then what the resource itself wants. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "access_log.h"
#include "bulk.h"
#include "common/metrics.h"
#include "cors.h"
#include "documents.h"
#include "enqueue.h"
#include "gateway.h"
#include "post.h"
#include "stats.h"

#define READ_ONLY         "GET, HEAD, OPTIONS"
#define ALL_METHODS       "GET, HEAD, OPTIONS, POST"
#define MAX_METRICS_BYTES ((size_t)16 << 20) /* each of KEYS_MAX keys has three lines */

struct route {
    const char *path;
    const char *methods; /* as Allow names them */
    bool needs_key;
    bool (*begin)(struct gateway *g, struct http_exchange *x);
    void (*complete)(struct gateway *g, struct http_exchange *x); /* NULL: begin() answers */
};

static bool answer_live(struct gateway *g, struct http_exchange *x)
{
    (void)g;
    http_answer(x, 200, NULL, "{\"status\":\"ok\"}", 15);
    return false;
}

static bool answer_ready(struct gateway *g, struct http_exchange *x)
{
    const char *why = ready_check(g);

    if (http_stopping(g->http))
        http_answer_detail(x, 503, NULL, "stopping");
    else if (why)
        post_answer_unready(x, why);
    else
        http_answer(x, 200, NULL, "{\"status\":\"ok\"}", 15);
    return false;
}

static bool answer_metrics(struct gateway *g, struct http_exchange *x)
{
    struct metrics_view view = {.role = "gateway", .slots = g->slots, .slot_count = g->slot_count};
    struct buf text;

    buf_init(&text, MAX_METRICS_BYTES);
    metrics_write(&view, &text);
    stats_write(g, &text);
    if (buf_failed(&text))
        panic("metrics of more than %zu bytes", text.max_bytes);
    http_answer_typed(x, 200, NULL, "text/plain; version=0.0.4", text.bytes, text.length);
    buf_fini(&text);
    return false;
}

static const struct route routes[] = {
    {"/post/enqueue", "POST, OPTIONS", true, enqueue_begin, enqueue_complete},
    {"/post/bulk", "POST, OPTIONS", true, bulk_begin, bulk_complete},
    {"/livez", READ_ONLY, false, answer_live, NULL},
    {"/readyz", READ_ONLY, false, answer_ready, NULL},
    {"/metrics", READ_ONLY, true, answer_metrics, NULL},
    {"/openapi.json", READ_ONLY, false, documents_openapi, NULL},
    {"/docs", READ_ONLY, false, documents_page, NULL},
    {"/redoc", READ_ONLY, false, documents_moved, NULL},
};
#define ROUTE_COUNT (sizeof routes / sizeof routes[0])
_Static_assert(ROUTE_COUNT < BOARD_MAX_ROUTES,
               "each has its place in the metrics, and one for none");

static const struct route *find(const char *path)
{
    for (size_t i = 0; i < ROUTE_COUNT; i++)
        if (strcmp(routes[i].path, path) == 0)
            return &routes[i];
    return NULL;
}

const char *routes_label(unsigned route)
{
    return route == 0 ? "none" : route <= ROUTE_COUNT ? routes[route - 1].path : NULL;
}

static bool takes(const struct route *route, const char *method)
{
    size_t length = strlen(method);

    for (const char *at = route->methods; *at; at += strspn(at, ", ")) {
        size_t found = strcspn(at, ",");
        if (found == length && memcmp(at, method, length) == 0)
            return true;
        at += found;
    }
    return false;
}

/* Of a request without a key. Every browser sends a Host, so HTTP/1.0 without one is no page of
 * another site: it is a load balancer's check, and gets what is open to all. */
static bool is_for_us(const struct gateway *g, const struct head *head, const struct route *route)
{
    return head->host ? own_host_matches(g->own_host, g->conf->gateway.address, head->host)
                      : route && !route->needs_key;
}

/* OPTIONS, of a path or of the server as a whole. No key is asked for: a browser's preflight has
 * none, and there is nothing in it that /openapi.json does not say. */
static void answer_options(struct http_exchange *x, const char *methods)
{
    char allow[64];

    snprintf(allow, sizeof allow, "Allow: %s\r\n", methods);
    http_answer(x, 204, allow, "", 0);
}

static void answer_method(struct http_exchange *x, const char *methods)
{
    char allow[64];

    snprintf(allow, sizeof allow, "Allow: %s\r\n", methods);
    http_answer_detail(x, 405, allow, "Method Not Allowed");
}

bool routes_begin(void *gateway, struct http_exchange *x)
{
    struct gateway *g = gateway;
    const struct head *head = http_head(x);
    const struct route *route = find(head->path);
    bool options = strcmp(head->method, "OPTIONS") == 0;

    http_tag(x)->route = route ? (unsigned)(route - routes) + 1 : 0;
    if (*g->conf->gateway.cors_origins)
        cors_add_headers(g->conf->gateway.cors_origins, x, route ? route->methods : ALL_METHODS);
    if (!clients_need_key(g->clients) && !is_for_us(g, head, route))
        http_answer_detail(x, 403, NULL,
                           "without API keys only requests to localhost are taken, this Host is "
                           "another");
    else if (options && strcmp(head->path, "*") == 0)
        answer_options(x, ALL_METHODS);
    else if (!route)
        http_answer_detail(x, 404, NULL, "Not Found");
    else if (!takes(route, head->method))
        answer_method(x, route->methods);
    else if (options)
        answer_options(x, route->methods);
    else if (!(http_tag(x)->client = clients_find(g->clients, head)) && route->needs_key)
        http_answer_detail(x, 403, NULL, "invalid API key provided in the header");
    else
        return route->begin(g, x);
    return false;
}

void routes_complete(void *gateway, struct http_exchange *x)
{
    struct gateway *g = gateway;

    routes[http_tag(x)->route - 1].complete(g, x);
}

void routes_end(void *gateway, struct http_exchange *x, const struct http_result *result)
{
    struct gateway *g = gateway;
    const struct board_client *client = http_tag(x)->client;

    atomic_fetch_add(&g->slot->handled, 1);
    stats_end(g, x, result);
    access_log_add(g->access_log, x, result, client ? client->name : "");
}
