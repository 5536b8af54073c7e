/* transitions: the moves of spaCy's BiluoPushDown system, numbered as the model's classes are. */
#ifndef NEWSMILL_NER_TRANSITIONS_H
#define NEWSMILL_NER_TRANSITIONS_H

#include <stddef.h>
#include <stdint.h>

#include "model_dir.h"

/* As `moves` files number them (spacy/pipeline/_parser_internals/ner.pyx). */
enum move {
    MOVE_MISSING,
    MOVE_BEGIN,
    MOVE_IN,
    MOVE_LAST,
    MOVE_UNIT,
    MOVE_OUT,
};

struct transition {
    enum move move;
    uint32_t label; /* index into labels; of no meaning for MOVE_OUT */
};

struct transitions {
    struct transition *classes; /* [class_count]: what each class of the network does */
    size_t class_count;
    char **labels;
    size_t label_count;
    uint32_t *in, *last; /* [label_count]: the classes I-label and L-label */

    /* The classes that may be valid while no entity is open (B, U and O, not U without a label),
     * ascending. */
    uint32_t *closed; /* [closed_count] */
    size_t closed_count;
};

/* Reads `<ner>/moves`. Returns 0, or ERR_CONFIG if it is broken, does not number `class_count`
 * classes, or lacks a move that decoding may need. */
int transitions_load(const struct model_dir *m, size_t class_count, struct transitions **out,
                     struct err *e);
void transitions_free(struct transitions *t);

#endif
