/* routes: which request goes where; see gateway.h. Checked in this order: Host (where no key is
 * asked for), path, method, key, then what the resource itself wants. */
#include <string.h>
#include <strings.h>

#include "common/metrics.h"
#include "enqueue.h"
#include "gateway.h"

struct route {
    const char *path;
    const char *methods[3]; /* NULL-terminated */
    const char *allow;      /* the header for 405 */
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

static void on_pong(void *context, const struct redis_async_reply *reply, const char *why)
{
    struct http_exchange *x = context;

    if (reply)
        http_answer(x, 200, NULL, "{\"status\":\"ok\"}", 15);
    else
        http_answer_detail(x, 503, "Retry-After: 1\r\n", why);
}

static bool accept_any(struct gateway *g, struct http_exchange *x)
{
    (void)g, (void)x;
    return true;
}

static void answer_ready(struct gateway *g, struct http_exchange *x)
{
    const char *argv[] = {"PING"};
    struct redis_async_callback callback = {.run = on_pong, .context = x};
    struct err e;

    if (http_stopping(g->http))
        http_answer_detail(x, 503, NULL, "stopping");
    else if (redis_async_send(g->redis, 1, argv, NULL, callback, &e) < 0)
        http_answer_detail(x, 503, "Retry-After: 1\r\n", e.text);
}

static bool answer_metrics(struct gateway *g, struct http_exchange *x)
{
    struct metrics_view view = {.role = "gateway", .slots = g->slots, .slot_count = g->slot_count};
    struct buf text;

    buf_init(&text, 1 << 20);
    metrics_write(&view, &text);
    if (buf_failed(&text))
        panic("metrics of more than %zu bytes", text.max_bytes);
    http_answer_typed(x, 200, NULL, "text/plain; version=0.0.4", text.bytes, text.length);
    buf_fini(&text);
    return false;
}

static const struct route routes[] = {
    {"/post/enqueue", {"POST"}, "Allow: POST\r\n", true, enqueue_begin, enqueue_complete},
    {"/livez", {"GET", "HEAD"}, "Allow: GET, HEAD\r\n", false, answer_live, NULL},
    {"/readyz", {"GET", "HEAD"}, "Allow: GET, HEAD\r\n", false, accept_any, answer_ready},
    {"/metrics", {"GET", "HEAD"}, "Allow: GET, HEAD\r\n", true, answer_metrics, NULL},
};

static const struct route *find(const char *path)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (strcmp(routes[i].path, path) == 0)
            return &routes[i];
    return NULL;
}

static bool takes(const struct route *route, const char *method)
{
    for (int i = 0; route->methods[i]; i++)
        if (strcmp(route->methods[i], method) == 0)
            return true;
    return false;
}

/* localhost, 127.0.0.1 or [::1], with any port: a page of another site that has its name resolved
 * to this machine (DNS rebinding) sends that name. */
static bool is_own_host(const char *host)
{
    static const char *const own[] = {"localhost", "127.0.0.1", "[::1]"};

    for (size_t i = 0; host && i < sizeof own / sizeof own[0]; i++) {
        size_t length = strlen(own[i]);
        if (strncasecmp(host, own[i], length) != 0)
            continue;
        const char *port = host + length;
        if (!*port || (*port == ':' && strspn(port + 1, "0123456789") == strlen(port + 1)))
            return true;
    }
    return false;
}

static bool has_key(const struct gateway *g, const struct head *head)
{
    const char *key = head_find(head, "access_token");
    const char *authorization = head_find(head, "Authorization");

    if (!g->keys)
        return true;
    if (!key && authorization && strncasecmp(authorization, "Bearer ", 7) == 0)
        key = authorization + 7 + strspn(authorization + 7, " ");
    return key && keys_check(g->keys, key, strlen(key)) != NULL;
}

bool routes_begin(void *gateway, struct http_exchange *x)
{
    struct gateway *g = gateway;
    const struct head *head = http_head(x);
    const struct route *route = find(head->path);

    if (!g->keys && !is_own_host(head->host))
        http_answer_detail(x, 403, NULL,
                           "without API keys only requests to localhost are taken, this Host is "
                           "another");
    else if (!route)
        http_answer_detail(x, 404, NULL, "Not Found");
    else if (!takes(route, head->method))
        http_answer_detail(x, 405, route->allow, "Method Not Allowed");
    else if (route->needs_key && !has_key(g, head))
        http_answer_detail(x, 403, NULL, "invalid API key provided in the header");
    else
        return route->begin(g, x);
    return false;
}

void routes_complete(void *gateway, struct http_exchange *x)
{
    struct gateway *g = gateway;

    find(http_head(x)->path)->complete(g, x);
}
