/* none: takes every batch and forgets it, to run a farm without keeping anything. */
#include "kind.h"

static struct store none = {.kind = &store_none}; /* it has no state, so one serves all */

static int check(const struct conf *conf, struct err *e)
{
    (void)conf, (void)e;
    return 0;
}

static int open_none(const struct conf *conf, int writable, struct store **out, struct err *e)
{
    (void)conf, (void)writable, (void)e;
    *out = &none;
    return 0;
}

static void close_none(struct store *s)
{
    (void)s;
}

static enum store_outcome apply(struct store *s, const struct batch *batch, struct err *why)
{
    (void)s, (void)batch, (void)why;
    return STORE_APPLIED;
}

static int publications(struct store *s, int (*row)(void *, const struct store_publication *),
                        void *context, struct err *e)
{
    (void)s, (void)row, (void)context, (void)e;
    return 0;
}

static int frequencies(struct store *s, const char *publication, const struct store_cursor *after,
                       uint64_t limit, int (*row)(void *, const struct store_frequency *),
                       void *context, struct err *e)
{
    (void)s, (void)publication, (void)after, (void)limit, (void)row, (void)context, (void)e;
    return 0;
}

const struct store_kind store_none = {
    .name = "none",
    .check = check,
    .open = open_none,
    .close = close_none,
    .apply = apply,
    .publications = publications,
    .frequencies = frequencies,
};
