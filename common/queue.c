/* queue: see queue.h and QUEUES.md. */
#include "queue.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "claim_lua.h"
#include "clock.h"
#include "enter_lua.h"
#include "leave_lua.h"
#include "rds.h"
#include "renew_lua.h"
#include "settle_lua.h"
#include "slots.h"
#include "stop.h"

/* Strikes are forgotten after a week. */
#define STRIKES_MS "604800000"
/* A dead machine's holds are free to be taken over after this; every claim and settle renews. */
#define LEASE_MS "15000"
/* While Redis is full or results pile up there is nothing to block on: look again so often. */
#define HELD_BACK_MS 200

/* What differs between the two lists: the names of their counters in the stats hash. */
static const struct list_names {
    const char *list, *role, *claimed, *returned, *done, *dead;
} names[] = {
    [QUEUE_ARTICLES] = {"articles", "workers", "claimed", "returned", "worked", "dead_in"},
    [QUEUE_RESULTS] = {"results", "savers", "batches_claimed", "batches_returned", "applied",
                       "batches_dead"},
};

enum script { ENTER, CLAIM, SETTLE, LEAVE, RENEW, SCRIPTS };
static const char *const sources[SCRIPTS] = {enter_lua, claim_lua, settle_lua, leave_lua,
                                             renew_lua};

struct queue {
    const struct list_names *names;
    struct rds_address address;
    int timeout_ms;
    struct rds *rds; /* NULL between enters */
    char sha[SCRIPTS][41];
    char *list, *dead, *results, *owners, *stats, *attempts, *living; /* keys */
    char *prefix;                                                     /* "workers:<instance>:" */
    char slot[12], slots[12], mark[24], tokens[INSTANCE_TOKENS_BYTES];
    char *owner, *hold; /* of this epoch; NULL between enters */
    bool held_back;     /* the last claim was refused by the mark */
    redisReply *claimed;
    struct queue_item *items;
    size_t item_capacity;
    uint64_t store_writes;      /* for the next settle */
    int64_t redis_ms, clock_ms; /* Redis TIME and our clock at the last claim */
};

static char *join(const char *a, const char *b, const char *c)
{
    size_t la = strlen(a), lb = strlen(b), lc = strlen(c);
    char *text = xmalloc(la + lb + lc + 1);

    memcpy(text, a, la);
    memcpy(text + la, b, lb);
    memcpy(text + la + lb, c, lc + 1);
    return text;
}

int queue_new(const struct conf *conf, enum queue_list list, const struct instance *instance,
              int slot, int slots, struct queue **out, struct err *e)
{
    struct rds_address address;

    *out = NULL;
    if (rds_address_load(conf, &address, e) < 0)
        return e->code;
    struct queue *q = xcalloc(1, sizeof *q);
    q->names = &names[list];
    q->address = address;
    q->timeout_ms = (int)conf->redis.timeout_ms;
    q->list = join(conf->redis.queue, ":", q->names->list);
    q->dead = join(q->list, ":dead", "");
    q->results = join(conf->redis.queue, ":results", "");
    q->owners = join(conf->redis.queue, ":owners", "");
    q->stats = join(conf->redis.queue, ":stats", "");
    q->attempts = join(conf->redis.queue, ":attempts", "");
    char *role = join(q->names->role, ":", instance->id);
    q->living = join(conf->redis.queue, ":living:", role);
    q->prefix = join(role, ":", "");
    free(role);
    memcpy(q->tokens, instance->tokens, sizeof q->tokens);
    snprintf(q->slot, sizeof q->slot, "%d", slot);
    snprintf(q->slots, sizeof q->slots, "%d", slots);
    snprintf(q->mark, sizeof q->mark, "%lld",
             list == QUEUE_ARTICLES ? (long long)conf->workers.max_results : 0);
    *out = q;
    return 0;
}

static void disconnect(struct queue *q)
{
    rds_free_reply(q->claimed);
    q->claimed = NULL;
    rds_close(q->rds);
    q->rds = NULL;
    free(q->owner);
    free(q->hold);
    q->owner = q->hold = NULL;
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    disconnect(q);
    rds_address_fini(&q->address);
    free(q->list);
    free(q->dead);
    free(q->results);
    free(q->owners);
    free(q->stats);
    free(q->attempts);
    free(q->living);
    free(q->prefix);
    free(q->items);
    free(q);
}

/* Runs a script. `argv` has two places in front for EVALSHA and the digits, a third for the number
 * of keys. `lengths` may be NULL. */
static int run(struct queue *q, enum script script, int keys, int argc, const char **argv,
               size_t *lengths, redisReply **reply, struct err *e)
{
    char key_count[12];

    if (!q->rds)
        return err_set(e, ERR_AGAIN, "connection: not entered");
    snprintf(key_count, sizeof key_count, "%d", keys);
    argv[0] = "EVALSHA";
    argv[1] = q->sha[script];
    argv[2] = key_count;
    for (int i = 0; i < 3 && lengths; i++)
        lengths[i] = strlen(argv[i]);
    return rds_command(q->rds, argc, argv, lengths, 0, reply, e);
}

