/* weights_scores: the state scores' part of weights.h (spaCy's tb_framework.py). */
#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "nodes.h"
#include "weights.h"

/* The linear and the lower layer as they stand in the file. */
struct state_layers {
    size_t inputs;              /* H', the width of the linear layer */
    float *linear_W, *linear_b; /* [inputs, width], [inputs] */
    float *lower_W;             /* [features, hidden, hidden_pieces, inputs] */
};

/* lower · linear for one feature, out[stride, hidden_pieces, hidden_stride], and lower · linear's
 * bias, c[hidden_pieces, hidden_stride]; summed in double. */
static void fold(const struct state_layers *l, const struct weights *w, size_t feature, float *out,
                 float *c)
{
    size_t row_floats = w->hidden_pieces * w->hidden_stride;
    const float *lower = l->lower_W + feature * w->hidden * w->hidden_pieces * l->inputs;
    double *sums = xmalloc((w->width + 1) * sizeof *sums); /* the last is the bias' */

    for (size_t k = 0; k < w->hidden * w->hidden_pieces; k++, lower += l->inputs) {
        size_t column = k % w->hidden_pieces * w->hidden_stride + k / w->hidden_pieces;
        memset(sums, 0, (w->width + 1) * sizeof *sums);
        for (size_t j = 0; j < l->inputs; j++) {
            for (size_t i = 0; i < w->width; i++)
                sums[i] += (double)l->linear_W[j * w->width + i] * (double)lower[j];
            sums[w->width] += (double)l->linear_b[j] * (double)lower[j];
        }
        for (size_t i = 0; i < w->width; i++)
            out[i * row_floats + column] = (float)sums[i];
        c[column] = (float)sums[w->width];
    }
    free(sums);
}

static void fold_all(const struct state_layers *l, struct weights *w)
{
    size_t row_floats = w->hidden_pieces * w->hidden_stride, each = w->stride * row_floats;
    float *next = floats_zero(each);

    w->lower_W = floats_zero((w->features - 1) * each);
    w->lower_c = floats_zero(w->features * row_floats);
    for (size_t feature = 0; feature < w->features; feature++)
        fold(l, w, feature, feature ? w->lower_W + (feature - 1) * each : next,
             w->lower_c + feature * row_floats);
    w->next_product = product_new(w->kernels, next, NULL, w->stride, row_floats, 1);
    free(next);
}

/* The one linear layer that is not `upper`. */
static int load_linear(const struct nodes *n, int upper, const struct weights *w,
                       struct state_layers *l, struct err *e)
{
    size_t nth = nodes_find(n, "linear", 0) == upper ? 1 : 0;
    int node = nodes_find(n, "linear", nth);
    size_t shape[2] = {0, w->width};
    int rc;

    if (node < 0)
        return nodes_missing(n, "linear", e);
    rc = nodes_floats(n, node, "W", 2, shape, &l->linear_W, e);
    if (rc == 0)
        rc = nodes_floats(n, node, "b", 1, shape, &l->linear_b, e);
    l->inputs = shape[0];
    return rc;
}

/* spaCy's PrecomputableAffine, W [F, H, P, H']. */
static int load_lower(const struct nodes *n, int node, struct weights *w, struct state_layers *l,
                      struct err *e)
{
    size_t shape[4] = {0, 0, 0, l->inputs};
    int rc = nodes_floats(n, node, "W", 4, shape, &l->lower_W, e);

    if (rc < 0)
        return rc;
    w->features = shape[0];
    w->hidden = shape[1];
    w->hidden_stride = floats_pad(w->hidden);
    w->hidden_pieces = shape[2];
    if ((w->features != 3 && w->features != 6) || w->hidden > WEIGHTS_MAX_WIDTH ||
        w->hidden_pieces > WEIGHTS_MAX_PIECES || l->inputs > WEIGHTS_MAX_WIDTH)
        return err_set(e, ERR_CONFIG, "%s: params[%d].W: shape is not supported", nodes_name(n),
                       node);
    size_t bias[2] = {w->hidden, w->hidden_pieces};
    size_t pad[4] = {1, w->features, w->hidden, w->hidden_pieces};
    rc = nodes_floats(n, node, "b", 2, bias, &w->lower_b, e);
    if (rc == 0)
        rc = nodes_floats(n, node, "pad", 4, pad, &w->lower_pad, e);
    if (rc < 0)
        return rc;
    w->lower_b = lay_out_bias(w->lower_b, 1, w->hidden, w->hidden_pieces);
    w->lower_pad = lay_out_bias(w->lower_pad, w->features, w->hidden, w->hidden_pieces);
    fold_all(l, w);
    return 0;
}

static int load_upper(const struct nodes *n, int node, struct weights *w, struct err *e)
{
    size_t shape[2] = {0, w->hidden};
    int rc = nodes_floats(n, node, "W", 2, shape, &w->upper_W, e);

    if (rc == 0)
        rc = nodes_floats(n, node, "b", 1, shape, &w->upper_b, e);
    w->classes = shape[0];
    return rc;
}

int weights_load_scores(const struct nodes *n, struct weights *w, struct err *e)
{
    struct state_layers l = {0};
    int lower, upper = -1, rc;
    uint64_t has_upper;

    if (nodes_find(n, "parser_model", 0) != 0)
        return nodes_missing(n, "parser_model", e);
    rc = nodes_number(n, 0, "has_upper", 1, &has_upper, e);
    if (rc < 0)
        return rc;
    lower = nodes_reference(n, 0, "lower");
    if (has_upper)
        upper = nodes_reference(n, 0, "upper");
    if (lower < 0 || (has_upper && upper < 0))
        return err_set(e, ERR_CONFIG, "%s: nodes[0].refs.%s: missing", nodes_name(n),
                       lower < 0 ? "lower" : "upper");
    rc = load_linear(n, upper, w, &l, e);
    if (rc == 0)
        rc = load_lower(n, lower, w, &l, e);
    free(l.linear_W);
    free(l.linear_b);
    free(l.lower_W);
    if (rc == 0 && has_upper)
        rc = load_upper(n, upper, w, e);
    if (!has_upper)
        w->classes = w->hidden;
    return rc;
}
