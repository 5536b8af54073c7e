/* dead: see dead.h. */
#include "cli/dead.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/dead_list.h"
#include "cli/dead_options.h"
#include "cli/dead_take.h"
#include "cli/redis_look.h"

#define SHORT_ID 12

/* Reading only: what list, show and export share. */
struct reading {
    struct dead_list *list;
    struct dead_options *options;
    FILE *to;
    size_t written;
};

/* --- list ---------------------------------------------------------------------------------------
 */

static void list_entry(const struct reading *r, const struct dead_row *row,
                       const struct dead_entry *entry)
{
    char time[CONSOLE_TEXT_BYTES], size[CONSOLE_TEXT_BYTES];

    if (r->options->json) {
        console_printf(
            stdout,
            "{\"list\":\"%s\",\"position\":%zu,\"id\":\"%s\",\"at\":%lld,\"attempts\":%u,"
            "\"bytes\":%zu,\"reason\":",
            r->list->name, row->position, entry->id, (long long)entry->at_ms, entry->attempts,
            entry->readable ? entry->item_length : row->length);
        const char *reason = entry->readable ? entry->reason : entry->fault;
        console_print_json(stdout, reason, strlen(reason));
        console_printf(stdout, "}\n");
        return;
    }
    if (!entry->readable) {
        console_printf(stdout, "%6zu  %.*s  cannot be read: %s\n", row->position, SHORT_ID,
                       entry->id, entry->fault);
        return;
    }
    console_printf(stdout, "%6zu  %.*s  %-20s  %2u tried  %10s  ", row->position, SHORT_ID,
                   entry->id, console_time(entry->at_ms, time), entry->attempts,
                   console_bytes(entry->item_length, size));
    console_print(stdout, entry->reason, strlen(entry->reason));
    console_printf(stdout, "\n");
}

static int list_chunk(void *context, const struct dead_row *rows, size_t count, struct err *e)
{
    struct reading *r = context;

    (void)e;
    for (size_t i = 0; i < count; i++) {
        struct dead_entry entry;
        dead_entry_read(rows[i].bytes, rows[i].length, &entry);
        list_entry(r, &rows[i], &entry);
        r->written++;
        dead_entry_fini(&entry);
    }
    return 0;
}

static int list(struct dead_list *l, struct dead_options *o, struct err *e)
{
    struct reading r = {.list = l, .options = o};
    size_t total;

    if (dead_list_count(l, &total, e) < 0)
        return e->code;
    if (!o->json)
        console_printf(stdout, "%s: %zu dead\n", l->name, total);
    if (dead_list_walk(l, false, o->number, list_chunk, &r, e) < 0)
        return e->code;
    if (!o->json && total > r.written)
        console_printf(stdout, "        and %zu older: -n 0 lists all\n", total - r.written);
    return 0;
}

/* --- show ---------------------------------------------------------------------------------------
 */

static void show_entry(const struct reading *r, const struct dead_row *row,
                       const struct dead_entry *entry)
{
    char time[CONSOLE_TEXT_BYTES];

    if (r->options->json) {
        dead_entry_print_json(stdout, entry, r->list->name, row->bytes, row->length);
        return;
    }
    fputs(r->written ? "\n" : "", stdout);
    console_printf(stdout, "id        %s\n", entry->id);
    console_printf(stdout, "list      %s, position %zu\n", r->list->name, row->position);
    if (!entry->readable) {
        console_printf(stdout, "fault     the entry cannot be read: %s\n", entry->fault);
        fputs("entry     ", stdout);
        console_print(stdout, row->bytes, row->length);
        console_printf(stdout, "\n");
        return;
    }
    console_printf(stdout, "at        %s\n", console_time(entry->at_ms, time));
    console_printf(stdout, "attempts  %u\n", entry->attempts);
    fputs("reason    ", stdout);
    console_print(stdout, entry->reason, strlen(entry->reason));
    console_printf(stdout, "\nbytes     %zu\n", entry->item_length);
    fputs("item      ", stdout);
    console_print(stdout, entry->item, entry->item_length);
    console_printf(stdout, "\n");
}

