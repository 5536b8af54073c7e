/* tally: how often each entity was named, by publication, in the memory of one worker between two
 * settles. Cleared at any doubt: what it held is counted again from the articles. */
#ifndef NEWSMILL_TALLY_H
#define NEWSMILL_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

/* Longest word that is counted, so that a batch stays below BATCH_MAX_JSON_BYTES even where every
 * byte is escaped. Lower-cased words of articles within the default ceiling are never longer. */
#define TALLY_MAX_WORD_BYTES (2u << 20)

struct tally;
struct tally_publication;

/* Label indexes count from 0 to label_count - 1; the names are copied. */
struct tally *tally_new(const char *const *labels, size_t label_count);
void tally_free(struct tally *t); /* NULL is fine */

/* Counts one article of the publication `key` and remembers `name` if the key is new. Returns the
 * publication, valid until tally_clear(). */
struct tally_publication *tally_article(struct tally *t, const char *key, const char *name);

/* Counts one entity, its text lower-cased. Returns 0, or ERR_LIMIT for a word that is empty or
 * longer than TALLY_MAX_WORD_BYTES: it is not counted. */
int tally_entity(struct tally *t, struct tally_publication *p, const char *word, size_t length,
                 size_t label);

size_t tally_bytes(const struct tally *t);      /* memory in use, roughly */
uint64_t tally_articles(const struct tally *t); /* since the last clear */

/* Cuts the tally into batches, each a JSON message of its own fresh id, their sum the tally
 * exactly: a publication's articles stand in its first batch, the others have 0. *batches is
 * malloc'ed and the caller's (each with buf_fini(), then the array with free()); the tally stays as
 * it is. Returns 0, or ERR_LIMIT. */
int tally_batches(const struct tally *t, int64_t at_ms, struct buf **batches, size_t *count,
                  struct err *e);

/* Forgets everything counted. */
void tally_clear(struct tally *t);

#endif
