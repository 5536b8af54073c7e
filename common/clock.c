/* clock: see clock.h. */
#include "clock.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "err.h"

int64_t clock_us(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
        panic("no monotonic clock");
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_ms(void)
{
    return clock_us() / 1000;
}

int64_t clock_wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void backoff_reset(struct backoff *b)
{
    b->last_ms = 0;
}

int backoff_next_ms(struct backoff *b)
{
    uint32_t draw;
    int span = (b->last_ms ? b->last_ms : b->first_ms) * 3 - b->first_ms + 1;

    /* getrandom, not rand(): forked children must not share a sequence. */
    if (getrandom(&draw, sizeof draw, 0) != (ssize_t)sizeof draw)
        draw = (uint32_t)clock_ms();
    b->last_ms = b->first_ms + (int)(draw % (uint32_t)span);
    if (b->last_ms > b->max_ms)
        b->last_ms = b->max_ms;
    return b->last_ms;
}
