/* vectors: a model's static word vectors (vocab/vectors, vocab/key2row; spacy/vectors.pyx, mode
 * "default"). Read-only after the load. */
#ifndef NEWSMILL_NER_VECTORS_H
#define NEWSMILL_NER_VECTORS_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct vectors;

/* Loads the table, whose rows must be `width` wide. Returns 0 or ERR_CONFIG. */
int vectors_load(const char *directory, size_t width, struct vectors **out, struct err *e);
void vectors_free(struct vectors *v);

size_t vectors_rows(const struct vectors *v);

/* The vector [width] of the word with this ORTH id; NULL where it has none. */
const float *vectors_find(const struct vectors *v, uint64_t orth);

#endif
