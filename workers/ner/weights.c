/* weights: see weights.h. Which node holds what: thinc's layer names, spaCy's tb_framework.py and
 * models/tok2vec.py. */
#include "weights.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gemm.h"
#include "nodes.h"

static int load_encoder(const struct nodes *n, struct weights *w, struct err *e);
static int load_scores(const struct nodes *n, struct weights *w, struct err *e);

static int missing(const struct nodes *n, const char *name, struct err *e)
{
    return err_set(e, ERR_CONFIG, "%s: nodes: no \"%s\" layer", nodes_name(n), name);
}

int weights_load(const struct model_dir *m, struct weights **out, struct err *e)
{
    struct nodes *own = NULL, *shared = NULL;
    struct weights *w = xcalloc(1, sizeof *w);
    int rc = nodes_open(m->path, m->ner, &own, e);

    if (rc == 0 && nodes_find(own, "hashembed", 0) >= 0)
        rc = load_encoder(own, w, e);
    else if (rc == 0 && nodes_find(own, "tok2vec-listener", 0) >= 0 && *m->tok2vec) {
        rc = nodes_open(m->path, m->tok2vec, &shared, e);
        if (rc == 0)
            rc = load_encoder(shared, w, e);
    } else if (rc == 0) {
        rc = missing(own, "hashembed", e);
    }
    if (rc == 0)
        rc = load_scores(own, w, e);
    nodes_close(own);
    nodes_close(shared);
    if (rc < 0) {
        weights_free(w);
        return rc;
    }
    *out = w;
    return 0;
}

static void free_maxout(struct maxout_weights *m)
{
    free(m->W);
    free(m->b);
    free(m->gain);
    free(m->shift);
}

void weights_free(struct weights *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < WEIGHTS_MAX_COLUMNS; i++)
        free(w->columns[i].table);
    free(w->vector_W);
    free_maxout(&w->mixer);
    for (size_t i = 0; i < WEIGHTS_MAX_DEPTH; i++)
        free_maxout(&w->layers[i]);
    free(w->linear_W);
    free(w->linear_b);
    free(w->lower_W);
    free(w->lower_b);
    free(w->lower_pad);
    free(w->upper_W);
    free(w->upper_b);
    free(w);
}

/* --- layout --------------------------------------------------------------------------------- */

/* [outer, rows, columns] -> [outer, columns, rows], in place. */
static void transpose(float **block, size_t outer, size_t rows, size_t columns)
{
    float *out = gemm_alloc(outer * rows * columns);

    for (size_t a = 0; a < outer; a++)
        for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < columns; c++)
                out[(a * columns + c) * rows + r] = (*block)[(a * rows + r) * columns + c];
    free(*block);
    *block = out;
}

/* [outer, width, pieces, inputs] -> [outer, inputs, pieces * width]; inputs = 1 for a bias. */
static void lay_out_pieces(float **block, size_t outer, size_t width, size_t pieces, size_t inputs)
{
    size_t each = width * pieces * inputs;
    float *out = gemm_alloc(outer * each);

    for (size_t a = 0; a < outer; a++)
        for (size_t o = 0; o < width; o++)
            for (size_t p = 0; p < pieces; p++)
                for (size_t i = 0; i < inputs; i++)
                    out[a * each + (i * pieces + p) * width + o] =
                        (*block)[a * each + (o * pieces + p) * inputs + i];
    free(*block);
    *block = out;
}

/* --- tok2vec -------------------------------------------------------------------------------- */

static int add_column(void *context, const char *text, size_t length, struct err *e)
{
    static const char *const names[] = {
        [COLUMN_NORM] = "NORM",   [COLUMN_PREFIX] = "PREFIX",    [COLUMN_SUFFIX] = "SUFFIX",
        [COLUMN_SHAPE] = "SHAPE", [COLUMN_ORTH] = "ORTH",        [COLUMN_LOWER] = "LOWER",
        [COLUMN_SPACY] = "SPACY", [COLUMN_IS_SPACE] = "IS_SPACE"};
    struct weights *w = context;

    if (w->column_count == WEIGHTS_MAX_COLUMNS)
        return err_set(e, ERR_CONFIG, "columns: more than %d", WEIGHTS_MAX_COLUMNS);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == length && memcmp(names[i], text, length) == 0) {
            w->columns[w->column_count++].kind = (enum column_kind)i;
            return 0;
        }
    return err_set(e, ERR_CONFIG, "columns: the attribute \"%.*s\" is not supported",
                   length < 60 ? (int)length : 60, text);
}

