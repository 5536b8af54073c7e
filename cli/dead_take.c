/* dead_take: see dead_take.h. */
#include "cli/dead_take.h"

#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "cli/redis_look.h"
#include "common/batch.h"

/* A store refuses a batch that is older, as its marker may be gone: see QUEUES.md. */
#define MAX_BATCH_AGE_MS (30ll * 86400000)
#define SHORT_ID         12

struct take {
    struct dead_list *list;
    struct dead_options *options;
    bool batches;
    int64_t now_ms; /* Redis TIME */
    size_t done, refused, gone;
};

static void tell(const struct take *t, const char *id, const char *outcome, const char *why)
{
    if (t->options->json) {
        console_printf(stdout, "{\"list\":\"%s\",\"id\":\"%s\",\"outcome\":\"%s\"", t->list->name,
                       id, outcome);
        if (*why) {
            console_printf(stdout, ",\"why\":");
            console_print_json(stdout, why, strlen(why));
        }
        console_printf(stdout, "}\n");
        return;
    }
    console_printf(stdout, "%.*s  %s%s%s\n", SHORT_ID, id, outcome, *why ? ": " : "", why);
}

/* What goes back to the list: the item as received, but an old batch under a new date into
 * `renewed`. Returns NULL, or why not. */
static const char *choose_item(const struct take *t, const struct dead_entry *entry,
                               struct buf *renewed, struct dead_move *move)
{
    struct batch batch;
    struct err ignored;
    int code = 0;

    if (!entry->readable)
        return "the entry cannot be read; export it";
    move->item = entry->item;
    move->item_length = entry->item_length;
    if (!t->batches || batch_parse(entry->item, entry->item_length, &batch, &ignored) < 0)
        return NULL;
    bool old = batch.at_ms + MAX_BATCH_AGE_MS < t->now_ms;
    if (old && t->options->force) {
        batch.at_ms = t->now_ms;
        code = batch_write(&batch, renewed);
        move->item = renewed->bytes;
        move->item_length = renewed->length;
    }
    batch_fini(&batch);
    if (code < 0)
        return "the batch is too large";
    return old && !t->options->force ? "older than 30 days: a store cannot tell whether it has "
                                       "counted it; --force if it has not"
                                     : NULL;
}

/* Runs the script on what of this chunk is selected and fit. */
static int take_chunk(void *context, const struct dead_row *rows, size_t count, struct err *e)
{
    struct take *t = context;
    bool purges = t->options->verb == DEAD_PURGE;
    struct dead_entry entries[DEAD_LIST_CHUNK];
    struct buf renewed[DEAD_LIST_CHUNK];
    struct dead_move moves[DEAD_LIST_CHUNK];
    size_t chosen[DEAD_LIST_CHUNK], move_count = 0;
    int done = 0;

    for (size_t i = 0; i < count; i++) {
        dead_entry_read(rows[i].bytes, rows[i].length, &entries[i]);
        buf_init(&renewed[i], BATCH_MAX_JSON_BYTES);
        if (!t->options->all && !dead_options_match(t->options, entries[i].id, rows[i].position))
            continue;
        struct dead_move *move = &moves[move_count];
        *move = (struct dead_move){.row = &rows[i]};
        const char *why = purges ? NULL : choose_item(t, &entries[i], &renewed[i], move);
        if (why) {
            t->refused++;
            tell(t, entries[i].id, "refused", why);
        } else {
            chosen[move_count++] = i;
        }
    }
    if (move_count)
        done = purges ? dead_list_purge(t->list, moves, move_count, e)
                      : dead_list_retry(t->list, moves, move_count, e);
    for (size_t i = 0; i < move_count && done >= 0; i++) {
        const char *outcome = purges ? "purged" : "retried";
        t->done += moves[i].done;
        t->gone += !moves[i].done;
        tell(t, entries[chosen[i]].id, moves[i].done ? outcome : "gone", "");
    }
    for (size_t i = 0; i < count; i++) {
        dead_entry_fini(&entries[i]);
        buf_fini(&renewed[i]);
    }
    return done < 0 ? done : (int)move_count; /* what was gone is out of the list too */
}

int dead_take(struct dead_list *l, struct dead_options *o, struct err *e)
{
    struct take t = {.list = l, .options = o, .batches = strcmp(l->name, "results") == 0};

    if (redis_look_time(l->rds, &t.now_ms, e) < 0 ||
        dead_list_walk(l, true, 0, take_chunk, &t, e) < 0) {
        if (t.done)
            console_printf(stderr, "newsmill dead: after %zu were done:\n", t.done);
        return e->code;
    }
    size_t missed = dead_options_missed(o);
    if (!o->json)
        console_printf(stdout, "%s: %zu %s, %zu refused, %zu gone before\n", l->name, t.done,
                       o->verb == DEAD_PURGE ? "forgotten" : "put back", t.refused, t.gone);
    return missed || t.refused || (t.gone && !o->all) ? 1 : 0;
}
