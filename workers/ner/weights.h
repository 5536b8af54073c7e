/* weights: the tensors of a model, read once, checked, and laid out for the kernels that multiply
 * them; as they stood in the file they are not kept.
 *
 * Shapes are written [rows, columns], row-major; a name that ends in _stride is a width padded as
 * kernels.h wants it. spaCy keeps a maxout layer as W [nO, nP, nI]; here it is [nI, nP, nO], so
 * that x · W gives piece after piece and the maximum runs along vectors. */
#ifndef NEWSMILL_NER_WEIGHTS_H
#define NEWSMILL_NER_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "kernels.h"
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
    size_t pieces;
    struct product *product;
    struct norm norm;
};

struct weights {
    const struct kernels *kernels;

    /* tok2vec (spacy.MultiHashEmbed, spacy.MaxoutWindowEncoder) */
    size_t width, stride;
    size_t column_count;
    struct column_weights columns[WEIGHTS_MAX_COLUMNS];
    size_t vector_width;            /* nM of StaticVectors; 0: none */
    struct product *vector_product; /* vector -> width */
    struct maxout_weights mixer;    /* of column_count + (vector_width > 0) rows side by side */
    size_t depth, window;           /* neighbours on each side that one layer sees */
    struct maxout_weights
        layers[WEIGHTS_MAX_DEPTH]; /* of 2 * window + 1 rows; the first: no product */
    /* The first layer's products with each place of its window: x -> [pieces, stride]. The bias is
     * the centre's. */
    struct product *terms[2 * WEIGHTS_MAX_WINDOW + 1];

    /* state scores (spaCy's ParserStepModel) */
    size_t features;                             /* F, 3 or 6 */
    size_t hidden, hidden_stride, hidden_pieces; /* H, P */
    size_t classes;                              /* nC */
    /* The linear layer and the lower one folded into one matrix a feature, and what this leaves
     * out: the linear layer's bias through the lower one. */
    struct product *next_product; /* x -> [hidden_pieces, hidden_stride] of feature 0 */
    float *lower_W;   /* [features - 1, stride, hidden_pieces, hidden_stride]: of the others */
    float *lower_c;   /* [features, hidden_pieces, hidden_stride] */
    float *lower_b;   /* [hidden_pieces, hidden_stride] */
    float *lower_pad; /* [features, hidden_pieces, hidden_stride] */
    float *upper_W, *upper_b; /* [classes, hidden], [classes]; NULL: classes = hidden */
};

/* For these kernels. Returns 0, or ERR_CONFIG naming file, node and field. */
int weights_load(const struct model_dir *m, const struct kernels *k, struct weights **out,
                 struct err *e);
void weights_free(struct weights *w);

/* For weights_load() alone: the layers of the state scores, once the width is known. */
struct nodes;
int weights_load_scores(const struct nodes *n, struct weights *w, struct err *e);

#endif
