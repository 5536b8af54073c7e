/* top: see top.h. All is written to a temporary file first, and from there to stdout once the store
 * is closed: a reader of stdout that stands still must not hold up the store (SQLite's log would
 * grow for as long). */
#include "cli/top.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/printable.h"
#include "cli/top_write.h"
#include "common/utf8.h"
#include "store/store.h"

#define EXIT_USAGE      64
#define DEFAULT_WORDS   10
#define MAX_SUGGESTIONS 5
#define MAX_KEY_BYTES   (64u << 10)

struct query {
    const char *key; /* NULL: every publication */
    uint64_t words;  /* 0: all */
    enum top_form form;
};

/* One run over the store. */
struct run {
    const struct query *query;
    struct store *store;
    FILE *spool;
    struct top_writer *writer;
    uint64_t publications; /* written, or suggested */
    bool near_only;        /* suggest only keys like the one asked for */
    struct err *e;
};

static void print_help(FILE *to)
{
    fputs("usage: newsmill top [PUBLICATION] [-n N] [--csv | --json]\n"
          "\n"
          "Prints the entities named most often, from the store, as a table. Without PUBLICATION:\n"
          "of every publication, the one with most articles first.\n"
          "\n"
          "  -n, --number N  words of each publication; 0 for all (default: 10)\n"
          "  --csv           comma-separated: publication, word, count, labels\n"
          "  --json          one object a line: {\"publication\",\"articles\"}, then\n"
          "                  {\"publication\",\"word\",\"count\",\"labels\"} for each word\n"
          "  -h, --help      this text\n",
          to);
}

static int usage(const char *text)
{
    console_printf(stderr, "newsmill top: %s\n", text);
    print_help(stderr);
    return EXIT_USAGE;
}

static int give_word(void *context, const struct store_frequency *frequency)
{
    struct run *r = context;

    top_writer_word(r->writer, frequency);
    return ferror(r->spool) ? 1 : 0;
}

static int give_publication(void *context, const struct store_publication *publication)
{
    struct run *r = context;

    if (r->query->key && strcmp(r->query->key, publication->key) != 0)
        return 0;
    r->publications++;
    top_writer_start(r->writer, publication);
    int code =
        store_frequencies(r->store, publication->key, NULL, r->query->words, give_word, r, r->e);
    top_writer_end(r->writer);
    if (code == 0 && r->query->key)
        return 1; /* found: no further row is wanted */
    return code;
}

/* --- when there is no such publication ----------------------------------------------------------
 */

/* One contains the other, or but for one place they are mostly the same: what a slip of the finger
 * leaves of a name. */
static bool is_near(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    size_t shorter = la < lb ? la : lb, longer = la < lb ? lb : la;
    size_t front = 0, back = 0;

    if (strstr(a, b) || strstr(b, a))
        return true;
    while (front < shorter && a[front] == b[front])
        front++;
    while (back < shorter - front && a[la - 1 - back] == b[lb - 1 - back])
        back++;
    return (front + back) * 3 >= longer * 2;
}

static int suggest(void *context, const struct store_publication *publication)
{
    struct run *r = context;
    struct buf text;

    if (r->near_only && !is_near(r->query->key, publication->key))
        return 0;
    if (r->publications == MAX_SUGGESTIONS)
        return 1;
    buf_init(&text, MAX_KEY_BYTES);
    printable_append(&text, publication->key, strlen(publication->key));
    console_printf(stderr, "%s%s",
                   r->publications++ ? ", "
                   : r->near_only    ? "near: "
                                     : "known: ",
                   text.length ? text.bytes : "");
    buf_fini(&text);
    return 0;
}

static void explain_unknown(struct run *r)
{
    struct buf text;

    buf_init(&text, MAX_KEY_BYTES);
    printable_append(&text, r->query->key, strlen(r->query->key));
    console_printf(stderr, "newsmill top: no articles of \"%s\" are counted; ",
                   text.length ? text.bytes : "");
    buf_fini(&text);
    for (int near_only = 1; near_only >= 0 && r->publications == 0; near_only--) {
        r->near_only = near_only;
        if (store_publications(r->store, suggest, r, r->e) < 0)
            break;
    }
    console_printf(stderr, "%s\n", r->publications ? "" : "there are no counts at all");
}

