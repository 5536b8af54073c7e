/* dead_list: see dead_list.h. */
#include "cli/dead_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/redis_look.h"
#include "purge_lua.h"
#include "retry_lua.h"

void dead_list_init(struct dead_list *l, const struct conf *conf, const char *name, struct rds *rds)
{
    char dead[32];

    snprintf(dead, sizeof dead, "%s:dead", name);
    *l = (struct dead_list){.name = name,
                            .rds = rds,
                            .dead = redis_look_key(conf, dead),
                            .list = redis_look_key(conf, name),
                            .stats = redis_look_key(conf, "stats")};
}

void dead_list_fini(struct dead_list *l)
{
    free(l->dead);
    free(l->list);
    free(l->stats);
    *l = (struct dead_list){0};
}

/* --- walking ------------------------------------------------------------------------------------
 */

int dead_list_count(struct dead_list *l, size_t *count, struct err *e)
{
    const char *argv[] = {"LLEN", l->dead};
    struct redisReply *reply;

    if (rds_command(l->rds, 2, argv, NULL, 0, &reply, e) < 0)
        return e->code;
    *count = (size_t)redis_look_number(reply, 0);
    rds_free_reply(reply);
    return 0;
}

/* Entries `skip` from one end on, up to `wanted`; rows are in the order of the walk. */
static int read_chunk(struct dead_list *l, bool from_oldest, size_t skip, size_t wanted,
                      struct redisReply **reply, struct err *e)
{
    char first[24], last[24];
    const char *argv[] = {"LRANGE", l->dead, first, last};

    if (from_oldest) {
        snprintf(first, sizeof first, "-%zu", skip + wanted);
        snprintf(last, sizeof last, "-%zu", skip + 1);
    } else {
        snprintf(first, sizeof first, "%zu", skip);
        snprintf(last, sizeof last, "%zu", skip + wanted - 1);
    }
    return rds_command(l->rds, 4, argv, NULL, 0, reply, e);
}

int dead_list_walk(struct dead_list *l, bool from_oldest, size_t max,
                   int (*visit)(void *context, const struct dead_row *rows, size_t count,
                                struct err *e),
                   void *context, struct err *e)
{
    size_t total, skip = 0, seen = 0;

    if (dead_list_count(l, &total, e) < 0)
        return e->code;
    size_t end = max && max < total ? max : total;
    while (seen < end) {
        struct dead_row rows[DEAD_LIST_CHUNK];
        size_t wanted = end - seen < DEAD_LIST_CHUNK ? end - seen : DEAD_LIST_CHUNK;
        struct redisReply *reply;
        if (read_chunk(l, from_oldest, skip, wanted, &reply, e) < 0)
            return e->code;
        size_t got = redis_look_count(reply);
        for (size_t i = 0; i < got; i++) {
            size_t at = from_oldest ? got - 1 - i : i;
            const char *bytes = redis_look_text(redis_look_at(reply, at), &rows[i].length);
            rows[i].bytes = bytes ? bytes : "";
            rows[i].position = from_oldest ? total - seen - i : seen + i + 1;
        }
        int taken = got ? visit(context, rows, got, e) : 0;
        rds_free_reply(reply);
        if (taken < 0 || got == 0)
            return taken;
        seen += got;
        skip += got - (size_t)taken;
    }
    return 0;
}

/* --- taking out ---------------------------------------------------------------------------------
 */

/* Runs a script that answers with 1 or 0 for each move. */
static int run(struct dead_list *l, const struct redis_look_script *script, struct dead_move *moves,
               size_t count, struct err *e)
{
    struct redisReply *reply;
    int done = 0;

    if (redis_look_eval(l->rds, script, &reply, e) < 0)
        return e->code;
    for (size_t i = 0; i < count; i++) {
        moves[i].done = redis_look_number(redis_look_at(reply, i), 0) > 0;
        done += moves[i].done;
    }
    rds_free_reply(reply);
    return done;
}

static bool is_results(const struct dead_list *l)
{
    return strcmp(l->name, "results") == 0;
}

int dead_list_retry(struct dead_list *l, struct dead_move *moves, size_t count, struct err *e)
{
    const char *items[2 * DEAD_LIST_CHUNK];
    size_t lengths[2 * DEAD_LIST_CHUNK];
    const char *keys[] = {l->dead, l->list, l->stats, NULL};
    const char *words[] = {is_results(l) ? "batches_retried" : "retried", NULL};
    struct redis_look_script script = {.source = retry_lua,
                                       .keys = keys,
                                       .words = words,
                                       .items = items,
                                       .lengths = lengths,
                                       .count = 2 * count};

    for (size_t i = 0; i < count; i++) {
        items[2 * i] = moves[i].row->bytes;
        lengths[2 * i] = moves[i].row->length;
        items[2 * i + 1] = moves[i].item;
        lengths[2 * i + 1] = moves[i].item_length;
    }
    return run(l, &script, moves, count, e);
}

int dead_list_purge(struct dead_list *l, struct dead_move *moves, size_t count, struct err *e)
{
    const char *items[DEAD_LIST_CHUNK];
    size_t lengths[DEAD_LIST_CHUNK];
    const char *keys[] = {l->dead, l->stats, NULL};
    const char *words[] = {is_results(l) ? "batches_purged" : "purged", NULL};
    struct redis_look_script script = {.source = purge_lua,
                                       .keys = keys,
                                       .words = words,
                                       .items = items,
                                       .lengths = lengths,
                                       .count = count};

    for (size_t i = 0; i < count; i++) {
        items[i] = moves[i].row->bytes;
        lengths[i] = moves[i].row->length;
    }
    return run(l, &script, moves, count, e);
}
