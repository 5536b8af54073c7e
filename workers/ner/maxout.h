/* maxout: what follows the matrix product of a Maxout + LayerNorm layer, in one pass over a row,
 * and the other loops over rows that should run at the width of the machine's vectors. */
#ifndef NEWSMILL_NER_MAXOUT_H
#define NEWSMILL_NER_MAXOUT_H

#include <stddef.h>

#include "weights.h"

/* out[count, width] = residual + LayerNorm(max over pieces of (y + b)), where y[count, pieces *
 * width] is x · W. thinc Maxout: the largest piece; thinc LayerNorm: biased variance, 1e-8 added
 * inside the root. `residual` may be `out` itself, or NULL for none. */
void maxout_rows(const struct maxout_weights *m, const float *y, const float *residual, float *out,
                 size_t count);

/* The same for one row whose y + b is the sum of `term_count` rows of pieces * width floats. */
void maxout_sum(const struct maxout_weights *m, const float *const terms[], size_t term_count,
                const float *residual, float *out);

/* out[count, width] = max over pieces of (y + b); no norm. */
void maxout_plain(const float *y, const float *b, size_t pieces, size_t width, float *out,
                  size_t count);

/* out[n] += scale * x[n] */
void maxout_add(float *out, const float *x, float scale, size_t n);

/* The first of the largest of n floats. */
size_t maxout_first_largest(const float *x, size_t n);

#endif