/* ------------------------------------------------------------------------------------------------
 */

static int fail(const char *what, const char *why)
{
    console_printf(stderr, "newsmill top: %s%s\n", what, why);
    return 1;
}

/* Writes all there is to the spool; explains itself on stderr. Returns 0 or 1. */
static int spool(struct run *r)
{
    r->writer = top_writer_new(r->spool, r->query->form, isatty(STDOUT_FILENO));
    int code = store_publications(r->store, give_publication, r, r->e);
    top_writer_free(r->writer);
    if (code < 0)
        return fail("", r->e->text);
    if (fflush(r->spool) != 0 || ferror(r->spool))
        return fail("a temporary file: ", strerror(errno));
    if (r->publications)
        return 0;
    if (!r->query->key)
        return fail("no counts yet", "");
    explain_unknown(r);
    return 1;
}

static int print(FILE *from)
{
    char bytes[65536];
    size_t length;

    rewind(from);
    while ((length = fread(bytes, 1, sizeof bytes, from)) > 0)
        if (fwrite(bytes, 1, length, stdout) < length) /* lint: as top_write.c made it */
            break;
    if (ferror(from))
        return fail("a temporary file: ", strerror(errno));
    if (fflush(stdout) != 0 || ferror(stdout))
        return fail("stdout: ", strerror(errno));
    return 0;
}

static int open_and_print(const struct query *query, const struct conf *conf)
{
    struct err e;
    struct run r = {.query = query, .e = &e, .spool = tmpfile()};
    int code = 1;

    if (!r.spool)
        return fail("a temporary file: ", strerror(errno));
    if (store_open(conf, 0, &r.store, &e) < 0) {
        fail("", e.text);
    } else {
        code = spool(&r);
        store_close(r.store);
        if (print(r.spool) != 0) /* what there is, also before an error */
            code = 1;
    }
    fclose(r.spool);
    return code;
}

static bool parse_number(const char *text, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == 0 && errno == 0;
}

/* The key of a publication as people write its name. */
static int make_key(const char *text, struct buf *key)
{
    size_t length = strlen(text);

    if (!utf8_valid(text, length))
        return usage("PUBLICATION is not UTF-8");
    utf8_trim(&text, &length);
    if (length == 0)
        return usage("PUBLICATION is empty");
    if (utf8_lower(text, length, key) < 0)
        return usage("PUBLICATION is too long");
    return 0;
}

/* Returns -1 to go on, else an exit code. */
static int parse_options(int argc, char **argv, struct query *query)
{
    static const struct option options[] = {{"number", required_argument, NULL, 'n'},
                                            {"csv", no_argument, NULL, 'c'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option;

    while ((option = console_getopt(argc, argv, "n:h", options, NULL)) != -1) {
        if (option == 'h') {
            print_help(stdout);
            return 0;
        }
        if (option == 'n') {
            if (!parse_number(optarg, &query->words))
                return usage("-n takes a number, 0 for all");
        } else if ((option == 'c' || option == 'j') && query->form == TOP_TABLE) {
            query->form = option == 'c' ? TOP_CSV : TOP_JSON;
        } else {
            return usage(option == '?' ? "see the options below" : "one of --csv and --json");
        }
    }
    return argc - optind > 1 ? usage("one PUBLICATION at most; quote a name with spaces") : -1;
}

int top_main(int argc, char **argv, const struct conf *conf)
{
    struct query query = {.words = DEFAULT_WORDS, .form = TOP_TABLE};
    struct buf key;

    int code = parse_options(argc, argv, &query);
    if (code >= 0)
        return code;
    buf_init(&key, MAX_KEY_BYTES);
    code = optind < argc ? make_key(argv[optind], &key) : 0;
    if (code == 0) {
        query.key = key.bytes; /* NULL when nothing was written to it */
        code = open_and_print(&query, conf);
    }
    buf_fini(&key);
    return code;
}
