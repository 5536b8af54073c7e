/* specials: the tokenizer's special cases ("exceptions"): whole texts with a fixed division into
 * tokens, some of which carry a NORM of their own. Read-only once loaded. */
#ifndef NEWSMILL_SPECIALS_H
#define NEWSMILL_SPECIALS_H

#include <msgpack.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct special {
    char *text;
    uint32_t length;
    uint32_t first_token, token_count; /* indices for specials_token() */
};

/* A token of a special case; those of one case lie side by side and make up its text. */
struct special_token {
    const char *text;
    uint32_t length;
    uint64_t norm; /* id that overrides the NORM, 0 for none */
};

struct specials;

/* From the map `exceptions` of the tokenizer file: text -> list of {65 (ORTH): text, 67 (NORM):
 * text}. Returns 0 or ERR_CONFIG naming the case. */
int specials_load(const msgpack_object *exceptions, struct specials **out, struct err *e);
void specials_free(struct specials *s);

/* The special case with exactly this text, or NULL. */
const struct special *specials_find(const struct specials *s, const char *text, size_t length);

size_t specials_count(const struct specials *s);
const struct special *specials_at(const struct specials *s, size_t index);
size_t specials_token_count(const struct specials *s); /* of all cases together */
const struct special_token *specials_token(const struct specials *s, size_t index);

#endif
