/* doctor_instance: are the instance ids of this machine's state directory used by others too? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor_report.h"
#include "cli/redis_look.h"
#include "common/instance.h"
#include "common/rds_advice.h"

#define ADD(level, advice, ...) doctor_report(report, level, "state.instance", advice, __VA_ARGS__)

/* The living token of an id, to free; NULL: none, or ERR_AGAIN in e->code. */
static char *ask_living(struct doctor_report *report, struct rds *rds, const char *role,
                        const char *id, struct err *e)
{
    char name[64];

    snprintf(name, sizeof name, "living:%s:%s", role, id);
    char *key = redis_look_key(report->conf, name);
    const char *argv[] = {"GET", key};
    struct redisReply *reply = NULL;
    e->code = 0;
    rds_command(rds, 2, argv, NULL, 0, &reply, e);
    const char *text = e->code < 0 ? NULL : redis_look_text(reply, NULL);
    char *living = text ? xstrdup(text) : NULL;
    rds_free_reply(reply);
    free(key);
    return living;
}

static void check(struct doctor_report *report, struct rds *rds, const char *role)
{
    struct instance instance;
    struct err e;

    if (!instance_read(report->conf->redis.state_dir, role, &instance))
        return; /* the first start makes it */
    if (*instance.copied) {
        ADD(DOCTOR_WARN, "nothing is to be done: the next start takes a new id",
            "%s/%s.instance is a copy", report->conf->redis.state_dir, role);
        return;
    }
    char *living = ask_living(report, rds, role, instance.id, &e);
    if (e.code < 0)
        ADD(DOCTOR_WARN, rds_advice(e.text), "%s", e.text);
    else if (living && !strstr(instance.tokens, living))
        ADD(DOCTOR_WARN,
            "the machine or its disk was copied: the roles take a new id when they start here",
            "%s %s is used by another living process", role, instance.id);
    else
        ADD(DOCTOR_OK, "", "%s %s%s", role, instance.id, living ? " lives" : "");
    free(living);
}

void doctor_instance(struct doctor_report *report, struct rds *rds)
{
    check(report, rds, "workers");
    check(report, rds, "savers");
}
