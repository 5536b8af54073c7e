/* split: see split.h. */
#include "split.h"

#include <stdlib.h>

#include "common/utf8.h"
#include "grow.h"

struct split {
    struct rules_scratch *scratch;
    /* Of the chunk in hand: */
    const struct rules *rules;
    const struct specials *specials;
    const char *text;
    uint32_t *prefixes, *suffixes; /* lengths of what was taken off, in the order of taking */
    size_t prefix_count, prefix_capacity, suffix_count, suffix_capacity;
    struct piece *pieces;
    size_t count, capacity;
};

static int strip(struct split *s, size_t *from, size_t *to, struct err *e);
static int attach(struct split *s, size_t from, size_t to, struct err *e);
static void push(struct split *s, size_t from, size_t to);

/* What a lead byte says: white space, not, or look at the whole code point (of the 29 the others
 * begin with c2, e1, e2 or e3). */
static bool is_space_at(const char *at)
{
    unsigned char lead = (unsigned char)*at;
    uint32_t c = lead;

    if (lead >= 0x80) {
        if (lead != 0xc2 && (lead < 0xe1 || lead > 0xe3))
            return false;
        utf8_next(at, &c);
    } else if (lead > 0x20) {
        return false;
    }
    return utf8_is_space(c);
}

bool split_next_chunk(const char *text, size_t length, size_t *at, struct chunk *out)
{
    size_t end = *at;

    if (end >= length)
        return false;
    bool space = is_space_at(text + end);
    do
        end++; /* no continuation byte of a text chunk looks like white space … */
    while (end < length && ((text[end] & 0xc0) == 0x80 || is_space_at(text + end) == space));
    out->start = *at;
    out->end = end;
    out->space_after = !space && end < length && text[end] == ' ';
    *at = end + out->space_after;
    return true;
}

struct split *split_new(void)
{
    struct split *s = xcalloc(1, sizeof *s);

    s->scratch = rules_scratch_new();
    return s;
}

void split_free(struct split *s)
{
    if (!s)
        return;
    rules_scratch_free(s->scratch);
    free(s->prefixes);
    free(s->suffixes);
    free(s->pieces);
    free(s);
}

struct rules_scratch *split_rules_scratch(struct split *s)
{
    return s->scratch;
}

int split_chunk(struct split *s, const struct rules *rules, const struct specials *specials,
                const char *text, size_t length, const struct piece **pieces, size_t *count,
                struct err *e)
{
    size_t from = 0, to = length, at = 0;

    s->rules = rules;
    s->specials = specials;
    s->text = text;
    s->count = s->prefix_count = s->suffix_count = 0;
    if (strip(s, &from, &to, e) < 0)
        return e->code;
    for (size_t i = 0; i < s->prefix_count; i++) {
        push(s, at, at + s->prefixes[i]);
        at += s->prefixes[i];
    }
    if (from < to && attach(s, from, to, e) < 0)
        return e->code;
    at = to;
    for (size_t i = s->suffix_count; i-- > 0;) {
        push(s, at, at + s->suffixes[i]);
        at += s->suffixes[i];
    }
    *pieces = s->pieces;
    *count = s->count;
    return 0;
}

static const struct special *find_special(const struct split *s, size_t from, size_t to)
{
    return s->specials ? specials_find(s->specials, s->text + from, to - from) : NULL;
}

static void take_prefix(struct split *s, size_t *from, size_t length)
{
    s->prefixes =
        grow_to(s->prefixes, &s->prefix_capacity, s->prefix_count + 1, sizeof *s->prefixes);
    s->prefixes[s->prefix_count++] = (uint32_t)length;
    *from += length;
}

static void take_suffix(struct split *s, size_t *to, size_t length)
{
    s->suffixes =
        grow_to(s->suffixes, &s->suffix_capacity, s->suffix_count + 1, sizeof *s->suffixes);
    s->suffixes[s->suffix_count++] = (uint32_t)length;
    *to -= length;
}

/* Takes prefixes and suffixes off until a special case or a token_match is left, or nothing more
 * comes off. The order of the questions is spaCy's and matters. */
static int strip(struct split *s, size_t *from, size_t *to, struct err *e)
{
    size_t last = 0;

    while (*from < *to && *to - *from != last) {
        const char *text = s->text + *from;
        size_t length = *to - *from;
        int found = rules_match(s->rules, s->scratch, RULE_TOKEN_MATCH, text, length, e);
        if (found < 0)
            return found;
        if (found || find_special(s, *from, *to))
            return 0;
        last = length;
        int prefix = rules_prefix(s->rules, s->scratch, text, length, e);
        if (prefix < 0)
            return prefix;
        if (prefix > 0 && (size_t)prefix < length && find_special(s, *from + prefix, *to)) {
            take_prefix(s, from, (size_t)prefix);
            return 0;
        }
        /* looked for behind the prefix … */
        int suffix = rules_suffix(s->rules, s->scratch, text + prefix, length - prefix, e);
        if (suffix < 0)
            return suffix;
        /* … but what is left is asked for with it */
        if (suffix > 0 && (size_t)suffix < length && find_special(s, *from, *to - suffix)) {
            take_suffix(s, to, (size_t)suffix);
            return 0;
        }
        if (prefix > 0)
            take_prefix(s, from, (size_t)prefix);
        if (suffix > 0)
            take_suffix(s, to, (size_t)suffix);
    }
    return 0;
}

/* What was left between prefixes and suffixes: a special case, one token, or cut at the infixes. */
static int attach(struct split *s, size_t from, size_t to, struct err *e)
{
    const struct special *special = find_special(s, from, to);
    const char *text = s->text + from;
    size_t length = to - from, done = 0, start, end;
    struct rules_next next = {0};
    int found;

    if (special) {
        for (uint32_t i = 0; i < special->token_count; i++) {
            size_t size = specials_token(s->specials, special->first_token + i)->length;
            push(s, from, from + size);
            s->pieces[s->count - 1].special_token = special->first_token + i;
            from += size;
        }
        return 0;
    }
    found = rules_match(s->rules, s->scratch, RULE_TOKEN_MATCH, text, length, e);
    if (found == 0)
        found = rules_match(s->rules, s->scratch, RULE_URL_MATCH, text, length, e);
    if (found < 0)
        return found;
    if (found) {
        push(s, from, to);
        return 0;
    }
    while ((found = rules_infix(s->rules, s->scratch, text, length, &next, &start, &end, e)) > 0) {
        if (start == 0) /* spaCy skips it without moving on */
            continue;
        push(s, from + done, from + start);
        push(s, from + start, from + end);
        done = end;
    }
    push(s, from + done, to);
    return found;
}

/* One more piece, unless it is empty. */
static void push(struct split *s, size_t from, size_t to)
{
    if (from == to)
        return;
    s->pieces = grow_to(s->pieces, &s->capacity, s->count + 1, sizeof *s->pieces);
    s->pieces[s->count++] = (struct piece){.start = (uint32_t)from,
                                           .length = (uint32_t)(to - from),
                                           .special_token = SPLIT_NO_SPECIAL};
}
