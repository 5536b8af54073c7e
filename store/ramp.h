/* ramp: how fast documents may be written. Firestore splits its ranges as load grows and asks to
 * begin at 500 operations a second and to add half every five minutes ("500/50/5"). */
#ifndef NEWSMILL_RAMP_H
#define NEWSMILL_RAMP_H

#include <stdint.h>

struct ramp {
    double first_per_s; /* 0: no limit */
    double tokens;      /* below 0: what was written ahead of time */
    int64_t start_ms, last_ms;
};

/* `first_per_s` writes a second at first, for this process alone. Times are clock_ms(). */
void ramp_init(struct ramp *r, double first_per_s, int64_t now_ms);

/* Takes `writes` at once. A commit cannot be cut, so this may leave a debt. */
void ramp_take(struct ramp *r, uint64_t writes, int64_t now_ms);

/* Milliseconds until the next commit may go; 0: now. */
int64_t ramp_wait_ms(struct ramp *r, int64_t now_ms);

#endif
