/* redis_look: what the commands that look into Redis share: connecting, and reading answers without
 * knowing hiredis. Every reader takes any answer, and NULL for one that is not there. */
#ifndef NEWSMILL_REDIS_LOOK_H
#define NEWSMILL_REDIS_LOOK_H

#include <stddef.h>
#include <stdint.h>

#include "common/conf.h"
#include "common/rds.h"

/* Connects to the Redis of the settings. Returns 0, ERR_AGAIN or ERR_CONFIG. */
int redis_look_connect(const struct conf *conf, struct rds **out, struct err *e);

/* Says on stderr why Redis could not be asked, with advice where there is some; returns the exit
 * code. */
int redis_look_away(const char *command, const struct err *e);

/* "PREFIX:NAME", to free. */
char *redis_look_key(const struct conf *conf, const char *name);

/* EVAL of a script that has its flags in its first line. `keys` then `words`, each NULL-terminated;
 * more words of any bytes follow in `items` (`lengths` of them, `count`), all borrowed. */
struct redis_look_script {
    const char *source;
    const char *const *keys, *const *words;
    const char *const *items;
    const size_t *lengths;
    size_t count;
};
int redis_look_eval(struct rds *r, const struct redis_look_script *script,
                    struct redisReply **reply, struct err *e);

/* Redis TIME in ms since 1970. Returns 0 or ERR_AGAIN. */
int redis_look_time(struct rds *r, int64_t *ms, struct err *e);

size_t redis_look_count(const struct redisReply *reply); /* elements; 0 of what is no array */
const struct redisReply *redis_look_at(const struct redisReply *reply, size_t index);
/* An integer or the decimal digits of a string; else `otherwise`. */
int64_t redis_look_number(const struct redisReply *reply, int64_t otherwise);
/* NULL where it is no text; with a NUL behind its end. `length` may be NULL. */
const char *redis_look_text(const struct redisReply *reply, size_t *length);

#endif
