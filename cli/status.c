/* status: see status.h. Reads only, so it works whatever roles are down; all figures of one look
 * are of one moment. */
#include "cli/status.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/redis_look.h"
#include "cli/snapshot.h"

#define COMMAND "status"

static const char *const list_names[SNAPSHOT_LISTS] = {"articles", "results"};
static const char *const roles[] = {"workers", "savers"};
/* Counters whose growth is worth seeing, as they are called there and in JSON, and for people. */
static const struct {
    const char *field, *label;
} rates[] = {{"http_in", "posted"}, {"claimed", "claimed"}, {"worked", "worked"},
             {"dead_in", "dead"},   {"batches", "batches"}, {"applied", "applied"}};
#define RATES (sizeof rates / sizeof rates[0])

struct look {
    const struct conf *conf;
    bool json, terminal;
    struct rds *rds; /* NULL while away */
    bool has_before;
    int64_t before_ms, before[RATES];
};

static void print_help(FILE *to)
{
    fputs("usage: newsmill status [--watch [--count N]] [--json]\n"
          "\n"
          "Prints the lists and holds, who works with what lease left, and the age of the oldest\n"
          "batch. It only looks; the roles may be down.\n"
          "\n"
          "  --watch      look again every second, with rates; ends with ^C\n"
          "  --count N    with --watch: end after N looks\n"
          "  --json       one object a look, on one line; times and ages in ms\n"
          "  -h, --help   this text\n",
          to);
}

/* Growth a second since the look before; below 0 where there was none or the counter began anew. */
static double rate_of(const struct look *l, const struct snapshot *s, size_t which)
{
    int64_t passed_ms = s->at_ms - l->before_ms;
    int64_t grown = snapshot_stat(s, rates[which].field) - l->before[which];

    if (!l->has_before || passed_ms <= 0 || grown < 0)
        return -1;
    return 1000.0 * (double)grown / (double)passed_ms;
}

/* --- for people ---------------------------------------------------------------------------------
 */

static void print_owners(const struct snapshot *s, const char *role)
{
    size_t length = strlen(role);
    char age[CONSOLE_TEXT_BYTES];

    console_printf(stdout, "%-8s %zu alive\n", role, snapshot_alive(s, role));
    for (size_t i = 0; i < s->owner_count; i++) {
        const struct snapshot_owner *owner = &s->owners[i];
        if (strncmp(owner->name, role, length) != 0 || owner->name[length] != ':')
            continue;
        fputs("  ", stdout);
        console_print(stdout, owner->name, strlen(owner->name));
        if (owner->lease_left_ms > 0)
            console_printf(stdout, "  lease %.1f s", (double)owner->lease_left_ms / 1000);
        else
            console_printf(stdout, "  lease ended %s ago", console_age(-owner->lease_left_ms, age));
        console_printf(stdout, "  in hand %" PRId64 "\n",
                       owner->held[SNAPSHOT_ARTICLES] + owner->held[SNAPSHOT_RESULTS]);
    }
}

static void print_store(const struct snapshot *s, const struct conf *conf)
{
    int64_t worked = snapshot_stat(s, "worked"), applied = snapshot_stat(s, "applied");
    int64_t writes = snapshot_stat(s, "store_writes");

    console_printf(stdout, "store    %s", conf->store.kind);
    if (worked > 0)
        console_printf(stdout, ", %.4f commits an article", (double)applied / (double)worked);
    if (worked > 0 && writes > 0)
        console_printf(stdout, ", %.3f documents an article", (double)writes / (double)worked);
    console_printf(stdout, "\n");
}

static void print_text(const struct look *l, const struct snapshot *s)
{
    char waiting[CONSOLE_TEXT_BYTES], held[CONSOLE_TEXT_BYTES], time[CONSOLE_TEXT_BYTES];

    console_printf(stdout, "%s  queue ", console_time(s->at_ms, time));
    console_print(stdout, l->conf->redis.queue, strlen(l->conf->redis.queue));
    console_printf(stdout, "\n%-8s %10s %10s %10s\n", "", "waiting", "in hand", "dead");
    for (int i = 0; i < SNAPSHOT_LISTS; i++)
        console_printf(stdout, "%-8s %10" PRId64 " %10" PRId64 " %10" PRId64 "\n", list_names[i],
                       s->waiting[i], s->held[i], s->dead[i]);
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        print_owners(s, roles[i]);
    print_store(s, l->conf);
    console_printf(stdout, "oldest   batch waiting %s, in hand %s\n",
                   console_age(s->oldest_waiting_ms, waiting),
                   console_age(s->oldest_held_ms, held));
    for (size_t i = 0; i < RATES && l->has_before; i++) {
        double rate = rate_of(l, s, i);
        console_printf(stdout, i ? ", " : "a second ");
        if (rate >= 0)
            console_printf(stdout, "%s %.0f", rates[i].label, rate);
        else
            console_printf(stdout, "%s -", rates[i].label);
    }
    if (l->has_before)
        console_printf(stdout, "\n");
}

/* --- JSON ---------------------------------------------------------------------------------------
 */

