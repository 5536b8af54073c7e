/* slots: one page shared by the supervisor and its children, made before the fork. A child writes
 * its own slot; supervisor, janitor and metrics read. */
#ifndef NEWSMILL_SLOTS_H
#define NEWSMILL_SLOTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A generation started by a reload runs beside the one it replaces: its slot numbers are this much
 * higher, and the next one's are again the lower ones. */
#define SLOTS_STRIDE 1024

#define SLOTS_JANITOR (-1) /* the number of the child that serves no items */

#define SLOTS_OWNER_BYTES 96

/* A child's exit code when another process lives under our instance id: all children must end and
 * begin anew under another one. */
#define SLOTS_EXIT_IN_USE 3

enum slot_counter { /* what one child counted since its supervisor started; see metrics.c */
                    SLOT_ITEMS,
                    SLOT_DEAD,
                    SLOT_TOKENS,
                    SLOT_ENTITIES,
                    SLOT_BATCHES, /* pushed by a worker, applied by a saver */
                    SLOT_ALREADY, /* batches the store had applied before */
                    SLOT_SETTLES,
                    SLOT_AWAY, /* times that Redis was lost */
                    SLOT_STORE_AGAIN,
                    SLOT_BUSY_MICROSECONDS, /* in the handler */
                    SLOT_COUNTERS
};

struct slot {
    int number;
    _Atomic int pid;          /* 0: no process */
    _Atomic bool ready;       /* this process has reached Redis once */
    _Atomic bool inherits;    /* its first enter also gives back the other generation's slot */
    _Atomic int64_t beat_ms;  /* clock_ms() of the last progress */
    _Atomic uint64_t handled; /* items (or requests) since this process started */

    /* The item in hand: how many older ones its hold has, and since when it is handled (0: none).
     */
    _Atomic unsigned hand_index;
    _Atomic int64_t hand_since_ms;
    char owner[SLOTS_OWNER_BYTES]; /* as registered by the last enter; "" before */

    /* Written by the supervisor when the process died by its own fault with an item in hand; the
     * successor's enter takes it. blame 0: none; else the signal. */
    _Atomic int blame;
    bool blame_unseen; /* killed from outside, for all we know: the item is not to blame */
    unsigned blame_index;
    char blame_owner[SLOTS_OWNER_BYTES];
    _Atomic bool careful; /* it died by its own fault or was killed: claim one by one */

    _Atomic uint64_t counters[SLOT_COUNTERS];
    _Atomic uint64_t restarts;
};

/* Maps `count` slots numbered from `base`. */
struct slot *slots_new(int count, int base);
void slots_free(struct slot *slots, int count);

static inline void slot_count(struct slot *slot, enum slot_counter counter, uint64_t by)
{
    atomic_fetch_add_explicit(&slot->counters[counter], by, memory_order_relaxed);
}

#endif
