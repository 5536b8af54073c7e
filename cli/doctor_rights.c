/* doctor_rights: may redis.user do what the roles do? ACL DRYRUN where that may be asked; and in
 * any case a trial of every script and transaction on keys that nobody else has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bulk_lua.h"
#include "cli/doctor_report.h"
#include "cli/redis_look.h"
#include "cli/snapshot.h"
#include "common/queue.h"
#include "common/rds_advice.h"
#include "common/sweep.h"
#include "enqueue_lua.h"
#include "gather_lua.h"

#define ADD(level, name, advice, ...) doctor_report(report, level, name, advice, __VA_ARGS__)

/* What the roles send, and what their scripts call, on keys of the queue; K stands for the key. */
static const char *const needed[][8] = {
    {"LPUSH", "K", "x"},
    {"BLMOVE", "K", "K", "RIGHT", "RIGHT", "1"},
    {"LMOVE", "K", "K", "RIGHT", "LEFT"},
    {"LLEN", "K"},
    {"LINDEX", "K", "0"},
    {"LTRIM", "K", "0", "-1"},
    {"LREM", "K", "1", "x"},
    {"LRANGE", "K", "0", "0"},
    {"ZADD", "K", "1", "x"},
    {"ZREM", "K", "x"},
    {"ZSCORE", "K", "x"},
    {"ZRANGE", "K", "0", "-1"},
    {"HINCRBY", "K", "x", "1"},
    {"HGET", "K", "x"},
    {"HGETALL", "K"},
    {"HSET", "K", "x", "1"},
    {"HDEL", "K", "x"},
    {"HKEYS", "K"},
    {"GET", "K"},
    {"SET", "K", "x"},
    {"EVALSHA", "x", "1", "K"},
    {"EVAL", "x", "1", "K"},
    {"SCRIPT", "LOAD", "x"},
    {"TIME"},
    {"MULTI"},
    {"EXEC"},
    {"DISCARD"},
    {"LPOS", "K", "x"},
    {"SCAN", "0"},
};

/* Returns 1 where ACL DRYRUN says no, 0 where yes, -1 where it may not be asked. */
static int is_denied(struct rds *rds, const char *user, const char *key, const char *const *words)
{
    const char *argv[16] = {"ACL", "DRYRUN", user};
    struct redisReply *reply;
    struct err ignored;
    int argc = 3;

    for (; *words; words++)
        argv[argc++] = strcmp(*words, "K") == 0 ? key : *words;
    if (rds_command(rds, argc, argv, NULL, 0, &reply, &ignored) < 0)
        return -1;
    const char *answer = redis_look_text(reply, NULL);
    int denied = !answer || strcmp(answer, "OK") != 0;
    rds_free_reply(reply);
    return denied;
}

static void check_commands(struct doctor_report *report, struct rds *rds)
{
    const char *argv[] = {"ACL", "WHOAMI"};
    char *key = redis_look_key(report->conf, "articles"), list[256] = "";
    struct redisReply *reply;
    struct snapshot look;
    struct err e;
    int unknown = 0;

    if (snapshot_take(rds, report->conf, &look, &e) < 0)
        ADD(DOCTOR_BAD, "redis.scripts", rds_advice(e.text), "%s", e.text);
    else
        ADD(DOCTOR_OK, "redis.scripts", "", "Lua scripts run");
    snapshot_fini(&look);
    const char *user =
        rds_command(rds, 2, argv, NULL, 0, &reply, &e) < 0 ? NULL : redis_look_text(reply, NULL);
    for (size_t i = 0; user && i < sizeof needed / sizeof needed[0]; i++) {
        int denied = is_denied(rds, user, key, needed[i]);
        unknown += denied < 0;
        if (denied > 0)
            snprintf(list + strlen(list), sizeof list - strlen(list), " %s", needed[i][0]);
    }
    if (*list)
        ADD(DOCTOR_BAD, "redis.rights", "give redis.user these commands on the keys of the queue",
            "%s may not:%s", user, list);
    else if (!user || unknown)
        ADD(DOCTOR_WARN, "redis.rights", "see that redis.user has the commands of QUEUES.md",
            "ACL DRYRUN may not be asked");
    else
        ADD(DOCTOR_OK, "redis.rights", "", "%s has all that is needed", user);
    rds_free_reply(reply);
    free(key);
}

/* --- a trial ------------------------------------------------------------------------------------
 */

struct trial {
    struct conf conf; /* the settings with a queue of our own; borrowed but for its name */
    struct rds *rds;
    char queue[300];
    char *articles, *stats;
    const char *step; /* what is tried */
    bool failed;
};

static int send(struct trial *t, int argc, const char *const *argv, struct err *e)
{
    struct redisReply *reply;

    if (rds_command(t->rds, argc, argv, NULL, 0, &reply, e) < 0)
        return e->code;
    rds_free_reply(reply);
    return 0;
}

#define SEND(t, e, ...)                                                                            \
    send(t, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),                         \
         (const char *[]){__VA_ARGS__}, e)

