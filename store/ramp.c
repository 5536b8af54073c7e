/* ramp: see ramp.h. A token bucket that holds one second's worth and whose rate grows in steps. */
#include "ramp.h"

#define STEP_MS   300000
#define GROWTH    1.5
#define MAX_STEPS 30 /* 500/s * 1.5^30 is beyond any use */

void ramp_init(struct ramp *r, double first_per_s, int64_t now_ms)
{
    *r = (struct ramp){
        .first_per_s = first_per_s, .tokens = first_per_s, .start_ms = now_ms, .last_ms = now_ms};
}

static double rate(const struct ramp *r, int64_t now_ms)
{
    int64_t steps = (now_ms - r->start_ms) / STEP_MS;
    double per_s = r->first_per_s;

    for (int64_t i = 0; i < steps && i < MAX_STEPS; i++)
        per_s *= GROWTH;
    return per_s;
}

static void fill(struct ramp *r, int64_t now_ms)
{
    double per_s = rate(r, now_ms);

    r->tokens += (double)(now_ms - r->last_ms) * per_s / 1000;
    if (r->tokens > per_s)
        r->tokens = per_s;
    r->last_ms = now_ms;
}

void ramp_take(struct ramp *r, uint64_t writes, int64_t now_ms)
{
    if (r->first_per_s <= 0)
        return;
    fill(r, now_ms);
    r->tokens -= (double)writes;
}

int64_t ramp_wait_ms(struct ramp *r, int64_t now_ms)
{
    if (r->first_per_s <= 0)
        return 0;
    fill(r, now_ms);
    return r->tokens >= 0 ? 0 : (int64_t)(-r->tokens * 1000 / rate(r, now_ms)) + 1;
}