static int show_chunk(void *context, const struct dead_row *rows, size_t count, struct err *e)
{
    struct reading *r = context;

    (void)e;
    for (size_t i = 0; i < count; i++) {
        struct dead_entry entry;
        dead_entry_read(rows[i].bytes, rows[i].length, &entry);
        if (dead_options_match(r->options, entry.id, rows[i].position)) {
            show_entry(r, &rows[i], &entry);
            r->written++;
        }
        dead_entry_fini(&entry);
    }
    return 0;
}

static int show(struct dead_list *l, struct dead_options *o, struct err *e)
{
    struct reading r = {.list = l, .options = o};

    if (dead_list_walk(l, true, 0, show_chunk, &r, e) < 0)
        return e->code;
    return dead_options_missed(o) ? 1 : 0;
}

/* --- export -------------------------------------------------------------------------------------
 */

static int export_chunk(void *context, const struct dead_row *rows, size_t count, struct err *e)
{
    struct reading *r = context;

    for (size_t i = 0; i < count; i++) {
        struct dead_entry entry;
        dead_entry_read(rows[i].bytes, rows[i].length, &entry);
        dead_entry_print_json(r->to, &entry, r->list->name, rows[i].bytes, rows[i].length);
        dead_entry_fini(&entry);
        r->written++;
    }
    return ferror(r->to) ? err_set(e, ERR_INPUT, "it cannot be written: %s", strerror(errno)) : 0;
}

/* Articles are nobody else's business, and what was exported before is not overwritten. */
static FILE *open_new(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *to = fd < 0 ? NULL : fdopen(fd, "w");

    if (!to)
        console_printf(stderr, "newsmill dead: %s: %s\n", path, strerror(errno));
    return to;
}

static int export_lists(struct dead_list *lists, size_t count, struct dead_options *o,
                        struct err *e)
{
    bool to_stdout = strcmp(o->file, "-") == 0;
    struct reading r = {.options = o, .to = to_stdout ? stdout : open_new(o->file)};
    int code = 0;

    if (!r.to)
        return 1;
    for (size_t i = 0; i < count && code == 0; i++) {
        r.list = &lists[i];
        code = dead_list_walk(&lists[i], true, 0, export_chunk, &r, e);
    }
    if (code == 0 && (fflush(r.to) != 0 || (!to_stdout && fsync(fileno(r.to)) < 0)))
        code = err_set(e, ERR_INPUT, "it cannot be written: %s", strerror(errno));
    if (!to_stdout)
        fclose(r.to);
    if (code == 0)
        console_printf(stderr, "%zu entries written to %s\n", r.written, o->file);
    else if (!to_stdout)
        unlink(o->file);
    if (code != ERR_INPUT)
        return code;
    console_printf(stderr, "newsmill dead: %s: %s\n", o->file, e->text);
    return 1;
}

/* ------------------------------------------------------------------------------------------------
 */

static int run(struct dead_list *lists, size_t count, struct dead_options *o, struct err *e)
{
    int code = 0;

    switch (o->verb) {
    case DEAD_LIST:
        for (size_t i = 0; i < count && code == 0; i++)
            code = list(&lists[i], o, e);
        return code;
    case DEAD_SHOW:
        return show(&lists[0], o, e);
    case DEAD_EXPORT:
        return export_lists(lists, count, o, e);
    case DEAD_RETRY:
    case DEAD_PURGE:
        return dead_take(&lists[0], o, e);
    }
    return 0;
}

int dead_main(int argc, char **argv, const struct conf *conf)
{
    static const char *const names[] = {"articles", "results"};
    struct dead_list lists[2];
    struct dead_options o;
    struct rds *r = NULL;
    struct err e;

    int code = dead_options_parse(argc, argv, &o);
    if (code >= 0)
        return code;
    code = redis_look_connect(conf, &r, &e);
    if (code == 0) {
        size_t count = o.list ? 1 : 2;
        for (size_t i = 0; i < count; i++)
            dead_list_init(&lists[i], conf, o.list ? o.list : names[i], r);
        code = run(lists, count, &o, &e);
        for (size_t i = 0; i < count; i++)
            dead_list_fini(&lists[i]);
    }
    rds_close(r);
    dead_options_fini(&o);
    if (code < 0)
        return redis_look_away(DEAD_COMMAND, &e);
    return console_end(DEAD_COMMAND, code);
}