/* Connects and loads the scripts. */
static int reconnect(struct queue *q, struct err *e)
{
    disconnect(q);
    if (rds_connect(&q->address, q->timeout_ms, &q->rds, e) < 0)
        return e->code;
    for (int i = 0; i < SCRIPTS; i++)
        if (rds_load_script(q->rds, sources[i], q->sha[i], e) < 0)
            return e->code;
    return 0;
}

int queue_enter(struct queue *q, bool inherits, const struct queue_blame *blame,
                struct queue_poison *poison, struct err *e)
{
    char stride[12], index[12], strikes[12];
    bool blamed = blame && blame->owner && poison;
    const char *argv[] = {"",
                          "",
                          "",
                          q->list,
                          q->owners,
                          q->stats,
                          q->attempts,
                          q->living,
                          q->prefix,
                          q->slot,
                          stride,
                          q->slots,
                          inherits ? "1" : "0",
                          LEASE_MS,
                          q->names->returned,
                          blamed ? blame->owner : "",
                          index,
                          strikes,
                          STRIKES_MS,
                          blamed && blame->unseen ? "0" : "1",
                          q->tokens};
    redisReply *reply;

    if (poison)
        *poison = (struct queue_poison){0};
    snprintf(stride, sizeof stride, "%d", SLOTS_STRIDE);
    snprintf(strikes, sizeof strikes, "%d", QUEUE_STRIKES);
    snprintf(index, sizeof index, "%u", blamed ? blame->index : 0);
    if (reconnect(q, e) < 0 || run(q, ENTER, 5, 21, argv, NULL, &reply, e) < 0)
        return e->code;
    if (reply->type == REDIS_REPLY_NIL) {
        rds_free_reply(reply);
        return err_set(e, ERR_IN_USE, "enter: another process lives as %s", q->prefix);
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 5 ||
        reply->element[0]->type != REDIS_REPLY_STRING) {
        rds_free_reply(reply);
        return err_set(e, ERR_AGAIN, "enter: an unexpected answer");
    }
    q->owner = xstrdup(reply->element[0]->str);
    q->hold = join(q->list, ":hold:", q->owner);
    q->claimed = reply; /* the poisoned item points into it */
    q->redis_ms = reply->element[4]->integer;
    q->clock_ms = clock_ms();
    if (poison)
        poison->strikes = (unsigned)reply->element[3]->integer;
    if (poison && reply->element[2]->type == REDIS_REPLY_STRING)
        poison->item =
            (struct queue_item){.bytes = reply->element[2]->str, .length = reply->element[2]->len};
    return 0;
}

const char *queue_owner(const struct queue *q)
{
    return q->owner ? q->owner : "";
}

int queue_wait(struct queue *q, int timeout_ms, struct err *e)
{
    char seconds[24];
    const char *argv[] = {"BLMOVE", q->list, q->list, "RIGHT", "RIGHT", seconds};
    redisReply *reply;

    if (!q->rds)
        return err_set(e, ERR_AGAIN, "connection: not entered");
    if (q->held_back) {
        stop_sleep_ms(timeout_ms < HELD_BACK_MS ? timeout_ms : HELD_BACK_MS);
        return 0;
    }
    if (timeout_ms < 1)
        timeout_ms = 1; /* 0 would mean for ever */
    snprintf(seconds, sizeof seconds, "%d.%03d", timeout_ms / 1000, timeout_ms % 1000);
    if (rds_command(q->rds, 6, argv, NULL, timeout_ms, &reply, e) < 0) {
        /* An operator's CLIENT UNBLOCK, or this Redis became a replica: the next claim tells. */
        if (strncmp(e->text, "UNBLOCKED", 9) == 0)
            return 0;
        if (strncmp(e->text, "OOM", 3) != 0)
            return e->code;
        /* A full Redis refuses the peek but not our scripts, and only they can make room. */
        stop_sleep_ms(timeout_ms < HELD_BACK_MS ? timeout_ms : HELD_BACK_MS);
        return 0;
    }
    rds_free_reply(reply);
    return 0;
}

static void take_items(struct queue *q, redisReply *reply)
{
    size_t count = reply->elements - 2;

    if (count > q->item_capacity) {
        q->items = xrealloc(q->items, count * sizeof *q->items);
        q->item_capacity = count;
    }
    for (size_t i = 0; i < count; i++)
        q->items[i] = (struct queue_item){.bytes = reply->element[i + 2]->str,
                                          .length = reply->element[i + 2]->len};
    q->redis_ms = reply->element[0]->integer;
    q->clock_ms = clock_ms();
    q->held_back = reply->element[1]->integer != 0;
    q->claimed = reply;
}

int queue_claim(struct queue *q, int max_items, size_t max_bytes, const struct queue_item **items,
                struct err *e)
{
    char item_count[12], byte_count[24];
    const char *argv[] = {
        "",         "",       "",         q->list,    q->hold,  q->owners,         q->stats,
        q->results, q->owner, item_count, byte_count, LEASE_MS, q->names->claimed, q->mark};
    redisReply *reply;

