/* redis_look: see redis_look.h. */
#include "cli/redis_look.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "common/rds_advice.h"

int redis_look_connect(const struct conf *conf, struct rds **out, struct err *e)
{
    struct rds_address address;

    *out = NULL;
    if (rds_address_load(conf, &address, e) < 0)
        return e->code;
    int code = rds_connect(&address, (int)conf->redis.timeout_ms, out, e);
    rds_address_fini(&address);
    return code;
}

int redis_look_away(const char *command, const struct err *e)
{
    const char *advice = rds_advice(e->text);

    console_printf(stderr, "newsmill %s: Redis: %s%s%s\n", command, e->text, *advice ? "; " : "",
                   advice);
    return 1;
}

char *redis_look_key(const struct conf *conf, const char *name)
{
    size_t size = strlen(conf->redis.queue) + strlen(name) + 2;
    char *key = xmalloc(size);

    snprintf(key, size, "%s:%s", conf->redis.queue, name);
    return key;
}

static size_t count_words(const char *const *words)
{
    size_t count = 0;

    while (words && words[count])
        count++;
    return count;
}

int redis_look_eval(struct rds *r, const struct redis_look_script *script,
                    struct redisReply **reply, struct err *e)
{
    size_t keys = count_words(script->keys), words = count_words(script->words);
    size_t argc = 3 + keys + words + script->count;
    const char **argv = xcalloc(argc, sizeof *argv);
    size_t *lengths = xcalloc(argc, sizeof *lengths), at = 0;
    char key_count[24];

    snprintf(key_count, sizeof key_count, "%zu", keys);
    argv[at++] = "EVAL";
    argv[at++] = script->source;
    argv[at++] = key_count;
    for (size_t i = 0; i < keys; i++)
        argv[at++] = script->keys[i];
    for (size_t i = 0; i < words; i++)
        argv[at++] = script->words[i];
    for (size_t i = 0; i < at; i++)
        lengths[i] = strlen(argv[i]);
    for (size_t i = 0; i < script->count; i++, at++) {
        argv[at] = script->items[i];
        lengths[at] = script->lengths[i];
    }
    int code = rds_command(r, (int)argc, argv, lengths, 0, reply, e);
    free(argv);
    free(lengths);
    return code;
}

int redis_look_time(struct rds *r, int64_t *ms, struct err *e)
{
    const char *argv[] = {"TIME"};
    struct redisReply *reply;

    if (rds_command(r, 1, argv, NULL, 0, &reply, e) < 0)
        return e->code;
    *ms = redis_look_number(redis_look_at(reply, 0), 0) * 1000 +
          redis_look_number(redis_look_at(reply, 1), 0) / 1000;
    rds_free_reply(reply);
    return 0;
}

size_t redis_look_count(const struct redisReply *reply)
{
    return reply && reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
}

const struct redisReply *redis_look_at(const struct redisReply *reply, size_t index)
{
    return index < redis_look_count(reply) ? reply->element[index] : NULL;
}

int64_t redis_look_number(const struct redisReply *reply, int64_t otherwise)
{
    const char *text = redis_look_text(reply, NULL);
    char *end;

    if (reply && reply->type == REDIS_REPLY_INTEGER)
        return reply->integer;
    if (!text)
        return otherwise;
    int64_t value = strtoll(text, &end, 10);
    return end > text && *end == 0 ? value : otherwise;
}

const char *redis_look_text(const struct redisReply *reply, size_t *length)
{
    if (!reply || (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS))
        return NULL;
    if (length)
        *length = reply->len;
    return reply->str;
}
