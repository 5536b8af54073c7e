/* ner: spaCy's tokenizer and named-entity recognizer, natively. The only header of this library
 * that others include. It knows no log, no settings and no Redis.
 *
 * A model is loaded once and is read-only afterwards: open it before a fork and all children share
 * its pages. A `struct ner` is one process's working memory over it; make it after the fork. */
#ifndef NEWSMILL_NER_H
#define NEWSMILL_NER_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* Longest text in bytes; ner_run() answers ERR_INPUT beyond it. */
#define NER_MAX_TEXT_BYTES (8u << 20)

struct ner_model;
struct ner;

/* Where a token or entity lies in its text, in bytes and in Unicode code points (spaCy's unit). */
struct ner_token {
    uint32_t start_byte, end_byte;
    uint32_t start, end; /* code points */
};

struct ner_entity {
    uint32_t first_token, end_token; /* [first, end) */
    uint32_t start_byte, end_byte;
    uint32_t start, end; /* code points */
    uint32_t label;      /* index for ner_model_label() */
};

struct ner_doc {
    const struct ner_token *tokens;
    size_t token_count;
    const struct ner_entity *entities;
    size_t entity_count;
};

/* Loads a spaCy v3 model directory. Returns 0; or ERR_CONFIG with the file and the field that are
 * missing, cut, foreign or not supported. Close with ner_model_close() (NULL is fine). */
int ner_model_open(const char *directory, struct ner_model **out, struct err *e);
void ner_model_close(struct ner_model *model);

size_t ner_model_label_count(const struct ner_model *model);
const char *ner_model_label(const struct ner_model *model, size_t label); /* "PERSON", … */

/* What a model is made of, for people to read. */
struct ner_model_info {
    const char *component;       /* folder of the ner component; these two live with the model */
    const char *encoder;         /* folder of the shared tok2vec it listens to; "": its own */
    size_t width, depth, window; /* of the encoder: of a vector, layers, neighbours a side */
    size_t vector_rows, vector_width; /* static vectors; 0: it uses none */
    const char *kernels;              /* the instructions in use: "baseline", "avx2", "avx512" */
};
void ner_model_info(const struct ner_model *model, struct ner_model_info *out);

/* Working memory over `model`, which is borrowed and must outlive it. */
struct ner *ner_new(const struct ner_model *model);
void ner_free(struct ner *ner);

/* Tokens and entities of one UTF-8 text. *doc is borrowed: it lives until the next ner_run() or
 * ner_free(). Allocates nothing once warm. Returns 0; ERR_INPUT when the text is too long or not
 * UTF-8; ERR_LIMIT when a regex of the model passed PCRE2's match limit. */
int ner_run(struct ner *ner, const char *text, size_t length, struct ner_doc *doc, struct err *e);

#endif
