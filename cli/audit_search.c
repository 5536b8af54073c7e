/* audit_search: see audit_search.h. */
#include "cli/audit_search.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/redis_look.h"
#include "common/batch.h"
#include "orphan_lua.h"

#define SCAN_COUNT    "1000"
#define CHUNK         16  /* batches in one answer; each has up to a megabyte or two */
#define MAX_TEXT      512 /* of a finding */
#define MAX_SHOWN_KEY 200

static __attribute__((format(printf, 2, 3))) void add(struct audit_findings *f, const char *format,
                                                      ...)
{
    char text[MAX_TEXT];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (f->count < AUDIT_MAX_FINDINGS)
        f->texts[f->count] = xstrdup(text);
    f->count++;
}

void audit_findings_fini(struct audit_findings *f)
{
    for (size_t i = 0; i < f->count && i < AUDIT_MAX_FINDINGS; i++)
        free(f->texts[i]);
    *f = (struct audit_findings){0};
}

/* --- holds --------------------------------------------------------------------------------------
 */

/* PREFIX:*:hold:*, to free; what a glob would read into the prefix is escaped. */
static char *make_pattern(const char *prefix)
{
    static const char rest[] = ":*:hold:*";
    char *pattern = xmalloc(2 * strlen(prefix) + sizeof rest), *to = pattern;

    for (; *prefix; *to++ = *prefix++)
        if (strchr("*?[]^\\", *prefix))
            *to++ = '\\';
    memcpy(to, rest, sizeof rest);
    return pattern;
}

static int judge_hold(struct rds *r, const char *key, const char *owners,
                      struct audit_findings *out, struct err *e)
{
    const char *mark = strstr(key, ":hold:");
    struct redisReply *reply;

    if (!mark)
        return 0;
    const char *keys[] = {key, owners, NULL}, *words[] = {mark + strlen(":hold:"), NULL};
    struct redis_look_script script = {.source = orphan_lua, .keys = keys, .words = words};
    if (redis_look_eval(r, &script, &reply, e) < 0)
        return e->code;
    int64_t items = redis_look_number(reply, 0);
    rds_free_reply(reply);
    if (items > 0)
        add(out, "%.*s holds %lld items, but its owner is not registered: nobody gives them back",
            MAX_SHOWN_KEY, key, (long long)items);
    return 0;
}

int audit_search_holds(struct rds *r, const struct conf *conf, struct audit_findings *out,
                       struct err *e)
{
    char *pattern = make_pattern(conf->redis.queue), *owners = redis_look_key(conf, "owners");
    char cursor[24] = "0";
    int code;

    do {
        const char *argv[] = {"SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_COUNT};
        struct redisReply *reply;
        code = rds_command(r, 6, argv, NULL, 0, &reply, e);
        if (code < 0)
            break;
        const char *next = redis_look_text(redis_look_at(reply, 0), NULL);
        snprintf(cursor, sizeof cursor, "%s", next ? next : "0");
        const struct redisReply *found = redis_look_at(reply, 1);
        for (size_t i = 0; i < redis_look_count(found) && code == 0; i++) {
            const char *key = redis_look_text(redis_look_at(found, i), NULL);
            code = key ? judge_hold(r, key, owners, out, e) : 0;
        }
        rds_free_reply(reply);
    } while (code == 0 && strcmp(cursor, "0") != 0);
    free(pattern);
    free(owners);
    return code;
}

/* --- batches ------------------------------------------------------------------------------------
 */

static void judge_batch(const char *bytes, size_t length, size_t position,
                        struct audit_findings *out)
{
    struct batch batch;
    struct err why;

    if (batch_parse(bytes, length, &batch, &why) < 0)
        add(out, "results: item %zu from the left (%zu bytes) is no batch: %s", position, length,
            why.text);
    else
        batch_fini(&batch);
}

int audit_search_batches(struct rds *r, const struct conf *conf, struct audit_findings *out,
                         struct err *e)
{
    char *list = redis_look_key(conf, "results");
    size_t got = CHUNK;
    int code = 0;

    while (code == 0 && got == CHUNK && out->batches_read < AUDIT_MAX_BATCHES) {
        char first[24], last[24];
        const char *argv[] = {"LRANGE", list, first, last};
        struct redisReply *reply;
        snprintf(first, sizeof first, "%zu", out->batches_read);
        snprintf(last, sizeof last, "%zu", out->batches_read + CHUNK - 1);
        code = rds_command(r, 4, argv, NULL, 0, &reply, e);
        got = code == 0 ? redis_look_count(reply) : 0;
        for (size_t i = 0; i < got; i++) {
            size_t length = 0;
            const char *bytes = redis_look_text(redis_look_at(reply, i), &length);
            judge_batch(bytes ? bytes : "", length, ++out->batches_read, out);
        }
        rds_free_reply(reply);
    }
    free(list);
    return code;
}
