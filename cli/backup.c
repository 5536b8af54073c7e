/* backup: see backup.h. A restore asks Redis first: whether savers run, and what it still holds,
 * which is counted once afterwards. */
#include "cli/backup.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/console.h"
#include "cli/redis_look.h"
#include "cli/snapshot.h"
#include "store/store.h"

static void print_backup_help(FILE *to)
{
    fputs("usage: newsmill backup FILE\n"
          "\n"
          "Writes the counts of the SQLite store, and which batches they are of, to the new file\n"
          "FILE: one moment, checked, while savers go on. FILE is an SQLite database by itself.\n"
          "\n"
          "  -h, --help   this text\n",
          to);
}

static void print_restore_help(FILE *to)
{
    fputs(
        "usage: newsmill restore FILE\n"
        "\n"
        "Makes the SQLite store what it was when `newsmill backup` wrote FILE, and says what is\n"
        "lost by that. The savers must have stopped. What was there is kept in a file beside it.\n"
        "What waits in Redis is counted once when the savers start again.\n"
        "\n"
        "  -h, --help   this text\n",
        to);
}

static int fail(const char *command, const char *text)
{
    console_printf(stderr, "newsmill %s: %s\n", command, text);
    return 1;
}

/* Returns FILE, or NULL and the exit code. */
static const char *read_options(int argc, char **argv, const char *command,
                                void (*print_help)(FILE *), int *code)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    int option;

    while ((option = console_getopt(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            print_help(stdout);
            *code = 0;
        } else {
            *code = console_usage(command, "an unknown option");
        }
        return NULL;
    }
    if (argc - optind == 1)
        return argv[optind];
    *code = console_usage(command, "it takes one FILE");
    return NULL;
}

static void print_state(const char *name, const struct store_state *state)
{
    char text[CONSOLE_TEXT_BYTES];

    console_print(stdout, name, strlen(name));
    console_printf(stdout, ": %" PRIu64 " article%s", state->articles,
                   state->articles == 1 ? "" : "s");
    if (state->last_ms)
        console_printf(stdout, ", the last batch counted at %s",
                       console_time(state->last_ms, text));
    console_printf(stdout, "\n");
}

int backup_main(int argc, char **argv, const struct conf *conf)
{
    struct store_state state;
    struct err e;
    int code = 0;
    const char *path = read_options(argc, argv, "backup", print_backup_help, &code);

    if (!path)
        return code;
    if (store_backup(conf, path, &state, &e) < 0)
        return fail("backup", e.text);
    print_state(path, &state);
    return console_end("backup", 0);
}

/* --- restore ------------------------------------------------------------------------------------
 */

static void print_lost(const struct store_restored *r)
{
    char text[CONSOLE_TEXT_BYTES];

    if (!r->before.known) {
        if (*r->kept)
            console_printf(stdout, "the former file could not be read\n");
        console_printf(stdout, "lost: what was counted after %s\n",
                       console_time(r->after.last_ms, text));
    } else if (r->before.articles >= r->after.articles) {
        console_printf(
            stdout, "lost: %" PRIu64 " articles in %" PRIu64 " batches that were counted since\n",
            r->before.articles - r->after.articles, r->lost_batches);
    } else {
        console_printf(stdout, "lost: %" PRIu64 " batches that the backup does not have\n",
                       r->lost_batches);
    }
    if (*r->kept) {
        console_printf(stdout, "the former file is kept: ");
        console_print(stdout, r->kept, strlen(r->kept));
        console_printf(stdout, "\n");
    }
}

static void print_waiting(const struct snapshot *s)
{
    int64_t batches = s->waiting[SNAPSHOT_RESULTS] + s->held[SNAPSHOT_RESULTS];
    int64_t articles = s->waiting[SNAPSHOT_ARTICLES] + s->held[SNAPSHOT_ARTICLES];

    console_printf(stdout,
                   "%" PRId64 " batches wait in Redis, and %" PRId64
                   " articles: each is counted once when the savers start\n",
                   batches, articles);
    if (s->held[SNAPSHOT_RESULTS])
        console_printf(stdout,
                       "(of the lost ones too, should savers have died with some in hand)\n");
}

static int restore(const struct conf *conf, const char *path, const struct snapshot *s)
{
    struct store_restored restored;
    struct err e;
    char text[200];
    size_t savers = snapshot_alive(s, "savers");

    if (savers) {
        snprintf(text, sizeof text,
                 "%zu savers run: stop the savers first (killed ones count for 15 s)", savers);
        return fail("restore", text);
    }
    if (store_restore(conf, path, &restored, &e) < 0)
        return fail("restore", e.text);
    print_state("restored", &restored.after);
    print_lost(&restored);
    print_waiting(s);
    return console_end("restore", 0);
}

int restore_main(int argc, char **argv, const struct conf *conf)
{
    struct snapshot snapshot;
    struct rds *redis;
    struct err e;
    int code = 0;
    const char *path = read_options(argc, argv, "restore", print_restore_help, &code);

    if (!path)
        return code;
    if (redis_look_connect(conf, &redis, &e) < 0)
        return redis_look_away("restore", &e);
    if (snapshot_take(redis, conf, &snapshot, &e) < 0) {
        code = redis_look_away("restore", &e);
    } else {
        code = restore(conf, path, &snapshot);
        snapshot_fini(&snapshot);
    }
    rds_close(redis);
    return code;
}
