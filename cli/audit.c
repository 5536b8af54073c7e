/* audit: see audit.h. The sums are of one look, so that nothing moves while they are taken. */
#include "cli/audit.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/audit_search.h"
#include "cli/console.h"
#include "cli/redis_look.h"
#include "cli/snapshot.h"

#define COMMAND   "audit"
#define MAX_TERMS 4

/* "What is counted where it moves" of QUEUES.md. A term is a field of the stats hash or a length
 * from lengths[]. */
static const struct equation {
    const char *left[MAX_TERMS + 1], *right[MAX_TERMS + 1];
} equations[] = {
    {{"claimed"}, {"worked", "returned", "dead_in", "LLEN articles:hold:*"}},
    {{"batches_claimed"}, {"applied", "batches_returned", "batches_dead", "LLEN results:hold:*"}},
    {{"batches", "batches_retried"},
     {"applied", "batches_dead", "LLEN results", "LLEN results:hold:*"}},
    {{"dead_in"}, {"retried", "purged", "LLEN articles:dead"}},
    {{"batches_dead"}, {"batches_retried", "batches_purged", "LLEN results:dead"}},
};
#define EQUATIONS (sizeof equations / sizeof equations[0])

static void print_help(FILE *to)
{
    fputs(
        "usage: newsmill audit [--repair] [--json]\n"
        "\n"
        "Checks at one moment that everything which was claimed, counted, given back or found "
        "dead\n"
        "adds up, as common/QUEUES.md says; then looks for holds without an owner and for waiting\n"
        "batches that cannot be read. Exit code 0 when all is well, else 1. Changes nothing "
        "without\n"
        "--repair.\n"
        "\n"
        "  --repair     first give back what is in holds without an owner; safe at any time\n"
        "  --json       one object: ok, at, repaired, sums, findings\n"
        "  -h, --help   this text\n",
        to);
}

static int64_t value_of(const struct snapshot *s, const char *term)
{
    const struct {
        const char *name;
        int64_t value;
    } lengths[] = {
        {"LLEN articles:hold:*", s->held[SNAPSHOT_ARTICLES]},
        {"LLEN articles:dead", s->dead[SNAPSHOT_ARTICLES]},
        {"LLEN results", s->waiting[SNAPSHOT_RESULTS]},
        {"LLEN results:hold:*", s->held[SNAPSHOT_RESULTS]},
        {"LLEN results:dead", s->dead[SNAPSHOT_RESULTS]},
    };

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        if (strcmp(lengths[i].name, term) == 0)
            return lengths[i].value;
    return snapshot_stat(s, term);
}

static int64_t sum(const struct snapshot *s, const char *const *terms)
{
    int64_t total = 0;

    for (; *terms; terms++)
        total += value_of(s, *terms);
    return total;
}

static void print_terms(const struct snapshot *s, const char *const *terms)
{
    for (size_t i = 0; terms[i]; i++)
        console_printf(stdout, "%s%s %" PRId64, i ? " + " : "", terms[i], value_of(s, terms[i]));
}

static void print_text(const struct snapshot *s, const struct audit_findings *f)
{
    if (f->repaired)
        console_printf(stdout, "back %lld items were given back from holds without an owner\n",
                       f->repaired);
    for (size_t i = 0; i < EQUATIONS; i++) {
        int64_t left = sum(s, equations[i].left), right = sum(s, equations[i].right);
        fputs(left == right ? "ok   " : "BAD  ", stdout);
        print_terms(s, equations[i].left);
        fputs(left == right ? " = " : " is not ", stdout);
        print_terms(s, equations[i].right);
        if (left > right)
            console_printf(stdout, ": %" PRId64 " too few on the right", left - right);
        else if (left < right)
            console_printf(stdout, ": %" PRId64 " too many on the right", right - left);
        console_printf(stdout, "\n");
    }
    for (size_t i = 0; i < f->count && i < AUDIT_MAX_FINDINGS; i++) {
        fputs("BAD  ", stdout);
        console_print(stdout, f->texts[i], strlen(f->texts[i]));
        console_printf(stdout, "\n");
    }
    if (f->count > AUDIT_MAX_FINDINGS)
        console_printf(stdout, "BAD  and %zu findings more\n", f->count - AUDIT_MAX_FINDINGS);
    if (f->count == 0)
        console_printf(
            stdout, "ok   every hold has an owner, and each of %zu batches can be read%s\n",
            f->batches_read,
            f->batches_read >= AUDIT_MAX_BATCHES ? " (more wait that were not read)" : "");
}

