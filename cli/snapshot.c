/* snapshot: see snapshot.h; look.lua looks. */
#include "cli/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "cli/redis_look.h"
#include "look_lua.h"

/* Places in the answer of look.lua. */
enum { TIME, STATS, ARTICLES, ARTICLES_DEAD, RESULTS, RESULTS_DEAD, OWNERS, WAITING, HELD, PLACES };
#define OWNER_PARTS 4

static int64_t age_of(const struct snapshot *s, const struct redisReply *made_at)
{
    int64_t at_ms = redis_look_number(made_at, -1);

    if (at_ms < 0)
        return -1;
    return s->at_ms > at_ms ? s->at_ms - at_ms : 0;
}

static void read_owners(struct snapshot *s, const struct redisReply *list)
{
    s->owner_count = redis_look_count(list) / OWNER_PARTS;
    s->owners = xcalloc(s->owner_count + 1, sizeof *s->owners);
    for (size_t i = 0; i < s->owner_count; i++) {
        struct snapshot_owner *owner = &s->owners[i];
        const char *name = redis_look_text(redis_look_at(list, OWNER_PARTS * i), NULL);
        owner->name = name ? name : "";
        owner->lease_left_ms =
            redis_look_number(redis_look_at(list, OWNER_PARTS * i + 1), 0) - s->at_ms;
        for (size_t k = 0; k < SNAPSHOT_LISTS; k++) {
            owner->held[k] = redis_look_number(redis_look_at(list, OWNER_PARTS * i + 2 + k), 0);
            s->held[k] += owner->held[k];
        }
    }
}

int snapshot_take(struct rds *r, const struct conf *conf, struct snapshot *out, struct err *e)
{
    char *keys[5] = {redis_look_key(conf, "articles"), redis_look_key(conf, "results"),
                     redis_look_key(conf, "owners"), redis_look_key(conf, "stats"), NULL};
    struct redis_look_script script = {.source = look_lua,
                                       .keys = (const char *const *)(uintptr_t)keys};
    struct redisReply *reply;

    *out = (struct snapshot){0};
    int code = redis_look_eval(r, &script, &reply, e);
    for (int i = 0; i < 4; i++)
        free(keys[i]);
    if (code < 0)
        return code;
    if (redis_look_count(reply) != PLACES) {
        rds_free_reply(reply);
        return err_set(e, ERR_AGAIN, "look: an unexpected answer");
    }
    out->reply = reply;
    out->at_ms = redis_look_number(redis_look_at(reply, TIME), 0);
    out->waiting[SNAPSHOT_ARTICLES] = redis_look_number(redis_look_at(reply, ARTICLES), 0);
    out->waiting[SNAPSHOT_RESULTS] = redis_look_number(redis_look_at(reply, RESULTS), 0);
    out->dead[SNAPSHOT_ARTICLES] = redis_look_number(redis_look_at(reply, ARTICLES_DEAD), 0);
    out->dead[SNAPSHOT_RESULTS] = redis_look_number(redis_look_at(reply, RESULTS_DEAD), 0);
    read_owners(out, redis_look_at(reply, OWNERS));
    out->oldest_waiting_ms = age_of(out, redis_look_at(reply, WAITING));
    out->oldest_held_ms = age_of(out, redis_look_at(reply, HELD));
    return 0;
}

void snapshot_fini(struct snapshot *s)
{
    rds_free_reply(s->reply);
    free(s->owners);
    *s = (struct snapshot){0};
}

int64_t snapshot_stat(const struct snapshot *s, const char *field)
{
    const struct redisReply *stats = redis_look_at(s->reply, STATS);

    for (size_t i = 0; i + 1 < redis_look_count(stats); i += 2) {
        const char *name = redis_look_text(redis_look_at(stats, i), NULL);
        if (name && strcmp(name, field) == 0)
            return redis_look_number(redis_look_at(stats, i + 1), 0);
    }
    return 0;
}

size_t snapshot_alive(const struct snapshot *s, const char *role)
{
    size_t length = strlen(role), count = 0;

    for (size_t i = 0; i < s->owner_count; i++)
        count += strncmp(s->owners[i].name, role, length) == 0 &&
                 s->owners[i].name[length] == ':' && s->owners[i].lease_left_ms > 0;
    return count;
}
