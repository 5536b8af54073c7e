/* kernels: the network's arithmetic, once for each set of instructions (simd.c), and the layout of
 * weights that it wants. Rows are padded as floats.h says. All numbers are float32. The order in
 * which a product adds up depends on the kernels, so that the last bits of a score do; entities do
 * not (tests/parity/ERRORS.md). No kernel allocates. */
#ifndef NEWSMILL_NER_KERNELS_H
#define NEWSMILL_NER_KERNELS_H

#include <stddef.h>

#include "floats.h"

/* Filtering of a window of three rows computes KERNELS_GROUP outputs from KERNELS_POSITIONS
 * products in place of three for each: Winograd's F(4,3). */
#define KERNELS_GROUP     4
#define KERNELS_POSITIONS 6

/* Weights as the kernels read them; read-only once made. */
struct product {
    size_t inputs, outputs; /* of a row, padded */
    size_t pieces;
    size_t positions; /* 1; KERNELS_POSITIONS for a window */
    float *panels;    /* [chunks, positions, inputs, 3, lanes]: three vectors of outputs a chunk */
    float *bias;      /* [pieces, outputs] */
};

/* thinc's LayerNorm. */
struct norm {
    size_t width;        /* of a row, not padded */
    float *gain, *shift; /* [floats_pad(width)], the rest zero */
};

struct kernels {
    const char *name;
    size_t lanes; /* floats of a vector */

    /* out[rows, outputs] = max over pieces of (in · W + bias). Row r of `in` begins at r * stride
     * and is `inputs` long: rows may overlap. */
    void (*multiply)(const struct product *p, const float *in, size_t stride, size_t rows,
                     float *out);

    /* The same for windows of three rows of in[rows + 2, inputs], by Winograd's filtering.
     * `scratch` has kernels_scratch_floats(p, rows). */
    void (*window)(const struct product *p, const float *in, size_t rows, float *scratch,
                   float *out);

    /* row[width] = LayerNorm(row) (+ residual, unless NULL) for each of `rows` rows: biased
     * variance, 1e-8 added inside the root. */
    void (*norm)(const struct norm *n, const float *residual, float *row, size_t rows);

    /* out[width] = max over pieces of the sum of `count` terms [pieces, width]; width is padded. */
    void (*largest_sum)(const float *const terms[], size_t count, size_t pieces, size_t width,
                        float *out);

    /* out[width] += x[inputs] · W[inputs, width]; width is padded. */
    void (*add_product)(const float *x, const float *W, size_t inputs, size_t width, float *out);

    /* The first of the largest of n floats; what is left of the last vector is -INFINITY. */
    size_t (*first_largest)(const float *x, size_t n);
};

struct err;

/* The best kernels that this processor and its operating system can run; or those that the variable
 * NEWSMILL_KERNELS names (for tests). Returns 0, or ERR_CONFIG where there are none of that name or
 * the processor cannot run them. */
int kernels_choose(const struct kernels **out, struct err *e);

/* Each that this processor can run, best first; NULL after the last. */
const struct kernels *kernels_runnable(size_t i);

/* W is [inputs, pieces, outputs], or [3 * inputs, pieces, outputs] for a window, all padded; bias
 * [pieces, outputs], NULL for zeros. Both are copied. */
struct product *product_new(const struct kernels *k, const float *W, const float *bias,
                            size_t inputs, size_t outputs, size_t pieces);
struct product *product_window_new(const struct kernels *k, const float *W, const float *bias,
                                   size_t inputs, size_t outputs, size_t pieces);
void product_free(struct product *p);

/* How many rows window() should be given at once: its work then stays in the L2 cache. */
size_t kernels_window_rows(size_t inputs);
size_t kernels_scratch_floats(size_t inputs, size_t rows);

#endif
