/* dead_options: see dead_options.h. */
#include "cli/dead_options.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "common/err.h"

#define DEFAULT_NUMBER 20
#define MIN_ID_LENGTH  8 /* fewer digits are a position */

static const char *const verbs[] = {"list", "show", "retry", "export", "purge"};

static void print_help(FILE *to)
{
    fputs("usage: newsmill dead list   [articles|results] [-n N] [--json]\n"
          "       newsmill dead show   [articles|results] WHICH… [--json]\n"
          "       newsmill dead retry  [articles|results] WHICH…|--all [--force] [--json]\n"
          "       newsmill dead export [articles|results] FILE\n"
          "       newsmill dead purge  [articles|results] WHICH…|--all --yes [--json]\n"
          "\n"
          "What could not be processed, with the reason. WHICH is the id that list shows, or at\n"
          "least 8 digits of it, or a position (1 is the newest; it changes as entries come and "
          "go).\n"
          "list and export mean both lists unless one is named, the others mean articles.\n"
          "\n"
          "list     the newest entries: position, id, time, attempts, size, reason\n"
          "show     entries in full\n"
          "retry    puts the item back at the end of its queue, as it was received\n"
          "export   writes all entries to a new FILE, one JSON object a line; - is stdout\n"
          "purge    forgets entries; export them first\n"
          "\n"
          "  -n, --number N  most entries of a list; 0 for all (default: 20)\n"
          "  --all           every entry there is now\n"
          "  --force         retry: also batches older than 30 days, given a new date. Only where\n"
          "                  the store has not counted them: it no longer knows\n"
          "  --yes           purge --all wants it\n"
          "  --json          one object a line\n"
          "  -h, --help      this text\n",
          to);
}

static int usage(const char *text)
{
    return console_usage(DEAD_COMMAND, text);
}

static int read_number(const char *text, size_t *out)
{
    char *end;

    if (!isdigit((unsigned char)*text) || strlen(text) > 9)
        return usage("-n takes a number, 0 for all");
    *out = strtoul(text, &end, 10);
    return *end ? usage("-n takes a number, 0 for all") : -1;
}

static int read_options(int argc, char **argv, struct dead_options *out)
{
    static const struct option options[] = {{"number", required_argument, NULL, 'n'},
                                            {"all", no_argument, NULL, 'a'},
                                            {"yes", no_argument, NULL, 'y'},
                                            {"force", no_argument, NULL, 'f'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option, code = -1;

    while (code < 0 && (option = console_getopt(argc, argv, "n:h", options, NULL)) != -1) {
        switch (option) {
        case 'n':
            code = read_number(optarg, &out->number);
            break;
        case 'a':
            out->all = true;
            break;
        case 'y':
            out->yes = true;
            break;
        case 'f':
            out->force = true;
            break;
        case 'j':
            out->json = true;
            break;
        case 'h':
            print_help(stdout);
            return 0;
        default:
            return usage("an unknown option");
        }
    }
    return code;
}

static int read_selector(const char *word, struct dead_selector *out)
{
    size_t length = strlen(word), hex = strspn(word, "0123456789abcdef");

    *out = (struct dead_selector){.word = word};
    if (hex == length && length >= MIN_ID_LENGTH && length <= DEAD_ENTRY_ID_LENGTH) {
        out->id = word;
        return -1;
    }
    if (length < MIN_ID_LENGTH && strspn(word, "0123456789") == length)
        out->position = strtoul(word, NULL, 10);
    return out->position ? -1 : usage("WHICH is a position from 1, or 8 to 40 digits of an id");
}

/* What the verb takes after the list. */
static int read_words(int count, char **words, struct dead_options *o)
{
    bool selects = o->verb == DEAD_SHOW || o->verb == DEAD_RETRY || o->verb == DEAD_PURGE;
    int code = -1;

    if (o->verb == DEAD_EXPORT) {
        o->file = words[0];
        return count == 1 ? -1 : usage("export wants one FILE");
    }
    if (!selects)
        return count ? usage("list takes articles or results") : -1;
    if (o->verb == DEAD_SHOW ? o->all : o->all && count)
        return usage("--all goes with retry or purge, and then without WHICH");
    if (!o->all && !count)
        return usage("which entry? Its id, its position, or --all for retry and purge");
    o->selectors = xcalloc((size_t)count + 1, sizeof *o->selectors);
    for (int i = 0; i < count && code < 0; i++)
        code = read_selector(words[i], &o->selectors[o->selector_count++]);
    if (code < 0 && o->verb == DEAD_PURGE && o->all && !o->yes)
        return usage("purge --all forgets every entry: say --yes if that is meant");
    return code;
}

int dead_options_parse(int argc, char **argv, struct dead_options *out)
{
    size_t verb = 0;

    *out = (struct dead_options){.number = DEFAULT_NUMBER};
    int code = read_options(argc, argv, out);
    if (code >= 0)
        return code;
    while (optind < argc && verb < sizeof verbs / sizeof verbs[0] &&
           strcmp(argv[optind], verbs[verb]) != 0)
        verb++;
    if (optind >= argc || verb == sizeof verbs / sizeof verbs[0])
        return usage("what is to be done? list, show, retry, export or purge");
    out->verb = (enum dead_verb)verb;
    optind++;
    if (optind < argc &&
        (strcmp(argv[optind], "articles") == 0 || strcmp(argv[optind], "results") == 0))
        out->list = argv[optind++];
    if (out->force && out->verb != DEAD_RETRY)
        return usage("--force goes with retry");
    code = read_words(argc - optind, argv + optind, out);
    if (code >= 0)
        dead_options_fini(out);
    return code;
}

void dead_options_fini(struct dead_options *o)
{
    free(o->selectors);
    *o = (struct dead_options){0};
}

struct dead_selector *dead_options_match(struct dead_options *o, const char *id, size_t position)
{
    for (size_t i = 0; i < o->selector_count; i++) {
        struct dead_selector *s = &o->selectors[i];
        if (s->id ? strncmp(s->id, id, strlen(s->id)) == 0 : s->position == position) {
            s->hits++;
            return s;
        }
    }
    return NULL;
}

size_t dead_options_missed(const struct dead_options *o)
{
    size_t missed = 0;

    for (size_t i = 0; i < o->selector_count; i++) {
        if (o->selectors[i].hits)
            continue;
        console_printf(stderr, "newsmill dead: no dead entry %s in %s\n", o->selectors[i].word,
                       o->list ? o->list : "articles");
        missed++;
    }
    return missed;
}