/* role:instance:slot:epoch taken apart; what has another form has its name only. */
static void print_owner_json(const struct snapshot_owner *owner)
{
    char role[32], instance[40];
    unsigned slot;
    unsigned long long epoch;

    console_printf(stdout, "{\"owner\":");
    console_print_json(stdout, owner->name, strlen(owner->name));
    if (sscanf(owner->name, "%31[a-z]:%39[0-9a-f]:%u:%llu", role, instance, &slot, &epoch) == 4)
        console_printf(stdout, ",\"role\":\"%s\",\"instance\":\"%s\",\"slot\":%u,\"epoch\":%llu",
                       role, instance, slot, epoch);
    console_printf(stdout, ",\"lease_left_ms\":%" PRId64 ",\"in_hand\":%" PRId64 "}",
                   owner->lease_left_ms,
                   owner->held[SNAPSHOT_ARTICLES] + owner->held[SNAPSHOT_RESULTS]);
}

static void print_age_json(const char *name, int64_t age_ms)
{
    console_printf(stdout, ",\"%s\":", name);
    if (age_ms < 0)
        console_printf(stdout, "null");
    else
        console_printf(stdout, "%" PRId64, age_ms);
}

static void print_share_json(const struct snapshot *s, const char *name, const char *field)
{
    int64_t worked = snapshot_stat(s, "worked");

    console_printf(stdout, ",\"%s\":", name);
    if (worked > 0)
        console_printf(stdout, "%.4f", (double)snapshot_stat(s, field) / (double)worked);
    else
        console_printf(stdout, "null");
}

static void print_json(const struct look *l, const struct snapshot *s)
{
    console_printf(stdout, "{\"at\":%" PRId64 ",\"queue\":", s->at_ms);
    console_print_json(stdout, l->conf->redis.queue, strlen(l->conf->redis.queue));
    for (int i = 0; i < SNAPSHOT_LISTS; i++)
        console_printf(stdout,
                       ",\"%s\":{\"waiting\":%" PRId64 ",\"in_hand\":%" PRId64 ",\"dead\":%" PRId64
                       "}",
                       list_names[i], s->waiting[i], s->held[i], s->dead[i]);
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        console_printf(stdout, ",\"%s_alive\":%zu", roles[i], snapshot_alive(s, roles[i]));
    console_printf(stdout, ",\"owners\":[");
    for (size_t i = 0; i < s->owner_count; i++) {
        fputs(i ? "," : "", stdout);
        print_owner_json(&s->owners[i]);
    }
    console_printf(stdout, "]");
    print_age_json("oldest_batch_waiting_ms", s->oldest_waiting_ms);
    print_age_json("oldest_batch_in_hand_ms", s->oldest_held_ms);
    console_printf(stdout, ",\"store\":\"%s\"", l->conf->store.kind);
    print_share_json(s, "commits_an_article", "applied");
    print_share_json(s, "documents_an_article", "store_writes");
    console_printf(stdout, ",\"counters\":{");
    for (size_t i = 0; i < RATES; i++)
        console_printf(stdout, "%s\"%s\":%" PRId64, i ? "," : "", rates[i].field,
                       snapshot_stat(s, rates[i].field));
    console_printf(stdout, "},\"a_second\":{");
    for (size_t i = 0; i < RATES; i++) {
        double rate = rate_of(l, s, i);
        console_printf(stdout, "%s\"%s\":", i ? "," : "", rates[i].field);
        console_printf(stdout, rate < 0 ? "null" : "%.1f", rate);
    }
    console_printf(stdout, "}}\n");
}

/* ------------------------------------------------------------------------------------------------
 */

/* One look. Returns 0 or the exit code; a broken connection is made anew by the next look. */
static int look(struct look *l)
{
    struct snapshot s;
    struct err e;

    if ((!l->rds && redis_look_connect(l->conf, &l->rds, &e) < 0) ||
        snapshot_take(l->rds, l->conf, &s, &e) < 0) {
        rds_close(l->rds);
        l->rds = NULL;
        return redis_look_away(COMMAND, &e);
    }
    if (l->json)
        print_json(l, &s);
    else
        print_text(l, &s);
    l->has_before = true;
    l->before_ms = s.at_ms;
    for (size_t i = 0; i < RATES; i++)
        l->before[i] = snapshot_stat(&s, rates[i].field);
    snapshot_fini(&s);
    return console_end(COMMAND, 0);
}

static int watch(struct look *l, long looks)
{
    int code = 0;

    for (long i = 0; looks == 0 || i < looks; i++) {
        if (i)
            sleep(1);
        if (l->terminal && !l->json)
            fputs("\033[H\033[2J", stdout); /* ECMA-48: home, erase */
        else if (i && !l->json)
            fputs("\n", stdout);
        code = look(l);
        if (ferror(stdout))
            break;
    }
    return code;
}

int status_main(int argc, char **argv, const struct conf *conf)
{
    static const struct option options[] = {{"watch", no_argument, NULL, 'w'},
                                            {"count", required_argument, NULL, 'c'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct look l = {.conf = conf, .terminal = isatty(STDOUT_FILENO)};
    bool watches = false;
    long looks = 0;
    int option;
    char *end;

    while ((option = console_getopt(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            print_help(stdout);
            return 0;
        }
        if (option == 'w') {
            watches = true;
        } else if (option == 'j') {
            l.json = true;
        } else if (option == 'c') {
            looks = strtol(optarg, &end, 10);
            if (end == optarg || *end || looks < 1)
                return console_usage(COMMAND, "--count takes a number from 1");
        } else {
            return console_usage(COMMAND, "an unknown option");
        }
    }
    if (optind < argc)
        return console_usage(COMMAND, "it takes no argument");
    if (looks && !watches)
        return console_usage(COMMAND, "--count goes with --watch");
    int code = watches ? watch(&l, looks) : look(&l);
    rds_close(l.rds);
    return code;
}
