/* doctor_redis: what `newsmill doctor` asks Redis. A Redis that hides something (ACL, a host's own
 * rules) gets a warning, not a verdict. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "cli/doctor_report.h"
#include "cli/redis_look.h"
#include "common/clock.h"
#include "common/default_user.h"
#include "common/rds_advice.h"
#include "common/sweep.h"

#define PINGS                         5
#define SLOW_PING_US                  10000
#define SLOWEST_PING_US               1000000
#define CLOCK_WARN_MS                 2000
#define FULL_WARN_SHARE               0.75
#define FULL_BAD_SHARE                0.95
#define MAX_VALUE                     64
#define ADD(level, name, advice, ...) doctor_report(report, level, name, advice, __VA_ARGS__)

/* A field of INFO; "" where missing. */
static const char *info(const char *text, const char *name, char out[MAX_VALUE])
{
    size_t length = strlen(name);

    *out = 0;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == ':') {
            const char *value = line + length + 1;
            snprintf(out, MAX_VALUE, "%.*s", (int)strcspn(value, "\r\n"), value);
            break;
        }
    }
    return out;
}

/* --- what INFO says -----------------------------------------------------------------------------
 */

static void check_version(struct doctor_report *report, const char *text)
{
    char version[MAX_VALUE];
    long major = strtol(info(text, "redis_version", version), NULL, 10);

    ADD(major >= 7 ? DOCTOR_OK : DOCTOR_BAD, "redis.version",
        major >= 7 ? "" : "7.0 or newer is needed: scripts that run when Redis is full came then",
        "%s", *version ? version : "not said");
}

static void check_role(struct doctor_report *report, const char *text)
{
    char role[MAX_VALUE], cluster[MAX_VALUE];
    const char *queue = report->conf->redis.queue;

    info(text, "role", role);
    ADD(strcmp(role, "master") == 0 ? DOCTOR_OK : DOCTOR_BAD, "redis.role",
        strcmp(role, "master") == 0 ? "" : "point redis.url at the primary", "%s", role);
    if (*info(text, "cluster_enabled", cluster) != '1')
        return;
    const char *brace = strchr(queue, '{');
    if (brace && strchr(brace, '}') > brace + 1)
        ADD(DOCTOR_OK, "redis.cluster", "", "all keys share a slot");
    else
        ADD(DOCTOR_BAD, "redis.cluster",
            "put redis.queue in braces, such as {newsmill}, so that all keys share a slot",
            "the queue %s has no hash tag", queue);
}

static void check_policy(struct doctor_report *report, const char *text)
{
    char policy[MAX_VALUE];

    if (!*info(text, "maxmemory_policy", policy))
        ADD(DOCTOR_WARN, "redis.eviction", "see that maxmemory-policy is noeviction", "not said");
    else if (strcmp(policy, "noeviction") == 0)
        ADD(DOCTOR_OK, "redis.eviction", "", "%s", policy);
    else
        ADD(DOCTOR_BAD, "redis.eviction",
            "set maxmemory-policy noeviction: others throw queues away to make room", "%s", policy);
}

static void check_room(struct doctor_report *report, const char *text)
{
    char value[MAX_VALUE], used_text[CONSOLE_TEXT_BYTES], most_text[CONSOLE_TEXT_BYTES];
    uint64_t used = strtoull(info(text, "used_memory", value), NULL, 10);
    uint64_t most = strtoull(info(text, "maxmemory", value), NULL, 10);
    uint64_t machine = strtoull(info(text, "total_system_memory", value), NULL, 10);
    bool limited = most > 0;

    if (!limited)
        most = machine;
    double share = most ? (double)used / (double)most : 0;
    enum doctor_level level = share > FULL_BAD_SHARE    ? DOCTOR_BAD
                              : share > FULL_WARN_SHARE ? DOCTOR_WARN
                                                        : DOCTOR_OK;
    ADD(level, "redis.memory",
        level == DOCTOR_OK ? ""
        : limited          ? "raise maxmemory, add workers, or lower gateway.max_backlog"
                           : "set maxmemory: without it the system ends Redis when memory is out",
        "%s of %s used%s", console_bytes(used, used_text), console_bytes(most, most_text),
        limited ? "" : " (the machine's: no maxmemory is set)");
}

