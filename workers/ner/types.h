/* types: the word types seen so far, each with spaCy's lexical attributes, in a bounded table.
 *
 * A type is a token text together with a NORM override (0 for none). Its dense index is what the
 * rest of the engine caches vectors under, so that nothing that depends on the word alone is
 * computed twice. When the table is full it is emptied as a whole, between texts only: `generation`
 * then changes and every cache keyed by index is void. */
#ifndef NEWSMILL_TYPES_H
#define NEWSMILL_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lexeme_norms;

/* ids as in spaCy's StringStore; see strings.h */
struct word_type {
    uint64_t orth, lower, norm, prefix, suffix, shape;
    uint32_t byte_length, code_points;
    uint32_t symbol; /* its number in the patterns of specials.h, 0 for most */
    bool is_space;
};

/* A token of the text in hand. */
struct token {
    uint32_t start_byte, end_byte;
    uint32_t start, end; /* code points */
    uint32_t type;       /* index into the table of types */
    bool spacy;          /* one U+0020 after it was swallowed (spaCy's whitespace_) */
};

struct types;

/* `norms` is borrowed. */
struct types *types_new(const struct lexeme_norms *norms);
void types_free(struct types *t);

/* The index of the type (text, override); makes it when it is new, which *created tells. The text
 * is valid UTF-8 and not empty. As in spaCy, two texts with one id are one type. */
uint32_t types_index(struct types *t, const char *text, size_t length, uint64_t norm_override,
                     bool *created);

/* The type at an index; the pointer lives until the next types_index() or types_clear(). */
struct word_type *types_get(struct types *t, uint32_t index);
const struct word_type *types_all(const struct types *t, size_t *count, uint64_t *generation);

/* Forgets all types; gives back what memory an outsized text took. */
void types_clear(struct types *t);

#endif