/* The hash embedding of one column; they need not stand in column order. */
static int load_table(const struct nodes *n, size_t nth, struct weights *w, struct err *e)
{
    int node = nodes_find(n, "hashembed", nth);
    uint64_t column = 0, seed = 0;
    size_t shape[2] = {0, w->width};
    int rc;

    if (node < 0)
        return err_set(e, ERR_CONFIG, "%s: nodes: %zu hashembed layers for %zu columns",
                       nodes_name(n), nth, w->column_count);
    rc = nodes_number(n, node, "column", w->column_count - 1, &column, e);
    if (rc == 0)
        rc = nodes_number(n, node, "seed", UINT32_MAX, &seed, e);
    if (rc < 0)
        return rc;
    struct column_weights *c = &w->columns[column];
    if (c->table)
        return err_set(e, ERR_CONFIG, "%s: attrs[%d].column: %d for the second time", nodes_name(n),
                       node, (int)column);
    rc = nodes_floats(n, node, "E", 2, shape, &c->table, e);
    c->seed = (uint32_t)seed;
    c->rows = (uint32_t)shape[0];
    w->width = shape[1];
    if (rc == 0 && w->width > WEIGHTS_MAX_WIDTH)
        rc = err_set(e, ERR_CONFIG, "%s: params[%d].E: wider than %d", nodes_name(n), node,
                     WEIGHTS_MAX_WIDTH);
    return rc;
}

static int load_tables(const struct nodes *n, struct weights *w, struct err *e)
{
    int features = nodes_find(n, "extract_features", 0);
    int rc;

    if (features < 0)
        return missing(n, "extract_features", e);
    rc = nodes_texts(n, features, "columns", add_column, w, e);
    if (rc < 0)
        return err_prefix(e, "%s: attrs[%d]", nodes_name(n), features);
    if (w->column_count == 0 || nodes_find(n, "hashembed", w->column_count) >= 0)
        return err_set(e, ERR_CONFIG, "%s: nodes: more hashembed layers than the %zu columns",
                       nodes_name(n), w->column_count);
    for (size_t i = 0; rc == 0 && i < w->column_count; i++)
        rc = load_table(n, i, w, e);
    return rc;
}

static int load_vector_projection(const struct nodes *n, struct weights *w, struct err *e)
{
    int node = nodes_find(n, "static_vectors", 0);
    size_t shape[2] = {w->width, 0};
    int rc;

    if (node < 0)
        return 0;
    rc = nodes_floats(n, node, "W", 2, shape, &w->vector_W, e);
    if (rc < 0)
        return rc;
    w->vector_width = shape[1];
    if (w->vector_width > WEIGHTS_MAX_WIDTH || nodes_find(n, "static_vectors", 1) >= 0)
        return err_set(e, ERR_CONFIG, "%s: params[%d].W: one static_vectors layer up to %d wide",
                       nodes_name(n), node, WEIGHTS_MAX_WIDTH);
    transpose(&w->vector_W, 1, w->width, w->vector_width);
    return 0;
}

/* The nth maxout and the layernorm that follows it; `inputs` is what the layers before demand. */
static int load_maxout(const struct nodes *n, size_t nth, size_t inputs, struct weights *w,
                       struct maxout_weights *m, struct err *e)
{
    int node = nodes_find(n, "maxout", nth), norm = nodes_find(n, "layernorm", nth);
    size_t shape[3] = {w->width, 0, inputs}, width[1] = {w->width};
    int rc;

    if (node < 0 || norm < 0)
        return missing(n, node < 0 ? "maxout" : "layernorm", e);
    rc = nodes_floats(n, node, "W", 3, shape, &m->W, e);
    if (rc == 0 && shape[1] > WEIGHTS_MAX_PIECES)
        rc = err_set(e, ERR_CONFIG, "%s: params[%d].W: more than %d pieces", nodes_name(n), node,
                     WEIGHTS_MAX_PIECES);
    if (rc == 0)
        rc = nodes_floats(n, node, "b", 2, shape, &m->b, e);
    if (rc == 0)
        rc = nodes_floats(n, norm, "G", 1, width, &m->gain, e);
    if (rc == 0)
        rc = nodes_floats(n, norm, "b", 1, width, &m->shift, e);
    if (rc < 0)
        return rc;
    m->inputs = inputs;
    m->pieces = shape[1];
    m->width = w->width;
    lay_out_pieces(&m->W, 1, m->width, m->pieces, inputs);
    lay_out_pieces(&m->b, 1, m->width, m->pieces, 1);
    return 0;
}

