/* firestore_ids: document ids made of words. The same word has the same id on every machine and at
 * any time, and no two words share one. */
#ifndef NEWSMILL_FIRESTORE_IDS_H
#define NEWSMILL_FIRESTORE_IDS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

#define FIRESTORE_ID_MAX_BYTES 1500

/* Appends the id of a word (valid UTF-8 without NUL): the word itself where Firestore takes it as
 * an id. Otherwise, and where it begins with "~", a "~" and the word with "~", "/" and "#" as ~7E,
 * ~2F and ~23. (Not %: an id can stand in an address, and servers differ in how often they decode
 * it.) What is then still longer than 1500 bytes becomes "~#" and the SHA-256 of the word in hex.
 * Returns 0 or ERR_LIMIT. */
int firestore_word_id(const char *word, size_t length, struct buf *out);

/* The same for the key of a publication, whose id stands in the address of a query: there a ":"
 * begins the name of a method. So a key with a ":" is escaped too, the ":" as ~3A. */
int firestore_publication_id(const char *key, size_t length, struct buf *out);

/* Whether an id is a hash, from which its word or key cannot be had. */
bool firestore_id_is_hash(const char *id, size_t length);

/* Appends the key of a publication's id. Returns 0, ERR_INPUT where the id is a hash or none of
 * ours, or ERR_LIMIT. */
int firestore_publication_key(const char *id, size_t length, struct buf *out);

#endif