    if (!q->owner)
        return err_set(e, ERR_AGAIN, "connection: not entered");
    rds_free_reply(q->claimed);
    q->claimed = NULL;
    snprintf(item_count, sizeof item_count, "%d", max_items);
    snprintf(byte_count, sizeof byte_count, "%zu", max_bytes);
    if (run(q, CLAIM, 5, 14, argv, NULL, &reply, e) < 0)
        return e->code;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2) {
        rds_free_reply(reply);
        return err_set(e, ERR_FENCED, "claim: %s is no longer an owner", q->owner);
    }
    take_items(q, reply);
    *items = q->items;
    return (int)(reply->elements - 2);
}

int queue_settle(struct queue *q, size_t done, const struct buf *batches, size_t batch_count,
                 const struct buf *dead, size_t dead_count, struct err *e)
{
    enum { FRONT = 17 };
    size_t argc = FRONT + batch_count + dead_count;
    char done_text[24], batch_text[24], dead_text[24], writes_text[24];
    redisReply *reply;

    if (!q->owner)
        return err_set(e, ERR_AGAIN, "connection: not entered");
    if (!done && (batch_count || dead_count))
        panic("a settle of %zu batches that stand for no item", batch_count);
    const char **argv = xcalloc(argc, sizeof *argv);
    size_t *lengths = xcalloc(argc, sizeof *lengths);
    const char *front[FRONT] = {"",         "",         "",       q->hold,        q->owners,
                                q->stats,   q->results, q->dead,  q->owner,       done_text,
                                batch_text, dead_text,  LEASE_MS, q->names->done, q->names->dead,
                                "batches",  writes_text};

    snprintf(done_text, sizeof done_text, "%zu", done);
    snprintf(batch_text, sizeof batch_text, "%zu", batch_count);
    snprintf(dead_text, sizeof dead_text, "%zu", dead_count);
    snprintf(writes_text, sizeof writes_text, "%llu", (unsigned long long)q->store_writes);
    q->store_writes = 0;
    for (int i = 0; i < FRONT; i++) {
        argv[i] = front[i];
        lengths[i] = strlen(front[i]);
    }
    for (size_t i = 0; i < batch_count + dead_count; i++) {
        const struct buf *b = i < batch_count ? &batches[i] : &dead[i - batch_count];
        argv[FRONT + i] = b->bytes;
        lengths[FRONT + i] = b->length;
    }
    int code = run(q, SETTLE, 5, (int)argc, argv, lengths, &reply, e);
    if (code == 0) {
        if (reply->type != REDIS_REPLY_INTEGER || reply->integer != 1)
            code = err_set(e, ERR_FENCED, "settle: %s is no longer an owner", q->owner);
        rds_free_reply(reply);
    }
    free(argv);
    free(lengths);
    return code;
}

void queue_note_writes(struct queue *q, uint64_t writes)
{
    q->store_writes += writes;
}

int queue_leave(struct queue *q, struct err *e)
{
    const char *argv[] = {"",        "",       "",       q->list,           q->hold,
                          q->owners, q->stats, q->owner, q->names->returned};
    redisReply *reply;

    if (!q->owner)
        return err_set(e, ERR_AGAIN, "connection: not entered");
    int code = run(q, LEAVE, 4, 9, argv, NULL, &reply, e);
    if (code == 0)
        rds_free_reply(reply);
    disconnect(q);
    return code;
}

int queue_renew(struct queue *q, const char *const *owners, int count, struct queue_state *state,
                struct err *e)
{
    enum { FRONT = 11 };
    redisReply *reply;
    char role[32];

    if (!q->rds && reconnect(q, e) < 0)
        return e->code;
    const char **argv = xcalloc((size_t)(FRONT + count), sizeof *argv);
    const char *front[FRONT] = {"",       "",        "",   q->list,  q->owners,
                                q->stats, q->living, role, LEASE_MS, q->names->returned,
                                q->tokens};
    snprintf(role, sizeof role, "%s:", q->names->role);
    for (int i = 0; i < FRONT + count; i++)
        argv[i] = i < FRONT ? front[i] : owners[i - FRONT];
    int code = run(q, RENEW, 4, FRONT + count, argv, NULL, &reply, e);
    free(argv);
    if (code < 0) {
        disconnect(q);
        return code;
    }
    long long numbers[6] = {0};
    for (size_t i = 0; i < 6 && i < reply->elements; i++)
        numbers[i] = reply->element[i]->integer;
    rds_free_reply(reply);
    *state = (struct queue_state){numbers[0], numbers[1], numbers[2],
                                  numbers[3], numbers[4], numbers[5]};
    return 0;
}

struct rds *queue_connection(struct queue *q)
{
    return q->rds;
}

int64_t queue_now_ms(const struct queue *q)
{
    return q->redis_ms + (clock_ms() - q->clock_ms);
}
