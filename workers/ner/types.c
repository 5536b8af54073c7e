/* types: see types.h. An open-addressing table of indices over a dense list. */
#include "types.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/salted.h"
#include "lexeme.h"
#include "strings.h"

#define FIRST_CAPACITY 4096
#define KEEP_CAPACITY  (1u << 17) /* more than this is given back by types_clear() */
#define KEEP_SCRATCH   65536      /* bytes; the same after a very long token */

struct types {
    const struct lexeme_norms *norms;
    struct word_type *list;
    uint64_t *overrides; /* beside list: the other half of the key */
    size_t count, capacity;
    uint32_t *slots; /* index + 1, 0 when free; 2 * capacity of them, 2^slot_bits */
    unsigned slot_bits;
    uint64_t salt;
    uint64_t generation;
    struct buf scratch;
};

static size_t first_slot(const struct types *t, uint64_t orth, uint64_t norm_override);
static void grow(struct types *t, size_t capacity);

struct types *types_new(const struct lexeme_norms *norms)
{
    struct types *t = xcalloc(1, sizeof *t);

    t->norms = norms;
    buf_init(&t->scratch, LEXEME_MAX_SCRATCH_BYTES);
    t->salt = salted_new();
    grow(t, FIRST_CAPACITY);
    return t;
}

void types_free(struct types *t)
{
    if (!t)
        return;
    buf_fini(&t->scratch);
    free(t->list);
    free(t->overrides);
    free(t->slots);
    free(t);
}

uint32_t types_index(struct types *t, const char *text, size_t length, uint64_t norm_override,
                     bool *created)
{
    uint64_t orth = string_id(text, length);
    size_t mask = 2 * t->capacity - 1;
    size_t slot = first_slot(t, orth, norm_override);

    *created = false;
    for (; t->slots[slot]; slot = (slot + 1) & mask) {
        uint32_t index = t->slots[slot] - 1;
        if (t->list[index].orth == orth && t->overrides[index] == norm_override &&
            t->list[index].byte_length == length)
            return index;
    }
    if (t->count == t->capacity) {
        grow(t, t->capacity * 2);
        mask = 2 * t->capacity - 1;
        slot = first_slot(t, orth, norm_override);
        while (t->slots[slot])
            slot = (slot + 1) & mask;
    }
    struct word_type *type = &t->list[t->count];
    lexeme_fill(t->norms, text, length, orth, &t->scratch, type);
    if (t->scratch.capacity > KEEP_SCRATCH)
        buf_fini(&t->scratch);
    if (norm_override)
        type->norm = norm_override;
    t->overrides[t->count] = norm_override;
    t->slots[slot] = (uint32_t)++t->count;
    *created = true;
    return t->slots[slot] - 1;
}

struct word_type *types_get(struct types *t, uint32_t index)
{
    return &t->list[index];
}

const struct word_type *types_all(const struct types *t, size_t *count, uint64_t *generation)
{
    *count = t->count;
    *generation = t->generation;
    return t->list;
}

void types_clear(struct types *t)
{
    t->generation++;
    t->count = 0;
    if (t->capacity > KEEP_CAPACITY)
        grow(t, FIRST_CAPACITY);
    else
        memset(t->slots, 0, 2 * t->capacity * sizeof *t->slots);
}

static size_t first_slot(const struct types *t, uint64_t orth, uint64_t norm_override)
{
    return salted_slot(orth ^ norm_override * 0x9e3779b97f4a7c15, t->salt, t->slot_bits);
}

/* Makes room for `capacity` types (a power of two, at least t->count) and files them anew. */
static void grow(struct types *t, size_t capacity)
{
    t->list = xrealloc(t->list, capacity * sizeof *t->list);
    t->overrides = xrealloc(t->overrides, capacity * sizeof *t->overrides);
    free(t->slots);
    t->slots = xcalloc(2 * capacity, sizeof *t->slots);
    t->capacity = capacity;
    t->slot_bits = (unsigned)__builtin_ctzll(2 * capacity);
    for (size_t i = 0; i < t->count; i++) {
        size_t slot = first_slot(t, t->list[i].orth, t->overrides[i]);
        while (t->slots[slot])
            slot = (slot + 1) & (2 * capacity - 1);
        t->slots[slot] = (uint32_t)i + 1;
    }
}
