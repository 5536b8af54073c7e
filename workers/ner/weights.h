/* weights: the tensors of a model, read once, checked, laid out for the products they go through.
 *
 * Shapes are written [rows, columns], row-major. spaCy keeps a maxout layer as W [nO, nP, nI]; here
 * it is [nI, nP * nO], so that x · W gives piece after piece and the maximum runs along vectors. */
#ifndef NEWSMILL_NER_WEIGHTS_H
#define NEWSMILL_NER_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "model_dir.h"

#define WEIGHTS_MAX_COLUMNS  16
#define WEIGHTS_MAX_DEPTH    16
#define WEIGHTS_MAX_WINDOW   4
#define WEIGHTS_MAX_FEATURES 6
#define WEIGHTS_MAX_WIDTH    1024 /* of any vector but a concatenation */
#define WEIGHTS_MAX_PIECES   8

/* Lexical attributes an embedding may ask for (spacy/attrs.pyx). */
enum column_kind {
    COLUMN_NORM,
    COLUMN_PREFIX,
    COLUMN_SUFFIX,
    COLUMN_SHAPE,
    COLUMN_ORTH,
    COLUMN_LOWER,
    COLUMN_SPACY,
    COLUMN_IS_SPACE,
};

struct column_weights { /* thinc HashEmbed */
    enum column_kind kind;
    uint32_t seed, rows;
    float *table; /* [rows, width] */
};

struct maxout_weights { /* thinc Maxout with LayerNorm */
    size_t inputs, pieces, width;
    float *W;            /* [inputs, pieces * width] */
    float *b;            /* [pieces * width] */
    float *gain, *shift; /* [width]; LayerNorm's G and b */
};

struct weights {
    /* tok2vec (spacy.MultiHashEmbed, spacy.MaxoutWindowEncoder) */
    size_t width;
    size_t column_count;
    struct column_weights columns[WEIGHTS_MAX_COLUMNS];
    size_t vector_width;         /* nM of StaticVectors; 0: none */
    float *vector_W;             /* [vector_width, width] */
    struct maxout_weights mixer; /* inputs = width * (column_count + (vector_width > 0)) */
    size_t depth, window;        /* neighbours on each side that one layer sees */
    struct maxout_weights layers[WEIGHTS_MAX_DEPTH]; /* inputs = width * (2 * window + 1) */

    /* state scores (spaCy's ParserStepModel) */
    size_t inputs;                /* H', width of the linear layer */
    size_t features;              /* F, 3 or 6 */
    size_t hidden, hidden_pieces; /* H, P */
    size_t classes;               /* nC */
    float *linear_W, *linear_b;   /* [width, inputs], [inputs] */
    float *lower_W;               /* [features, inputs, hidden_pieces * hidden] */
    float *lower_b;               /* [hidden_pieces * hidden] */
    float *lower_pad;             /* [features, hidden_pieces * hidden] */
    float *upper_W, *upper_b;     /* [classes, hidden], [classes]; NULL: classes = hidden */
};

/* Returns 0, or ERR_CONFIG naming file, node and field. */
int weights_load(const struct model_dir *m, struct weights **out, struct err *e);
void weights_free(struct weights *w);

#endif
