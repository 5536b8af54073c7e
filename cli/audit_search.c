/* audit_search: see audit_search.h. */
#include "cli/audit_search.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/redis_look.h"
#include "common/batch.h"
#include "common/sweep.h"

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

struct holds {
    struct rds *rds;
    const char *prefix;
    struct audit_findings *out;
    bool repair;
};

static int judge_hold(void *context, const char *key, const char *owner, long long items,
                      struct err *e)
{
    struct holds *h = context;

    (void)owner;
    if (h->repair) {
        if (sweep_give_back(h->rds, h->prefix, key, &items, e) < 0)
            return e->code;
        h->out->repaired += items;
    } else {
        add(h->out,
            "%.*s holds %lld items, but its owner is not registered: the janitors of running "
            "roles give them back, and audit --repair at once",
            MAX_SHOWN_KEY, key, items);
    }
    return 0;
}

int audit_search_holds(struct rds *r, const struct conf *conf, bool repair,
                       struct audit_findings *out, struct err *e)
{
    struct holds holds = {.rds = r, .prefix = conf->redis.queue, .out = out, .repair = repair};
    struct sweep sweep = {
        .rds = r, .prefix = conf->redis.queue, .found = judge_hold, .context = &holds};

    return sweep_all(&sweep, e);
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
