/* sweep: see sweep.h. */
#include "sweep.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orphan_lua.h"
#include "sweep_lua.h"

#define SCAN_COUNT "1000"
#define HOLD       ":hold:"

static const struct swept_list {
    const char *list, *returned; /* its name, and its field of the stats hash */
} lists[] = {{"articles", "returned"}, {"results", "batches_returned"}};

/* Which list of the queue `prefix` a key is a hold of, and its owner; NULL: of none. The queue
 * "a" must not take "a:b:articles:hold:…" for its own: that is the queue "a:b". */
static const struct swept_list *list_of(const char *prefix, const char *key, const char **owner)
{
    size_t length = strlen(prefix);

    if (strncmp(key, prefix, length) != 0 || key[length] != ':')
        return NULL;
    key += length + 1;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        size_t name = strlen(lists[i].list);
        if (strncmp(key, lists[i].list, name) != 0 ||
            strncmp(key + name, HOLD, sizeof HOLD - 1) != 0)
            continue;
        *owner = key + name + sizeof HOLD - 1;
        return &lists[i];
    }
    return NULL;
}

/* PREFIX:*:hold:*, to free; what a glob would read into the prefix is escaped. */
static char *make_pattern(const char *prefix)
{
    static const char rest[] = ":*" HOLD "*";
    char *pattern = xmalloc(2 * strlen(prefix) + sizeof rest), *to = pattern;

    for (; *prefix; *to++ = *prefix++)
        if (strchr("*?[]^\\", *prefix))
            *to++ = '\\';
    memcpy(to, rest, sizeof rest);
    return pattern;
}

static char *make_key(const char *prefix, const char *name)
{
    size_t size = strlen(prefix) + strlen(name) + 2;
    char *key = xmalloc(size);

    snprintf(key, size, "%s:%s", prefix, name);
    return key;
}

/* The integer that a command answers. */
static int ask(struct rds *r, int argc, const char *const *argv, long long *answer, struct err *e)
{
    redisReply *reply;

    if (rds_command(r, argc, argv, NULL, 0, &reply, e) < 0)
        return e->code;
    *answer = reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
    rds_free_reply(reply);
    return 0;
}

static int look_at(struct sweep *s, const char *key, struct err *e)
{
    const char *owner;
    const struct swept_list *list = list_of(s->prefix, key, &owner);
    long long items = 0;

    if (!list || (s->list && strcmp(s->list, list->list) != 0))
        return 0;
    char *owners = make_key(s->prefix, "owners");
    const char *argv[] = {"EVAL", orphan_lua, "2", key, owners, owner};
    int code = ask(s->rds, 6, argv, &items, e);
    free(owners);
    return code == 0 && items > 0 ? s->found(s->context, key, owner, items, e) : code;
}

int sweep_step(struct sweep *s, struct err *e)
{
    char *pattern = make_pattern(s->prefix);
    const char *argv[] = {"SCAN",    *s->cursor ? s->cursor : "0", "MATCH", pattern, "COUNT",
                          SCAN_COUNT};
    redisReply *reply;
    int code = rds_command(s->rds, 6, argv, NULL, 0, &reply, e);

    free(pattern);
    if (code < 0)
        return code;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || !reply->element[0]->str) {
        rds_free_reply(reply);
        return err_set(e, ERR_AGAIN, "SCAN: an unexpected answer");
    }
    snprintf(s->cursor, sizeof s->cursor, "%s", reply->element[0]->str);
    const redisReply *keys = reply->element[1];
    for (size_t i = 0; i < keys->elements && code == 0; i++)
        code = look_at(s, keys->element[i]->str, e);
    rds_free_reply(reply);
    return code < 0 ? code : strcmp(s->cursor, "0") != 0;
}

int sweep_all(struct sweep *s, struct err *e)
{
    int more;

    do
        more = sweep_step(s, e);
    while (more > 0);
    return more;
}

int sweep_give_back(struct rds *r, const char *prefix, const char *key, long long *items,
                    struct err *e)
{
    const char *owner;
    const struct swept_list *list = list_of(prefix, key, &owner);

    *items = 0;
    if (!list)
        return 0;
    char *source = make_key(prefix, list->list), *owners = make_key(prefix, "owners"),
         *stats = make_key(prefix, "stats");
    const char *argv[] = {"EVAL", sweep_lua, "4",   source,        key,
                          owners, stats,     owner, list->returned};
    int code = ask(r, 9, argv, items, e);
    free(source);
    free(owners);
    free(stats);
    return code;
}
