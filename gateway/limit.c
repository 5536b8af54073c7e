/* limit: see limit.h. One number says all of a bucket: until when what was taken so far is spent,
 * at the rate, one article after the other (the "generic cell rate algorithm" of ITU-T I.371). How
 * far that lies ahead of now is what is gone from the burst. So one compare-and-swap is exact
 * between processes, and nothing has to be refilled. */
#include "limit.h"

#include <stdio.h>
#include <time.h>

#include "board.h"
#include "gateway.h"

#define SECOND_NS 1000000000LL

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now); /* one for all processes */
    return (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
}

static void refuse(struct http_exchange *x, struct board_client *client, int64_t wait_ns,
                   int64_t rate)
{
    char header[64], text[160];

    board_count(&client->limited, 1);
    snprintf(header, sizeof header, "Retry-After: %lld\r\n",
             (long long)((wait_ns + SECOND_NS - 1) / SECOND_NS));
    snprintf(text, sizeof text, "more than %lld articles a second with this key", (long long)rate);
    http_answer_detail(x, 429, header, text);
}

bool limit_take(struct gateway *g, struct http_exchange *x, unsigned articles)
{
    struct board_client *client = http_tag(x)->client;
    int64_t rate = g->conf->gateway.rate_limit_per_s, burst = g->conf->gateway.rate_limit_burst;

    if (rate == 0 || !client)
        return true;
    int64_t each_ns = SECOND_NS / rate, now = now_ns();
    int64_t room_ns = ((burst ? burst : rate) - 1) * each_ns; /* of all but the last one */
    int64_t until = atomic_load(&client->spent_until_ns), from;
    do {
        from = until > now ? until : now;
        if (from - now > room_ns) {
            refuse(x, client, from - now - room_ns, rate);
            return false;
        }
    } while (articles && !atomic_compare_exchange_weak(&client->spent_until_ns, &until,
                                                       from + articles * each_ns));
    return true;
}