/* A single post, posts together, a bulk that comes to nothing. */
static int try_gateway(struct trial *t, struct err *e)
{
    t->step = "a post";
    if (SEND(t, e, "EVAL", enqueue_lua, "2", t->articles, t->stats, "x", "1", "100") < 0)
        return e->code;
    t->step = "posts together";
    if (SEND(t, e, "MULTI") < 0 || SEND(t, e, "LPUSH", t->articles, "x") < 0 ||
        SEND(t, e, "EVAL", gather_lua, "2", t->articles, t->stats, "1", "100") < 0 ||
        SEND(t, e, "EXEC") < 0)
        return e->code;
    t->step = "a bulk";
    return SEND(t, e, "MULTI") < 0 || SEND(t, e, "LPUSH", t->articles, "x") < 0 ||
                   SEND(t, e, "EVAL", bulk_lua, "2", t->articles, t->stats, "1", "100", "0", "0",
                        "1", "0", "") < 0 ||
                   SEND(t, e, "EXEC") < 0 || SEND(t, e, "MULTI") < 0 || SEND(t, e, "DISCARD") < 0
               ? e->code
               : 0;
}

/* A slot that takes three items, crashes over one of them, settles two and leaves. */
static int try_slot(struct trial *t, struct queue *q, struct err *e)
{
    const struct queue_item *items;
    struct queue_poison poison;
    struct queue_state state;
    struct buf text;
    char owner[128];

    t->step = "enter, claim, settle, leave";
    if (queue_enter(q, false, NULL, NULL, e) < 0 || queue_wait(q, 1, e) < 0 ||
        queue_claim(q, 3, 1 << 20, &items, e) < 0)
        return e->code;
    snprintf(owner, sizeof owner, "%s", queue_owner(q));
    struct queue_blame blame = {.owner = owner};
    if (queue_enter(q, false, &blame, &poison, e) < 0 || queue_claim(q, 3, 1 << 20, &items, e) < 0)
        return e->code;
    buf_init(&text, 16);
    buf_append_text(&text, "x");
    int code = queue_settle(q, 2, &text, 1, &text, 1, e);
    buf_fini(&text);
    if (code < 0 || queue_leave(q, e) < 0)
        return e->code;
    t->step = "the janitor's round";
    return queue_renew(q, NULL, 0, &state, e);
}

static int try_all(struct trial *t, struct queue *q, struct err *e)
{
    long long items;
    char hold[400];

    if (try_gateway(t, e) < 0 || try_slot(t, q, e) < 0)
        return e->code;
    t->step = "the janitor's sweep";
    snprintf(hold, sizeof hold, "%s:hold:workers:doctor:0:0", t->articles);
    if (SEND(t, e, "LPUSH", hold, "x") < 0 ||
        sweep_give_back(t->rds, t->queue, hold, &items, e) < 0)
        return e->code;
    return SEND(t, e, "SCAN", "0", "COUNT", "1");
}

static int delete_hold(void *context, const char *key, const char *owner, long long items,
                       struct err *e)
{
    (void)owner, (void)items;
    return SEND((struct trial *)context, e, "DEL", key);
}

static void delete_keys(struct trial *t)
{
    static const char *const names[] = {
        "articles", "articles:dead",        "results", "owners", "stats",
        "attempts", "living:workers:doctor"};
    struct err ignored;

    SEND(t, &ignored, "DISCARD"); /* where a transaction was left open, by one or the other */
    SEND(t, &ignored, "EXEC");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *key = redis_look_key(&t->conf, names[i]);
        SEND(t, &ignored, "DEL", key);
        free(key);
    }
    /* A trial that failed in the middle; the owners are deleted, so that all holds are found. */
    struct sweep holds = {.rds = t->rds, .prefix = t->queue, .found = delete_hold, .context = t};
    if (t->failed)
        sweep_all(&holds, &ignored);
}

/* Redis' own word, or what a script says of a command inside (7.0 and later differ). */
static bool is_refusal(const char *text)
{
    return strstr(text, "NOPERM") || strstr(text, "can't run this command") ||
           strstr(text, "ACL failure");
}

static void check_moves(struct doctor_report *report, struct rds *rds)
{
    struct trial t = {.conf = *report->conf, .rds = rds, .step = "setup"};
    struct instance instance = {.id = "doctor", .tokens = "doctor"};
    struct queue *q = NULL;
    unsigned random = 0;
    struct err e;

    if (getrandom(&random, sizeof random, 0) < 0)
        random = 0;
    snprintf(t.queue, sizeof t.queue, "%s:doctor:%08x", report->conf->redis.queue, random);
    t.conf.redis.queue = t.queue;
    t.articles = redis_look_key(&t.conf, "articles");
    t.stats = redis_look_key(&t.conf, "stats");
    t.failed =
        queue_new(&t.conf, QUEUE_ARTICLES, &instance, 0, 1, &q, &e) < 0 || try_all(&t, q, &e) < 0;
    if (!t.failed)
        ADD(DOCTOR_OK, "redis.moves", "", "all scripts and transactions of the roles run");
    else
        ADD(is_refusal(e.text) ? DOCTOR_BAD : DOCTOR_WARN, "redis.moves", rds_advice(e.text),
            "%s: %s", t.step, e.text);
    delete_keys(&t);
    queue_free(q);
    free(t.articles);
    free(t.stats);
}

void doctor_rights(struct doctor_report *report, struct rds *rds)
{
    check_commands(report, rds);
    check_moves(report, rds);
}
