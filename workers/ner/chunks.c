/* chunks: see chunks.h. Fixed memory: an open-addressing table, and one arena each for the texts
 * and the lists of types. Pages that are never reached cost nothing. */
#include "chunks.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/salted.h"
#include "strings.h"

#define SLOT_BITS   17
#define SLOTS       (1u << SLOT_BITS)
#define MAX_ENTRIES (SLOTS / 2)
#define MAX_PROBES  32 /* ends what texts made to collide could do */
#define TEXT_BYTES  (2u << 20)
#define TYPE_COUNT  (1u << 18)

struct entry {
    uint32_t hash;       /* the upper half */
    uint32_t text;       /* where in texts */
    uint16_t length;     /* 0 in a free slot */
    uint16_t count;      /* of types */
    uint32_t first_type; /* where in types */
};

struct chunks {
    struct entry *entries;
    char *texts;
    uint32_t *types;
    size_t entry_count, text_used, type_used;
    uint64_t seed;
    bool full;
};

struct chunks *chunks_new(void)
{
    struct chunks *c = xcalloc(1, sizeof *c);

    c->entries = xcalloc(SLOTS, sizeof *c->entries);
    c->texts = xmalloc(TEXT_BYTES);
    c->types = xmalloc(TYPE_COUNT * sizeof *c->types);
    c->seed = salted_new();
    return c;
}

void chunks_free(struct chunks *c)
{
    if (!c)
        return;
    free(c->entries);
    free(c->texts);
    free(c->types);
    free(c);
}

/* The entry of the text, the free one where it belongs, or NULL after too many others. */
static struct entry *find(const struct chunks *c, const char *text, size_t length, uint64_t hash)
{
    size_t first = salted_slot(hash, c->seed, SLOT_BITS);

    for (uint32_t probe = 0; probe < MAX_PROBES; probe++) {
        struct entry *entry = &c->entries[(first + probe) & (SLOTS - 1)];
        if (entry->length == 0)
            return entry;
        if (entry->hash == hash >> 32 && entry->length == length &&
            memcmp(c->texts + entry->text, text, length) == 0)
            return entry;
    }
    return NULL;
}

const uint32_t *chunks_find(const struct chunks *c, const char *text, size_t length, size_t *count)
{
    if (length > CHUNKS_MAX_CHUNK_BYTES)
        return NULL;
    const struct entry *entry = find(c, text, length, string_hash(text, length, c->seed));
    if (!entry || entry->length == 0)
        return NULL;
    *count = entry->count;
    return c->types + entry->first_type;
}

void chunks_add(struct chunks *c, const char *text, size_t length, const uint32_t *types,
                size_t count)
{
    if (length > CHUNKS_MAX_CHUNK_BYTES)
        return;
    uint64_t hash = string_hash(text, length, c->seed);
    struct entry *entry = find(c, text, length, hash);
    if (!entry)
        return;
    if (c->entry_count == MAX_ENTRIES || length > TEXT_BYTES - c->text_used ||
        count > TYPE_COUNT - c->type_used) {
        c->full = true;
        return;
    }
    *entry = (struct entry){
        .hash = (uint32_t)(hash >> 32),
        .text = (uint32_t)c->text_used,
        .length = (uint16_t)length,
        .count = (uint16_t)count,
        .first_type = (uint32_t)c->type_used,
    };
    memcpy(c->texts + c->text_used, text, length);
    memcpy(c->types + c->type_used, types, count * sizeof *types);
    c->entry_count++;
    c->text_used += length;
    c->type_used += count;
}

bool chunks_is_full(const struct chunks *c)
{
    return c->full;
}

void chunks_clear(struct chunks *c)
{
    memset(c->entries, 0, SLOTS * sizeof *c->entries);
    c->entry_count = c->text_used = c->type_used = 0;
    c->full = false;
}
