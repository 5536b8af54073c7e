/* board: the memory that all processes of the gateway share, those of a generation that a reload
 * replaces too: what each process counts, and each client's bucket. Made before the fork. */
#ifndef NEWSMILL_GATEWAY_BOARD_H
#define NEWSMILL_GATEWAY_BOARD_H

#include <stdatomic.h>
#include <stdint.h>

#define BOARD_MAX_ROUTES 16
#define BOARD_CLASSES    4 /* 2xx and below, 3xx, 4xx, 5xx */
#define BOARD_BUCKETS    14
#define BOARD_NAME_BYTES 72

/* One key of the keys file, by its name; "" is who needs none. Stays until the gateway ends, also
 * when the key is taken away. */
struct board_client {
    char name[BOARD_NAME_BYTES];
    _Atomic int64_t spent_until_ns; /* limit.c */
    _Atomic uint64_t requests, articles, limited;
};

/* Written by one process, or by two that serve while a reload is under way. */
struct board_process {
    _Atomic int64_t open_connections;
    _Atomic uint64_t requests[BOARD_MAX_ROUTES][BOARD_CLASSES];
    _Atomic uint64_t durations[BOARD_MAX_ROUTES][BOARD_BUCKETS + 1]; /* not cumulative */
    _Atomic uint64_t duration_us[BOARD_MAX_ROUTES];
    _Atomic uint64_t bytes_in, bytes_out, accepted, duplicates, refused, log_lost;
};

struct board;

struct board *board_new(void);
struct board *board_share(struct board *b); /* one more board_free() is due */
void board_free(struct board *b);           /* NULL is fine */

/* The client of that name, made where there is none yet. Past 2 * KEYS_MAX names they share one.
 * Takes a lock: for when keys are loaded, not for each request. */
struct board_client *board_client(struct board *b, const char *name);
/* All so far, for /metrics. */
const struct board_client *board_clients(const struct board *b, unsigned *count);

/* The page of the process with that slot number. */
struct board_process *board_process(struct board *b, int slot_number);
/* The i-th page that was ever asked for, NULL past the last. */
const struct board_process *board_page(const struct board *b, unsigned i);

static inline void board_count(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

#endif
