/* drain: how fast the workers take articles off the list, and so when there is room for more. */
#ifndef NEWSMILL_GATEWAY_DRAIN_H
#define NEWSMILL_GATEWAY_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#define DRAIN_UNKNOWN_S 10 /* Retry-After before anything was measured */
#define DRAIN_MAX_S     60

struct gateway;

/* Zero at the start. */
struct drain {
    double per_second;        /* over about the last ten seconds in which articles waited */
    bool known;               /* per_second */
    int64_t taken, at_ms;     /* the look before; at_ms 0: there was none */
    int64_t asked_ms;         /* when the last look was sent for */
    int64_t waiting, claimed; /* of the look that is on its way; claimed < 0: it failed */
};

/* One look: `taken` articles since ever, `waiting` now. */
void drain_look(struct drain *d, int64_t now_ms, int64_t taken, int64_t waiting);

/* Seconds until so many more articles have been taken, 1 to DRAIN_MAX_S. */
int drain_seconds(const struct drain *d, int64_t articles);

/* Asks Redis every second; to be called some times a second. */
void drain_tick(struct gateway *g);

#endif