/* Window size of all layers, their number, and that the padding is what we compute with. */
static int load_geometry(const struct nodes *n, struct weights *w, struct err *e)
{
    int wrapper = nodes_find_start(n, "with_array(residual("), node;
    uint64_t window = 0, pad = 0;
    int rc = 0;

    for (; rc == 0 && (node = nodes_find(n, "expand_window", w->depth)) >= 0; w->depth++) {
        if (w->depth == WEIGHTS_MAX_DEPTH)
            return err_set(e, ERR_CONFIG, "%s: nodes: more than %d window layers", nodes_name(n),
                           WEIGHTS_MAX_DEPTH);
        rc = nodes_number(n, node, "window_size", WEIGHTS_MAX_WINDOW, &window, e);
        if (rc == 0 && (window == 0 || (w->depth && window != w->window)))
            return err_set(e, ERR_CONFIG, "%s: attrs[%d].window_size: 0 or not that of the others",
                           nodes_name(n), node);
        w->window = (size_t)window;
    }
    if (rc == 0 && (wrapper < 0 || w->depth == 0))
        rc = missing(n, wrapper < 0 ? "with_array(residual(…" : "expand_window", e);
    if (rc == 0)
        rc = nodes_number(n, wrapper, "pad", UINT32_MAX, &pad, e);
    if (rc == 0 && pad != w->window * w->depth)
        rc = err_set(e, ERR_CONFIG, "%s: attrs[%d].pad: not window_size times depth", nodes_name(n),
                     wrapper);
    if (rc == 0 && nodes_find(n, "maxout", w->depth + 1) >= 0)
        rc = err_set(e, ERR_CONFIG, "%s: nodes: more maxout layers than 1 + %zu", nodes_name(n),
                     w->depth);
    return rc;
}

static int load_encoder(const struct nodes *n, struct weights *w, struct err *e)
{
    int rc = load_tables(n, w, e);

    if (rc == 0)
        rc = load_vector_projection(n, w, e);
    if (rc == 0)
        rc = load_geometry(n, w, e);
    if (rc == 0)
        rc = load_maxout(n, 0, w->width * (w->column_count + (w->vector_width > 0)), w, &w->mixer,
                         e);
    for (size_t i = 0; rc == 0 && i < w->depth; i++)
        rc = load_maxout(n, i + 1, w->width * (2 * w->window + 1), w, &w->layers[i], e);
    return rc;
}

/* --- state scores --------------------------------------------------------------------------- */

/* The one linear layer that is not `upper`. */
static int load_linear(const struct nodes *n, int upper, struct weights *w, struct err *e)
{
    size_t nth = nodes_find(n, "linear", 0) == upper ? 1 : 0;
    int node = nodes_find(n, "linear", nth);
    size_t shape[2] = {0, w->width};
    int rc;

    if (node < 0)
        return missing(n, "linear", e);
    rc = nodes_floats(n, node, "W", 2, shape, &w->linear_W, e);
    if (rc == 0)
        rc = nodes_floats(n, node, "b", 1, shape, &w->linear_b, e);
    if (rc < 0)
        return rc;
    w->inputs = shape[0];
    transpose(&w->linear_W, 1, w->inputs, w->width);
    return 0;
}

/* spaCy's PrecomputableAffine, W [F, H, P, H']. */
static int load_lower(const struct nodes *n, int node, struct weights *w, struct err *e)
{
    size_t shape[4] = {0, 0, 0, w->inputs};
    int rc = nodes_floats(n, node, "W", 4, shape, &w->lower_W, e);

    if (rc < 0)
        return rc;
    w->features = shape[0];
    w->hidden = shape[1];
    w->hidden_pieces = shape[2];
    if ((w->features != 3 && w->features != 6) || w->hidden > WEIGHTS_MAX_WIDTH ||
        w->hidden_pieces > WEIGHTS_MAX_PIECES || w->inputs > WEIGHTS_MAX_WIDTH)
        return err_set(e, ERR_CONFIG, "%s: params[%d].W: shape is not supported", nodes_name(n),
                       node);
    size_t bias[2] = {w->hidden, w->hidden_pieces};
    size_t pad[4] = {1, w->features, w->hidden, w->hidden_pieces};
    rc = nodes_floats(n, node, "b", 2, bias, &w->lower_b, e);
    if (rc == 0)
        rc = nodes_floats(n, node, "pad", 4, pad, &w->lower_pad, e);
    if (rc < 0)
        return rc;
    lay_out_pieces(&w->lower_W, w->features, w->hidden, w->hidden_pieces, w->inputs);
    lay_out_pieces(&w->lower_b, 1, w->hidden, w->hidden_pieces, 1);
    lay_out_pieces(&w->lower_pad, w->features, w->hidden, w->hidden_pieces, 1);
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

static int load_scores(const struct nodes *n, struct weights *w, struct err *e)
{
    int lower, upper = -1, rc;
    uint64_t has_upper;

    if (nodes_find(n, "parser_model", 0) != 0)
        return missing(n, "parser_model", e);
    rc = nodes_number(n, 0, "has_upper", 1, &has_upper, e);
    if (rc < 0)
        return rc;
    lower = nodes_reference(n, 0, "lower");
    if (has_upper)
        upper = nodes_reference(n, 0, "upper");
    if (lower < 0 || (has_upper && upper < 0))
        return err_set(e, ERR_CONFIG, "%s: nodes[0].refs.%s: missing", nodes_name(n),
                       lower < 0 ? "lower" : "upper");
    rc = load_linear(n, upper, w, e);
    if (rc == 0)
        rc = load_lower(n, lower, w, e);
    if (rc == 0 && has_upper)
        rc = load_upper(n, upper, w, e);
    if (!has_upper)
        w->classes = w->hidden;
    return rc;
}
