/* doctor: see doctor.h. */
#include "cli/doctor.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/console.h"
#include "cli/doctor_report.h"

#define COMMAND   "doctor"
#define MAX_FOUND 600

static void print_help(FILE *to)
{
    fputs(
        "usage: newsmill doctor [--json]\n"
        "\n"
        "Checks Redis (version, what it may forget or evict, room, latency, clock, rights), the\n"
        "model, the store, the keys file, addresses and disks, each with ok, warn or bad and what\n"
        "to do. Changes nothing, but for a trial of all scripts on keys of its own "
        "(QUEUE:doctor:*),\n"
        "which it deletes. Exit code 0 unless something is bad.\n"
        "\n"
        "  --json       one object a line: level, check, found, advice\n"
        "  -h, --help   this text\n",
        to);
}

void doctor_report(struct doctor_report *r, enum doctor_level level, const char *check,
                   const char *advice, const char *format, ...)
{
    static const char *const names[DOCTOR_LEVELS] = {"ok", "warn", "bad"};
    char found[MAX_FOUND];
    va_list args;

    va_start(args, format);
    vsnprintf(found, sizeof found, format, args);
    va_end(args);
    r->counts[level]++;
    if (r->json) {
        console_printf(stdout, "{\"level\":\"%s\",\"check\":\"%s\",\"found\":", names[level],
                       check);
        console_print_json(stdout, found, strlen(found));
        console_printf(stdout, ",\"advice\":");
        console_print_json(stdout, advice, strlen(advice));
        console_printf(stdout, "}\n");
        return;
    }
    console_printf(stdout, "%-4s  %-18s  ", names[level], check);
    console_print(stdout, found, strlen(found));
    if (*advice)
        console_printf(stdout, "\n%-4s  %-18s  -> %s", "", "", advice);
    console_printf(stdout, "\n");
}

int doctor_main(int argc, char **argv, const struct conf *conf)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    struct doctor_report report = {.conf = conf};
    int option;

    while ((option = console_getopt(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            print_help(stdout);
            return 0;
        }
        if (option != 'j')
            return console_usage(COMMAND, "an unknown option");
        report.json = true;
    }
    if (optind < argc)
        return console_usage(COMMAND, "it takes no argument");
    doctor_redis(&report);
    doctor_local(&report);
    doctor_addresses(&report);
    if (!report.json)
        console_printf(stdout, "%zu ok, %zu to think about, %zu bad\n", report.counts[DOCTOR_OK],
                       report.counts[DOCTOR_WARN], report.counts[DOCTOR_BAD]);
    return console_end(COMMAND, report.counts[DOCTOR_BAD] ? 1 : 0);
}
