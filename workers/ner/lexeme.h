/* lexeme: spaCy's lexical attributes of one token text (spacy/lang/lex_attrs.py, norm_exceptions.py
 * and the model's own lexeme_norm table). */
#ifndef NEWSMILL_LEXEME_H
#define NEWSMILL_LEXEME_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "types.h"

/* Ceiling of lexeme_fill()'s scratch: three times the longest text (NER_MAX_TEXT_BYTES), more than
 * lower-casing can make of it. */
#define LEXEME_MAX_SCRATCH_BYTES (24u << 20)

/* The table lexeme_norm of `model_directory`/vocab/lookups.bin. A model need not have the table,
 * nor the file. Returns 0 or ERR_CONFIG naming file and field. */
int lexeme_norms_load(const char *model_directory, struct lexeme_norms **out, struct err *e);
void lexeme_norms_free(struct lexeme_norms *n);

/* Fills all of *out but `symbol`, which becomes 0. The text is valid UTF-8, not empty, at most
 * NER_MAX_TEXT_BYTES; `orth` is its string_id(); `scratch` is overwritten. */
void lexeme_fill(const struct lexeme_norms *n, const char *text, size_t length, uint64_t orth,
                 struct buf *scratch, struct word_type *out);

/* The shape of a text, its cased letters as X and x and digits as d, each run cut to four; "LONG"
 * from 100 code points on. Returns its length in `out`. */
#define LEXEME_SHAPE_BYTES 400
size_t lexeme_shape(const char *text, size_t length, size_t code_points,
                    char out[LEXEME_SHAPE_BYTES]);

#endif
