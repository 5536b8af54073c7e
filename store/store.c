/* store: see store.h. Finds the implementation and passes the call on. */
#include <string.h>

#include "kind.h"

static const struct store_kind *const kinds[] = {&store_sqlite, &store_none, &store_firestore};
#define KINDS "sqlite, none, firestore"

static const struct store_kind *find_kind(const struct conf *conf, struct err *e)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i]->name, conf->store.kind) == 0)
            return kinds[i];
    err_set(e, ERR_CONFIG, "store.kind: \"%s\" is not one of: %s", conf->store.kind, KINDS);
    return NULL;
}

int store_check(const struct conf *conf, struct err *e)
{
    const struct store_kind *kind = find_kind(conf, e);

    return kind ? kind->check(conf, e) : ERR_CONFIG;
}

int store_open(const struct conf *conf, int writable, struct store **out, struct err *e)
{
    const struct store_kind *kind = find_kind(conf, e);

    *out = NULL;
    return kind ? kind->open(conf, writable, out, e) : ERR_CONFIG;
}

void store_close(struct store *s)
{
    if (s)
        s->kind->close(s);
}

void store_set_time(struct store *s, int64_t redis_ms)
{
    s->redis_ms = redis_ms;
}

enum store_outcome store_apply(struct store *s, const struct batch *batch, struct err *why)
{
    return s->kind->apply(s, batch, why);
}

size_t store_apply_many(struct store *s, const struct batch *batches, size_t count,
                        enum store_outcome *outcomes, struct err *why)
{
    if (count > 1 && s->kind->apply_many)
        return s->kind->apply_many(s, batches, count, outcomes, why);
    outcomes[0] = s->kind->apply(s, &batches[0], why);
    return 1;
}

int64_t store_pause_ms(struct store *s)
{
    return s->kind->pause_ms ? s->kind->pause_ms(s) : 0;
}

bool store_mends(const struct store *s)
{
    return s->kind->mends;
}

uint64_t store_writes(const struct store *s)
{
    return s->kind->writes ? s->kind->writes(s) : 0;
}

int64_t store_wal_bytes(const struct conf *conf)
{
    struct err ignored;
    const struct store_kind *kind = find_kind(conf, &ignored);

    return kind && kind->wal_bytes ? kind->wal_bytes(conf) : -1;
}

static int refuse_backup(const struct conf *conf, struct err *e)
{
    return err_set(e, ERR_CONFIG, "store.kind %s has no backup of ours", conf->store.kind);
}

int store_backup(const struct conf *conf, const char *path, struct store_state *out, struct err *e)
{
    const struct store_kind *kind = find_kind(conf, e);

    if (!kind || kind->check(conf, e) < 0)
        return ERR_CONFIG;
    return kind->backup ? kind->backup(conf, path, out, e) : refuse_backup(conf, e);
}

int store_restore(const struct conf *conf, const char *path, struct store_restored *out,
                  struct err *e)
{
    const struct store_kind *kind = find_kind(conf, e);

    if (!kind || kind->check(conf, e) < 0)
        return ERR_CONFIG;
    return kind->restore ? kind->restore(conf, path, out, e) : refuse_backup(conf, e);
}

bool store_key_path(const struct conf *conf, char *path, size_t size)
{
    struct err ignored;
    const struct store_kind *kind = find_kind(conf, &ignored);

    return kind && kind->key_path && kind->key_path(conf, path, size);
}

int store_publications(struct store *s, int (*row)(void *, const struct store_publication *),
                       void *context, struct err *e)
{
    return s->kind->publications(s, row, context, e);
}

int store_frequencies(struct store *s, const char *publication, const struct store_cursor *after,
                      uint64_t limit, int (*row)(void *, const struct store_frequency *),
                      void *context, struct err *e)
{
    return s->kind->frequencies(s, publication, after, limit, row, context, e);
}
