/* delivery: see delivery.h. */
#include "cli/delivery.h"

#include <stdlib.h>

enum stage {
    STAGE_WHOLE, /* one request for all rows */
    STAGE_FIRST, /* the first row alone; the others wait for its answer */
    STAGE_REST   /* each row by itself */
};

struct open_block {
    struct block *block;
    struct open_block *next;
    enum stage stage;
    int next_row; /* of STAGE_REST */
    int under_way;
};

struct delivery {
    struct delivery_options options;
    struct open_block *oldest, **end;
    int blocks;
    size_t bytes;
    struct delivery_totals totals;
};

struct delivery *delivery_new(const struct delivery_options *options)
{
    struct delivery *d = xcalloc(1, sizeof *d);

    d->options = *options;
    d->end = &d->oldest;
    return d;
}

/* Takes it out of the list. */
static void drop(struct delivery *d, struct open_block *open)
{
    struct open_block **at = &d->oldest;

    while (*at != open)
        at = &(*at)->next;
    *at = open->next;
    if (d->end == &open->next)
        d->end = at;
    d->blocks--;
    d->bytes -= open->block->body.length;
    block_free(open->block);
    free(open);
}

void delivery_free(struct delivery *d)
{
    if (!d)
        return;
    while (d->oldest)
        drop(d, d->oldest);
    free(d);
}

bool delivery_has_room(const struct delivery *d)
{
    return d->blocks == 0 || (d->blocks < d->options.max_blocks && d->bytes < d->options.max_bytes);
}

void delivery_add(struct delivery *d, struct block *block)
{
    if (block->count == 0) {
        block_free(block);
        return;
    }
    struct open_block *open = xcalloc(1, sizeof *open);
    open->block = block;
    open->stage = block_is_whole(block) ? STAGE_WHOLE : block->leads ? STAGE_FIRST : STAGE_REST;
    *d->end = open;
    d->end = &open->next;
    d->blocks++;
    d->bytes += block->body.length;
}

bool delivery_is_empty(const struct delivery *d)
{
    return d->blocks == 0;
}

bool delivery_next(struct delivery *d, struct parcel *out)
{
    for (struct open_block *open = d->oldest; open; open = open->next) {
        *out = (struct parcel){.of = open, .block = open->block, .count = 1};
        if (open->stage == STAGE_WHOLE)
            out->count = open->block->count;
        if (open->stage == STAGE_REST)
            out->first = open->next_row;
        if (open->stage == STAGE_REST ? open->next_row < open->block->count
                                      : open->under_way == 0) {
            open->next_row++;
            open->under_way++;
            return true;
        }
    }
    return false;
}

void delivery_accepted(struct delivery *d, bool already_there)
{
    if (already_there)
        d->totals.already_there++;
    else
        d->totals.accepted++;
}

static void refuse(struct delivery *d, const struct parcel *p, int index, int count,
                   const char *why)
{
    d->totals.refused += (uint64_t)count;
    d->options.refused(d->options.context, &p->block->rows[p->first + index], count, why);
}

void delivery_refused(struct delivery *d, const struct parcel *p, int index, const char *why)
{
    refuse(d, p, index, 1, why);
}

void delivery_done(struct delivery *d, const struct parcel *p)
{
    struct open_block *open = p->of;

    open->under_way--;
    if (open->stage == STAGE_FIRST) {
        open->stage = STAGE_REST;
        open->next_row = 1;
    }
    if (open->under_way == 0 &&
        (open->stage == STAGE_WHOLE || open->next_row == open->block->count))
        drop(d, open);
}

void delivery_refused_whole(struct delivery *d, const struct parcel *p, bool key_is_taken,
                            const char *why)
{
    struct open_block *open = p->of;

    if (open->stage == STAGE_WHOLE) {
        open->stage = STAGE_FIRST;
        open->under_way = 0;
    } else if (open->stage == STAGE_FIRST && key_is_taken) {
        refuse(d, p, 0, open->block->count,
               "sent before together with other rows, of which some have changed since; put those "
               "that are new into a file of their own");
        drop(d, open);
    } else {
        refuse(d, p, 0, 1, why);
        delivery_done(d, p);
    }
}

const struct block_row *delivery_oldest(const struct delivery *d)
{
    return d->oldest ? &d->oldest->block->rows[0] : NULL;
}

void delivery_totals(const struct delivery *d, struct delivery_totals *out)
{
    *out = d->totals;
}
