/* bulk_answer: see bulk_answer.h. */
#include "bulk_answer.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"

#define QUOTED_ID (BULK_ID_LENGTH + 2)

/* One run of duplicates: articles `index` to index + count - 1 of the good ones, counted from 1. */
struct run {
    size_t index, count;
    const char *id; /* of the first one that `index` repeats, as JSON */
    size_t id_length;
};

struct runs {
    const char *at, *end;
    struct run now; /* count 0: there are no more */
};

static bool take_number(struct runs *r, char after, size_t *number)
{
    const char *start = r->at;

    for (*number = 0; r->at < r->end && *r->at >= '0' && *r->at <= '9' && r->at - start < 8;
         r->at++)
        *number = *number * 10 + (size_t)(*r->at - '0');
    if (r->at == start || r->at == r->end || *r->at != after)
        return false;
    r->at++;
    return true;
}

/* To the next run, or to none at the end. False: they make no sense. */
static bool next_run(struct runs *r)
{
    struct run *run = &r->now;
    size_t first_free = run->index + run->count;

    *run = (struct run){0};
    if (r->at == r->end)
        return true;
    if (!take_number(r, ' ', &run->index) || !take_number(r, ' ', &run->count) ||
        !take_number(r, ':', &run->id_length))
        return false;
    if (run->index < first_free || run->count == 0 || run->id_length < 2 ||
        run->id_length > BULK_MAX_FIRST_ID || (size_t)(r->end - r->at) < run->id_length ||
        (run->count > 1 && run->id_length != QUOTED_ID))
        return false;
    run->id = r->at;
    r->at += run->id_length;
    return true;
}

static size_t hex_number(const char *digits)
{
    char text[9] = "";

    memcpy(text, digits, 8);
    return (size_t)strtoul(text, NULL, 16);
}

static void write_made_id(const char *base, size_t index, struct buf *out)
{
    char id[QUOTED_ID];

    id[0] = id[QUOTED_ID - 1] = '"';
    bulk_made_id(base, index, id + 1);
    buf_append(out, id, sizeof id);
}

/* The id that the good article number `good` repeats. */
static void write_first(const struct run *run, size_t good, struct buf *out)
{
    if (run->count == 1)
        buf_append(out, run->id, run->id_length);
    else
        write_made_id(run->id + 1, hex_number(run->id + 1 + BULK_BASE_LENGTH) + good - run->index,
                      out);
}

static bool is_duplicate(const struct run *run, size_t good)
{
    return run->count > 0 && good >= run->index && good < run->index + run->count;
}

static int write_items(const struct bulk_parse *p, const struct bulk_outcome *outcome,
                       struct buf *out)
{
    struct runs runs = {.at = outcome->runs, .end = outcome->runs + outcome->runs_length};
    size_t good = 0;

    if (!next_run(&runs))
        return ERR_INPUT;
    for (size_t i = 0; i < p->item_count; i++) {
        const struct bulk_item *item = &p->items[i];
        buf_append_text(out, i == 0 ? "{" : ",{");
        if (item->kind == BULK_REFUSED) {
            buf_append(out, p->faults.bytes + item->at, item->length);
            buf_append(out, "}", 1);
            continue;
        }
        buf_append(out, "\"id\":", 5);
        if (is_duplicate(&runs.now, ++good)) {
            write_first(&runs.now, good, out);
            buf_append_text(out, ",\"duplicate\":true");
            if (good + 1 == runs.now.index + runs.now.count && !next_run(&runs))
                return ERR_INPUT;
        } else if (item->kind == BULK_OWN_ID) {
            buf_append(out, p->body + item->at, item->length);
        } else {
            write_made_id(outcome->base, i, out);
        }
        buf_append(out, "}", 1);
    }
    return runs.now.count == 0 ? 0 : ERR_INPUT;
}

static int count(const struct bulk_parse *p, const struct bulk_outcome *outcome,
                 struct bulk_counts *counts)
{
    struct runs runs = {.at = outcome->runs, .end = outcome->runs + outcome->runs_length};

    *counts = (struct bulk_counts){.refused = p->item_count - p->good_count};
    do {
        if (!next_run(&runs))
            return ERR_INPUT;
        counts->duplicates += runs.now.count;
    } while (runs.now.count > 0);
    if (counts->duplicates > p->good_count)
        return ERR_INPUT;
    counts->accepted = p->good_count - counts->duplicates;
    return 0;
}

int bulk_answer_write(const struct bulk_parse *p, const struct bulk_outcome *outcome,
                      struct bulk_counts *counts, struct buf *out)
{
    if (count(p, outcome, counts) < 0)
        return ERR_INPUT;
    buf_printf(out, "{\"accepted\":%zu,\"duplicates\":%zu,\"refused\":%zu,\"items\":[",
               counts->accepted, counts->duplicates, counts->refused);
    if (write_items(p, outcome, out) < 0)
        return ERR_INPUT;
    buf_append(out, "]}", 2);
    return buf_failed(out) ? ERR_LIMIT : 0;
}

size_t bulk_answer_max_bytes(const struct bulk_parse *p, const struct bulk_outcome *outcome)
{
    return 256 + p->item_count * (QUOTED_ID + 32) + (size_t)(p->end - p->body) + p->faults.length +
           outcome->runs_length;
}
