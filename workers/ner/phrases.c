/* phrases: see phrases.h. */
#include "phrases.h"

#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "strings.h"

/* A node of the trie; `child` begins the list of its children, linked through `sibling`. Node 0 is
 * the root, and as an index it ends a list. */
struct node {
    uint32_t symbol;
    uint32_t child, sibling;
    bool end; /* a sequence ends here */
};

struct phrases {
    struct node *nodes;
    size_t node_count, node_capacity;
    struct symbol_slot {
        uint64_t orth;
        uint32_t symbol; /* 0 in a free slot */
    } * slots;
    size_t slot_mask, symbol_count;
    uint32_t *first; /* by symbol: the child of the root, or 0 */
};

/* The sequences while they are gathered: ids of the tokens, and a 0 behind each sequence. */
struct gathered {
    uint64_t *orths;
    size_t count, capacity;
};

struct phrases_work {
    struct phrase *found;
    size_t count, capacity;
    bool *marked; /* by token */
    size_t marked_capacity;
};

static int wants_sequence(const struct rules *rules, struct rules_scratch *scratch,
                          const struct special *special, struct err *e);
static int gather(struct gathered *g, const struct rules *rules, struct split *split,
                  const struct special *special, struct err *e);
static struct phrases *build(const struct gathered *g);
static void choose(struct phrases_work *w, size_t token_count);

int phrases_build(const struct rules *rules, const struct specials *specials, bool all,
                  struct phrases **out, struct err *e)
{
    struct split *split = split_new();
    struct gathered g = {0};
    int code = 0;

    for (size_t i = 0; code == 0 && i < specials_count(specials); i++) {
        const struct special *special = specials_at(specials, i);
        int wanted = all ? 1 : wants_sequence(rules, split_rules_scratch(split), special, e);
        code = wanted > 0 ? gather(&g, rules, split, special, e) : wanted;
    }
    if (code == 0)
        *out = build(&g);
    else
        e->code = code = ERR_CONFIG; /* a regex that fails on the model's own texts */
    free(g.orths);
    split_free(split);
    return code;
}

void phrases_free(struct phrases *p)
{
    if (!p)
        return;
    free(p->nodes);
    free(p->slots);
    free(p->first);
    free(p);
}

struct phrases_work *phrases_work_new(void)
{
    return xcalloc(1, sizeof(struct phrases_work));
}

void phrases_work_free(struct phrases_work *w)
{
    if (!w)
        return;
    free(w->found);
    free(w->marked);
    free(w);
}

static struct symbol_slot *find_slot(const struct phrases *p, uint64_t orth)
{
    size_t i = orth & p->slot_mask;

    while (p->slots[i].symbol && p->slots[i].orth != orth)
        i = (i + 1) & p->slot_mask;
    return &p->slots[i];
}

uint32_t phrases_symbol(const struct phrases *p, uint64_t orth)
{
    return find_slot(p, orth)->symbol;
}

/* The child of `node` for a symbol, or 0. */
static uint32_t find_child(const struct phrases *p, uint32_t node, uint32_t symbol)
{
    uint32_t child = p->nodes[node].child;

    while (child && p->nodes[child].symbol != symbol)
        child = p->nodes[child].sibling;
    return child;
}

size_t phrases_find(const struct phrases *p, struct phrases_work *w, const struct word_type *types,
                    const struct token *tokens, size_t count, const struct phrase **found)
{
    w->count = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t node = p->first[types[tokens[i].type].symbol];
        for (size_t next = i + 1; node; next++) {
            if (p->nodes[node].end) {
                w->found = grow_to(w->found, &w->capacity, w->count + 1, sizeof *w->found);
                w->found[w->count++] =
                    (struct phrase){.first = (uint32_t)i, .count = (uint32_t)(next - i)};
            }
            if (next == count)
                break;
            uint32_t symbol = types[tokens[next].type].symbol;
            node = symbol ? find_child(p, node, symbol) : 0;
        }
    }
    if (w->count > 0)
        choose(w, count);
    *found = w->found;
    return w->count;
}

/* Among those that overlap the longer wins, then the earlier: spacy/util.py filter_spans(). Note
 * that a rejected one still marks its tokens. */
