/* stats: see stats.h. Every label has a bounded set of values: routes, classes, and the names of
 * keys; never what a client sent. */
#include "stats.h"

#include "board.h"
#include "common/metrics.h"
#include "gateway.h"

/* Upper bounds of the histogram, in microseconds; the last bucket has none. */
static const int64_t bounds_us[BOARD_BUCKETS] = {250,    500,     1000,    2500,   5000,
                                                 10000,  25000,   50000,   100000, 250000,
                                                 500000, 1000000, 2500000, 5000000};

static const char *const classes[BOARD_CLASSES] = {"2xx", "3xx", "4xx", "5xx"};

void stats_accepted(struct gateway *g, struct http_exchange *x, unsigned articles,
                    unsigned duplicates)
{
    struct board_client *client = http_tag(x)->client;

    board_count(&g->page->accepted, articles);
    board_count(&g->page->duplicates, duplicates);
    if (client)
        board_count(&client->articles, articles);
}

void stats_refused(struct gateway *g, unsigned articles)
{
    board_count(&g->page->refused, articles);
}

void stats_end(struct gateway *g, struct http_exchange *x, const struct http_result *result)
{
    const struct http_tag *tag = http_tag(x);
    struct board_client *client = tag->client;
    int bucket = 0, class = result->status < 300 ? 0 : result->status / 100 - 2;

    while (bucket < BOARD_BUCKETS && result->duration_us > bounds_us[bucket])
        bucket++;
    board_count(&g->page->requests[tag->route][class], 1);
    board_count(&g->page->durations[tag->route][bucket], 1);
    board_count(&g->page->duration_us[tag->route], (uint64_t)result->duration_us);
    board_count(&g->page->bytes_in, result->bytes_in);
    board_count(&g->page->bytes_out, result->bytes_out);
    if (client)
        board_count(&client->requests, 1);
}

static uint64_t get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit((_Atomic uint64_t *)(uintptr_t)counter, memory_order_relaxed);
}

/* The pages of all processes as one. */
static void add_up(const struct board *board, struct board_process *sum)
{
    const struct board_process *page;

    *sum = (struct board_process){0};
    for (unsigned i = 0; (page = board_page(board, i)); i++) {
        sum->open_connections += page->open_connections;
        for (int r = 0; r < BOARD_MAX_ROUTES; r++) {
            for (int c = 0; c < BOARD_CLASSES; c++)
                sum->requests[r][c] += get(&page->requests[r][c]);
            for (int b = 0; b <= BOARD_BUCKETS; b++)
                sum->durations[r][b] += get(&page->durations[r][b]);
            sum->duration_us[r] += get(&page->duration_us[r]);
        }
        sum->bytes_in += get(&page->bytes_in);
        sum->bytes_out += get(&page->bytes_out);
        sum->accepted += get(&page->accepted);
        sum->duplicates += get(&page->duplicates);
        sum->refused += get(&page->refused);
        sum->log_lost += get(&page->log_lost);
    }
}

static void write_requests(const struct board_process *sum, struct buf *out)
{
    const char *route;

    metrics_head(out, "http_requests_total", "counter", "Requests answered.");
    for (unsigned r = 0; (route = routes_label(r)); r++)
        for (int c = 0; c < BOARD_CLASSES; c++)
            buf_printf(out, "newsmill_http_requests_total{route=\"%s\",class=\"%s\"} %llu\n", route,
                       classes[c], (unsigned long long)sum->requests[r][c]);
}

static void write_durations(const struct board_process *sum, struct buf *out)
{
    static const char name[] = "newsmill_http_request_duration_seconds";
    const char *route;

    metrics_head(out, "http_request_duration_seconds", "histogram",
                 "From the first byte of a request to the end of its answer.");
    for (unsigned r = 0; (route = routes_label(r)); r++) {
        unsigned long long count = 0;
        for (int b = 0; b < BOARD_BUCKETS; b++) {
            count += sum->durations[r][b];
            buf_printf(out, "%s_bucket{route=\"%s\",le=\"%g\"} %llu\n", name, route,
                       (double)bounds_us[b] / 1e6, count);
        }
        count += sum->durations[r][BOARD_BUCKETS];
        buf_printf(out, "%s_bucket{route=\"%s\",le=\"+Inf\"} %llu\n", name, route, count);
        buf_printf(out, "%s_sum{route=\"%s\"} %.15g\n", name, route,
                   (double)sum->duration_us[r] / 1e6);
        buf_printf(out, "%s_count{route=\"%s\"} %llu\n", name, route, count);
    }
}

static void write_one(struct buf *out, const char *name, const char *type, const char *help,
                      uint64_t value)
{
    metrics_head(out, name, type, help);
    buf_printf(out, "newsmill_%s %llu\n", name, (unsigned long long)value);
}

/* One line a client that has sent anything. */
static void write_clients(const struct board *board, size_t offset, const char *name,
                          const char *help, struct buf *out)
{
    unsigned count;
    const struct board_client *clients = board_clients(board, &count);

    metrics_head(out, name, "counter", help);
    for (unsigned i = 0; i < count; i++)
        if (get(&clients[i].requests))
            buf_printf(out, "newsmill_%s{key=\"%s\"} %llu\n", name, clients[i].name,
                       (unsigned long long)get(
                           (const _Atomic uint64_t *)((const char *)&clients[i] + offset)));
}

void stats_write(const struct gateway *g, struct buf *out)
{
    struct board_process sum;

    add_up(g->board, &sum);
    write_requests(&sum, out);
    write_durations(&sum, out);
    write_one(out, "http_connections", "gauge", "Client connections that are open.",
              (uint64_t)sum.open_connections);
    write_one(out, "http_received_bytes_total", "counter", "Bytes of requests.", sum.bytes_in);
    write_one(out, "http_sent_bytes_total", "counter", "Bytes of answers.", sum.bytes_out);
    write_one(out, "articles_accepted_total", "counter", "Articles put on the list.", sum.accepted);
    write_one(out, "articles_duplicate_total", "counter",
              "Articles that were there before and were not put on the list again.",
              sum.duplicates);
    write_one(out, "articles_refused_total", "counter",
              "Articles refused for what they are: no content, too long, not JSON.", sum.refused);
    write_one(out, "access_log_lost_total", "counter",
              "Lines of the access log that nobody took in time.", sum.log_lost);
    write_clients(g->board, offsetof(struct board_client, requests), "key_requests_total",
                  "Requests with a key of that name; an empty one where none is asked for.", out);
    write_clients(g->board, offsetof(struct board_client, articles), "key_articles_total",
                  "Articles put on the list by that key.", out);
    write_clients(g->board, offsetof(struct board_client, limited), "key_limited_total",
                  "Requests of that key that were over its rate.", out);
}