static void print_terms_json(const struct snapshot *s, const char *name, const char *const *terms)
{
    console_printf(stdout, "\"%s\":{", name);
    for (size_t i = 0; terms[i]; i++)
        console_printf(stdout, "%s\"%s\":%" PRId64, i ? "," : "", terms[i], value_of(s, terms[i]));
    console_printf(stdout, "}");
}

static void print_json(const struct snapshot *s, const struct audit_findings *f, bool ok)
{
    console_printf(stdout, "{\"ok\":%s,\"at\":%" PRId64 ",\"repaired\":%lld,\"sums\":[",
                   ok ? "true" : "false", s->at_ms, f->repaired);
    for (size_t i = 0; i < EQUATIONS; i++) {
        int64_t left = sum(s, equations[i].left), right = sum(s, equations[i].right);
        console_printf(stdout, "%s{\"ok\":%s,", i ? "," : "", left == right ? "true" : "false");
        print_terms_json(s, "left", equations[i].left);
        console_printf(stdout, ",");
        print_terms_json(s, "right", equations[i].right);
        console_printf(stdout, ",\"difference\":%" PRId64 "}", left - right);
    }
    console_printf(stdout, "],\"findings\":[");
    for (size_t i = 0; i < f->count && i < AUDIT_MAX_FINDINGS; i++) {
        fputs(i ? "," : "", stdout);
        console_print_json(stdout, f->texts[i], strlen(f->texts[i]));
    }
    console_printf(stdout, "],\"finding_count\":%zu,\"batches_read\":%zu}\n", f->count,
                   f->batches_read);
}

static int audit(struct rds *r, const struct conf *conf, bool repair, bool json, struct err *e)
{
    struct audit_findings findings = {0};
    struct snapshot s;
    bool ok = true;

    if (repair && audit_search_holds(r, conf, true, &findings, e) < 0)
        return e->code;
    if (snapshot_take(r, conf, &s, e) < 0)
        return e->code;
    int code = audit_search_holds(r, conf, false, &findings, e);
    if (code == 0)
        code = audit_search_batches(r, conf, &findings, e);
    if (code == 0) {
        for (size_t i = 0; i < EQUATIONS; i++)
            ok = ok && sum(&s, equations[i].left) == sum(&s, equations[i].right);
        ok = ok && findings.count == 0;
        if (json)
            print_json(&s, &findings, ok);
        else
            print_text(&s, &findings);
        code = console_end(COMMAND, ok ? 0 : 1);
    }
    audit_findings_fini(&findings);
    snapshot_fini(&s);
    return code;
}

int audit_main(int argc, char **argv, const struct conf *conf)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"repair", no_argument, NULL, 'r'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct rds *r = NULL;
    bool json = false, repair = false;
    struct err e;
    int option;

    while ((option = console_getopt(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            print_help(stdout);
            return 0;
        }
        if (option == '?')
            return console_usage(COMMAND, "an unknown option");
        json = json || option == 'j';
        repair = repair || option == 'r';
    }
    if (optind < argc)
        return console_usage(COMMAND, "it takes no argument");
    int code = redis_look_connect(conf, &r, &e);
    if (code == 0)
        code = audit(r, conf, repair, json, &e);
    rds_close(r);
    return code < 0 ? redis_look_away(COMMAND, &e) : code;
}
