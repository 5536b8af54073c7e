/* main of `newsmill`, the command line: finds the command, loads the settings, calls it. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/audit.h"
#include "cli/backup.h"
#include "cli/console.h"
#include "cli/dead.h"
#include "cli/doctor.h"
#include "cli/entities.h"
#include "cli/key.h"
#include "cli/model.h"
#include "cli/status.h"
#include "cli/top.h"
#include "cli/upload.h"
#include "common/conf.h"
#include "common/typo.h"

#define MAX_OPTIONS 64
#define EXIT_USAGE  64
#define MAX_TYPOS   3 /* a name further away is not meant */

struct command {
    const char *name, *summary;
    int (*run)(int argc, char **argv, const struct conf *conf);
};

static const struct command commands[] = {
    {"upload", "send articles of CSV or NDJSON files to the gateway", upload_main},
    {"top", "the most frequent entities of a publication", top_main},
    {"entities", "find the entities of a text here, without any server", entities_main},
    {"status", "what waits, who works, how fast", status_main},
    {"dead", "list, put back, export or forget what could not be processed", dead_main},
    {"audit", "check that everything claimed, counted and given back adds up", audit_main},
    {"doctor", "check Redis, model, store, keys and disks, with advice", doctor_main},
    {"backup", "write the counts of the SQLite store to a file, while it is in use", backup_main},
    {"restore", "make the SQLite store what a backup has", restore_main},
    {"key", "make, add or list API keys of the gateway", key_main},
    {"model", "what a model directory holds, and whether it runs here", model_main},
    {"help", "this text, or that of a COMMAND", NULL},
    {"version", "the version", NULL},
};

static const size_t command_count = sizeof commands / sizeof commands[0];

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int help(FILE *to)
{
    fputs("usage: newsmill [-c FILE] [-o section.key=value]… COMMAND …\n\n", to);
    for (size_t i = 0; i < command_count; i++)
        console_printf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fputs("\n"
          "  -c, --config FILE               settings (newsmill.conf, where that exists)\n"
          "  -o, --option section.key=value  one setting, before file and environment\n"
          "  -h, --help                      this text\n"
          "  -V, --version                   the version\n"
          "\n"
          "`newsmill COMMAND --help` tells about one command.\n",
          to);
    return to == stdout ? 0 : EXIT_USAGE;
}

static int version(void)
{
    puts("newsmill " NEWSMILL_VERSION);
    return 0;
}

static int unknown(const char *name)
{
    const struct command *nearest = &commands[0];

    for (size_t i = 1; i < command_count; i++)
        if (typo_distance(name, commands[i].name) < typo_distance(name, nearest->name))
            nearest = &commands[i];
    console_printf(stderr, "newsmill: there is no command %s", name);
    if (typo_distance(name, nearest->name) <= MAX_TYPOS)
        console_printf(stderr, "; the nearest is %s", nearest->name);
    fputs(". Try: newsmill help\n", stderr);
    return EXIT_USAGE;
}

static int run(const struct command *command, int argc, char **argv,
               const struct conf_sources *from)
{
    struct conf conf;
    struct err e;

    if (conf_load(from, &conf, &e) < 0) {
        console_printf(stderr, "newsmill: %s\n", e.text);
        return 1;
    }
    optind = 0; /* glibc: getopt starts anew */
    int code = command->run(argc, argv, &conf);
    conf_fini(&conf);
    return code;
}

static int run_help(int argc, char **argv, const struct conf_sources *from)
{
    char option[] = "--help";
    char *arguments[] = {argc > 1 ? argv[1] : NULL, option, NULL};
    const struct command *command = argc > 1 ? find(argv[1]) : NULL;

    if (argc > 1 && !command)
        return unknown(argv[1]);
    return command && command->run ? run(command, 2, arguments, from) : help(stdout);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"option", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'V'},
                                            {NULL, 0, NULL, 0}};
    const char *settings[MAX_OPTIONS];
    struct conf_sources from = {.options = settings};
    int option;

    while ((option = console_getopt(argc, argv, "+c:o:hV", options, NULL)) != -1) {
        if (option == 'h')
            return help(stdout);
        if (option == 'V')
            return version();
        if (option == 'c')
            from.file = optarg;
        else if (option == 'o' && from.option_count < MAX_OPTIONS)
            settings[from.option_count++] = optarg;
        else
            return help(stderr);
    }
    argc -= optind;
    argv += optind;
    if (argc == 0)
        return help(stderr);
    const struct command *command = find(argv[0]);
    if (!command)
        return unknown(argv[0]);
    if (strcmp(command->name, "help") == 0)
        return run_help(argc, argv, &from);
    return command->run ? run(command, argc, argv, &from) : version();
}
