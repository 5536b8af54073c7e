/* clock: monotonic milliseconds, deadlines and the one formula for waiting before a retry. */
#ifndef NEWSMILL_CLOCK_H
#define NEWSMILL_CLOCK_H

#include <stdint.h>

/* Milliseconds since some fixed point, never going back. */
int64_t clock_ms(void);
int64_t clock_us(void); /* the same in microseconds */

/* What this machine takes for the time, in ms since 1970. Not to be compared with Redis' but to see
 * whether the two differ. */
int64_t clock_wall_ms(void);
#define CLOCK_TRUST_MS 300000 /* times further apart than this are not trusted */

/* Retry waits with decorrelated jitter: each wait is drawn between `first_ms` and three times the
 * wait before it, never above `max_ms`. Without jitter all children of a farm would come back to a
 * restarted Redis in the same millisecond. */
struct backoff {
    int first_ms;
    int max_ms;
    int last_ms; /* 0 after backoff_reset() */
};

void backoff_reset(struct backoff *b);
int backoff_next_ms(struct backoff *b);

#endif