/* The last writes to disk: Redis refuses commands with MISCONF after a failed one. */
static void check_writes(struct doctor_report *report, const char *text)
{
    static const char *const fields[] = {"aof_last_write_status", "aof_last_bgrewrite_status",
                                         "rdb_last_bgsave_status"};
    char value[MAX_VALUE];

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (*info(text, fields[i], value) && strcmp(value, "ok") != 0)
            ADD(DOCTOR_BAD, "redis.disk", "see the log of Redis and its free disk space", "%s: %s",
                fields[i], value);
}

/* --- what must be asked for --------------------------------------------------------------------
 */

/* The setting's value, "" where it may not be read. */
static void config_get(struct rds *rds, const char *name, char out[MAX_VALUE])
{
    const char *argv[] = {"CONFIG", "GET", name};
    struct redisReply *reply;
    struct err ignored;

    *out = 0;
    if (rds_command(rds, 3, argv, NULL, 0, &reply, &ignored) < 0)
        return;
    const char *value = redis_look_text(redis_look_at(reply, 1), NULL);
    snprintf(out, MAX_VALUE, "%s", value ? value : "");
    rds_free_reply(reply);
}

static void check_durability(struct doctor_report *report, struct rds *rds, const char *text)
{
    char enabled[MAX_VALUE], fsync[MAX_VALUE];

    if (*info(text, "aof_enabled", enabled) != '1') {
        ADD(DOCTOR_BAD, "redis.durability",
            "set appendonly yes and appendfsync always: a restart now forgets what was accepted",
            "appendonly no");
        return;
    }
    config_get(rds, "appendfsync", fsync);
    if (strcmp(fsync, "always") == 0)
        ADD(DOCTOR_OK, "redis.durability", "", "appendonly yes, appendfsync always");
    else if (strcmp(fsync, "everysec") == 0)
        ADD(DOCTOR_WARN, "redis.durability",
            "a crash of the machine may lose the last second of accepted articles, and count twice "
            "what was saved in it; appendfsync always does not",
            "appendonly yes, appendfsync everysec");
    else if (*fsync)
        ADD(DOCTOR_BAD, "redis.durability",
            "set appendfsync always: a crash of the machine may lose half a minute, and count "
            "twice what was saved in it",
            "appendonly yes, appendfsync %s", fsync);
    else
        ADD(DOCTOR_WARN, "redis.durability", "see that appendfsync is always",
            "appendonly yes, appendfsync cannot be read");
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void check_latency(struct doctor_report *report, struct rds *rds)
{
    const char *argv[] = {"PING"};
    int64_t times_us[PINGS];
    struct redisReply *reply;
    struct err e;

    for (int i = 0; i < PINGS; i++) {
        int64_t start_us = clock_us();
        if (rds_command(rds, 1, argv, NULL, 0, &reply, &e) < 0) {
            bool refused = strncmp(e.text, "NOPERM", 6) == 0; /* the roles do without */
            ADD(refused ? DOCTOR_WARN : DOCTOR_BAD, refused ? "redis.ping" : "redis.latency",
                refused ? "give redis.user +ping to have the latency measured" : rds_advice(e.text),
                "%s", e.text);
            return;
        }
        times_us[i] = clock_us() - start_us;
        rds_free_reply(reply);
    }
    qsort(times_us, PINGS, sizeof times_us[0], by_size);
    int64_t median_us = times_us[PINGS / 2];
    ADD(median_us > SLOWEST_PING_US ? DOCTOR_BAD
        : median_us > SLOW_PING_US  ? DOCTOR_WARN
                                    : DOCTOR_OK,
        "redis.latency",
        median_us > SLOW_PING_US ? "bring Redis nearer, or see SLOWLOG and LATENCY DOCTOR" : "",
        "PING takes %.2f ms, at most %.2f ms", (double)median_us / 1000,
        (double)times_us[PINGS - 1] / 1000);
}

static void check_clock(struct doctor_report *report, struct rds *rds)
{
    int64_t redis_ms;
    struct err e;

    if (redis_look_time(rds, &redis_ms, &e) < 0) {
        ADD(DOCTOR_BAD, "redis.clock", rds_advice(e.text), "%s", e.text);
        return;
    }
    int64_t ahead_ms = redis_ms - clock_wall_ms(), apart_ms = llabs(ahead_ms);
    bool far = apart_ms > CLOCK_WARN_MS, untrusted = apart_ms > CLOCK_TRUST_MS;
    ADD(untrusted ? DOCTOR_BAD
        : far     ? DOCTOR_WARN
                  : DOCTOR_OK,
        "redis.clock",
        untrusted ? "let both keep time by NTP: until then savers forget no marker of a batch and "
                    "refuse none for its age"
        : far ? "let both keep time by NTP: leases are safe, but ends of keys and tokens are not"
              : "",
        "Redis is %" PRId64 " ms %s this machine", apart_ms, ahead_ms < 0 ? "behind" : "ahead of");
}

/* --- holds --------------------------------------------------------------------------------------
 */

static int add_items(void *context, const char *key, const char *owner, long long items,
                     struct err *e)
{
    (void)key, (void)owner, (void)e;
    *(long long *)context += items;
    return 0;
}

static void check_holds(struct doctor_report *report, struct rds *rds)
{
    long long items = 0;
    struct sweep sweep = {
        .rds = rds, .prefix = report->conf->redis.queue, .found = add_items, .context = &items};
    struct err e;

    if (sweep_all(&sweep, &e) < 0)
        ADD(DOCTOR_WARN, "redis.holds", rds_advice(e.text), "%s", e.text);
    else if (items)
        ADD(DOCTOR_WARN, "redis.holds",
            "workers and savers that run give them back by and by, newsmill audit --repair at once",
            "%lld items are held by nobody registered", items);
    else
        ADD(DOCTOR_OK, "redis.holds", "", "every hold has an owner");
}

static void check_default_user(struct doctor_report *report, struct rds *rds)
{
    struct err e;

    switch (default_user_look(rds, &e)) {
    case DEFAULT_USER_SAFE:
        ADD(DOCTOR_OK, "redis.default_user", "", "it may do all, as reading the log back needs");
        break;
    case DEFAULT_USER_UNSAFE:
        ADD(DOCTOR_BAD, "redis.default_user", DEFAULT_USER_ADVICE,
            "the user \"default\" may not do all");
        break;
    case DEFAULT_USER_UNKNOWN:
        ADD(DOCTOR_WARN, "redis.default_user",
            "give redis.user +acl|getuser, or see that the user \"default\" has ~* &* +@all", "%s",
            e.text);
        break;
    }
}

/* ------------------------------------------------------------------------------------------------
 */

static void check_all(struct doctor_report *report, struct rds *rds)
{
    const char *argv[] = {"INFO"};
    struct redisReply *reply;
    struct err e;

    if (rds_command(rds, 1, argv, NULL, 0, &reply, &e) < 0) {
        ADD(DOCTOR_WARN, "redis.info", rds_advice(e.text), "%s", e.text);
    } else {
        const char *text = redis_look_text(reply, NULL);
        text = text ? text : "";
        check_version(report, text);
        check_role(report, text);
        check_policy(report, text);
        check_durability(report, rds, text);
        check_room(report, text);
        check_writes(report, text);
        rds_free_reply(reply);
    }
    check_latency(report, rds);
    check_clock(report, rds);
    check_holds(report, rds);
    check_default_user(report, rds);
    doctor_instance(report, rds);
    doctor_rights(report, rds);
}

void doctor_redis(struct doctor_report *report)
{
    struct rds *rds;
    struct err e;

    if (redis_look_connect(report->conf, &rds, &e) < 0) {
        ADD(DOCTOR_BAD, "redis.reachable", rds_advice(e.text), "%s", e.text);
        return;
    }
    ADD(DOCTOR_OK, "redis.reachable", "", "it answers");
    check_all(report, rds);
    rds_close(rds);
}