static void choose(struct phrases_work *w, size_t token_count)
{
    size_t longest = 0;

    w->marked = grow_to(w->marked, &w->marked_capacity, token_count, sizeof *w->marked);
    memset(w->marked, 0, token_count * sizeof *w->marked);
    for (size_t i = 0; i < w->count; i++)
        longest = w->found[i].count > longest ? w->found[i].count : longest;
    for (size_t length = longest; length > 0; length--) {
        for (size_t i = 0; i < w->count; i++) {
            struct phrase *phrase = &w->found[i];
            if (phrase->count != length)
                continue;
            phrase->kept = !w->marked[phrase->first] && !w->marked[phrase->first + length - 1];
            memset(w->marked + phrase->first, 1, length * sizeof *w->marked);
        }
    }
}

/* 1 if the first look may tear this case apart, else 0; or ERR_LIMIT. */
static int wants_sequence(const struct rules *rules, struct rules_scratch *scratch,
                          const struct special *special, struct err *e)
{
    struct rules_next next = {0};
    size_t start, end;

    if (memchr(special->text, ' ', special->length))
        return 1;
    int found = rules_prefix(rules, scratch, special->text, special->length, e);
    if (found == 0)
        found = rules_suffix(rules, scratch, special->text, special->length, e);
    if (found == 0) {
        found = rules_infix(rules, scratch, special->text, special->length, &next, &start, &end, e);
    }
    return found > 0 ? 1 : found;
}

static void append(struct gathered *g, uint64_t orth)
{
    g->orths = grow_to(g->orths, &g->capacity, g->count + 1, sizeof *g->orths);
    g->orths[g->count++] = orth;
}

/* What the first look makes of the text when there are no special cases. */
static int gather(struct gathered *g, const struct rules *rules, struct split *split,
                  const struct special *special, struct err *e)
{
    struct chunk chunk;
    size_t at = 0;

    while (split_next_chunk(special->text, special->length, &at, &chunk)) {
        const char *text = special->text + chunk.start;
        const struct piece *pieces;
        size_t count;
        if (split_chunk(split, rules, NULL, text, chunk.end - chunk.start, &pieces, &count, e) < 0)
            return e->code;
        for (size_t i = 0; i < count; i++)
            append(g, string_id(text + pieces[i].start, pieces[i].length));
    }
    append(g, 0);
    return 0;
}

/* The child of `node` for a symbol, made if it is not there. */
static uint32_t add_child(struct phrases *p, uint32_t node, uint32_t symbol)
{
    uint32_t child = find_child(p, node, symbol);

    if (child)
        return child;
    child = (uint32_t)p->node_count++;
    p->nodes = grow_to(p->nodes, &p->node_capacity, p->node_count, sizeof *p->nodes);
    p->nodes[child] = (struct node){.symbol = symbol, .sibling = p->nodes[node].child};
    p->nodes[node].child = child;
    return child;
}

static struct phrases *build(const struct gathered *g)
{
    struct phrases *p = xcalloc(1, sizeof *p);
    size_t slots = 1;
    uint32_t node = 0;

    while (slots < 2 * g->count + 1)
        slots *= 2;
    p->slot_mask = slots - 1;
    p->slots = xcalloc(slots, sizeof *p->slots);
    p->nodes = grow_to(NULL, &p->node_capacity, 1, sizeof *p->nodes);
    p->nodes[p->node_count++] = (struct node){0};
    for (size_t i = 0; i < g->count; i++) {
        if (g->orths[i] == 0) {
            p->nodes[node].end = node != 0;
            node = 0;
            continue;
        }
        struct symbol_slot *slot = find_slot(p, g->orths[i]);
        if (!slot->symbol)
            *slot = (struct symbol_slot){g->orths[i], (uint32_t)++p->symbol_count};
        node = add_child(p, node, slot->symbol);
    }
    p->first = xcalloc(p->symbol_count + 1, sizeof *p->first);
    for (uint32_t child = p->nodes[0].child; child; child = p->nodes[child].sibling)
        p->first[p->nodes[child].symbol] = child;
    return p;
}
