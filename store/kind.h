/* kind: what an implementation of the store provides; private to store/. */
#ifndef NEWSMILL_STORE_KIND_H
#define NEWSMILL_STORE_KIND_H

#include "store.h"

/* The functions are those of store.h, with a store that is this kind's own. NULL where a kind has
 * nothing to do: apply_many (one by one), pause_ms and writes (0), wal_bytes (-1),
 * backup and restore (refused), key_path (false). */
struct store_kind {
    const char *name; /* the setting's word */
    int mends;
    int (*check)(const struct conf *conf, struct err *e);
    int (*open)(const struct conf *conf, int writable, struct store **out, struct err *e);
    void (*close)(struct store *s);
    enum store_outcome (*apply)(struct store *s, const struct batch *batch, struct err *why);
    size_t (*apply_many)(struct store *s, const struct batch *batches, size_t count,
                         enum store_outcome *outcomes, struct err *why);
    int64_t (*pause_ms)(struct store *s);
    uint64_t (*writes)(const struct store *s);
    int64_t (*wal_bytes)(const struct conf *conf);
    int (*backup)(const struct conf *conf, const char *path, struct store_state *out,
                  struct err *e);
    int (*restore)(const struct conf *conf, const char *path, struct store_restored *out,
                   struct err *e);
    bool (*key_path)(const struct conf *conf, char *path, size_t size);
    int (*publications)(struct store *s, int (*row)(void *, const struct store_publication *),
                        void *context, struct err *e);
    int (*frequencies)(struct store *s, const char *publication, const struct store_cursor *after,
                       uint64_t limit, int (*row)(void *, const struct store_frequency *),
                       void *context, struct err *e);
};

/* The first member of every implementation's own struct. */
struct store {
    const struct store_kind *kind;
    int64_t redis_ms; /* see store_set_time() */
};

extern const struct store_kind store_sqlite, store_none, store_firestore;

#endif
