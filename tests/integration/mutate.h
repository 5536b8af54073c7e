/* mutate: requests that are nearly good. Pure and seeded: the same seed gives the same bytes. */
#ifndef NEWSMILL_MUTATE_H
#define NEWSMILL_MUTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

#define MUTATE_MAX_BYTES ((size_t)1 << 20)

struct mutate_random {
    uint64_t state;
};

/* 0 … below - 1 */
size_t mutate_below(struct mutate_random *r, size_t below);

/* How the connection goes on after its last byte. */
enum mutate_end {
    MUTATE_FINISH, /* the client says that no more comes, and reads */
    MUTATE_ABORT,  /* it is gone, with a reset */
};

struct mutate_case {
    struct buf bytes;
    const char *wanted; /* the statuses of the answers, where nothing was mutated; else NULL */
    enum mutate_end end;
};

/* A good request (or several, pipelined) of one of the gateway's routes, with 0 to 4 mutations. */
void mutate_make(struct mutate_random *r, struct mutate_case *out);
void mutate_free(struct mutate_case *c);

#endif
