/* snapshot: one look at all lists, owners and counters, in which nothing moves. */
#ifndef NEWSMILL_SNAPSHOT_H
#define NEWSMILL_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include "common/conf.h"
#include "common/rds.h"

enum snapshot_list { SNAPSHOT_ARTICLES, SNAPSHOT_RESULTS, SNAPSHOT_LISTS };

struct snapshot_owner {
    const char *name;      /* role:instance:slot:epoch */
    int64_t lease_left_ms; /* below 0: ended */
    int64_t held[SNAPSHOT_LISTS];
};

struct snapshot {
    int64_t at_ms; /* Redis TIME */
    int64_t waiting[SNAPSHOT_LISTS], held[SNAPSHOT_LISTS], dead[SNAPSHOT_LISTS];
    struct snapshot_owner *owners;
    size_t owner_count;
    int64_t oldest_waiting_ms, oldest_held_ms; /* age of a batch; -1 where none or not known */
    struct redisReply *reply;                  /* owns the texts */
};

/* Returns 0 (free with snapshot_fini()) or ERR_AGAIN. */
int snapshot_take(struct rds *r, const struct conf *conf, struct snapshot *out, struct err *e);
void snapshot_fini(struct snapshot *s);

/* A field of the stats hash, 0 where missing. */
int64_t snapshot_stat(const struct snapshot *s, const char *field);

/* Owners of a role ("workers") whose lease runs. */
size_t snapshot_alive(const struct snapshot *s, const char *role);

#endif
