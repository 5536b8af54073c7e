/* weights: see weights.h. Which node holds what: thinc's layer names, spaCy's tb_framework.py and
 * models/tok2vec.py. */
#include "weights.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "nodes.h"

static int load_encoder(const struct nodes *n, struct weights *w, struct err *e);

int weights_load(const struct model_dir *m, const struct kernels *k, struct weights **out,
                 struct err *e)
{
    struct nodes *own = NULL, *shared = NULL;
    struct weights *w = xcalloc(1, sizeof *w);
    int rc = nodes_open(m->path, m->ner, &own, e);

    w->kernels = k;
    if (rc == 0 && nodes_find(own, "hashembed", 0) >= 0)
        rc = load_encoder(own, w, e);
    else if (rc == 0 && nodes_find(own, "tok2vec-listener", 0) >= 0 && *m->tok2vec) {
        rc = nodes_open(m->path, m->tok2vec, &shared, e);
        if (rc == 0)
            rc = load_encoder(shared, w, e);
    } else if (rc == 0) {
        rc = nodes_missing(own, "hashembed", e);
    }
    if (rc == 0)
        rc = weights_load_scores(own, w, e);
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
    product_free(m->product);
    free(m->norm.gain);
    free(m->norm.shift);
}

void weights_free(struct weights *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < WEIGHTS_MAX_COLUMNS; i++)
        free(w->columns[i].table);
    product_free(w->vector_product);
    free_maxout(&w->mixer);
    for (size_t i = 0; i < WEIGHTS_MAX_DEPTH; i++)
        free_maxout(&w->layers[i]);
    for (size_t i = 0; i <= 2 * WEIGHTS_MAX_WINDOW; i++)
        product_free(w->terms[i]);
    product_free(w->next_product);
    free(w->lower_W);
    free(w->lower_c);
    free(w->lower_b);
    free(w->lower_pad);
    free(w->upper_W);
    free(w->upper_b);
    free(w);
}

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
    w->stride = floats_pad(w->width);
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
        return nodes_missing(n, "extract_features", e);
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
    float *W;
    rc = nodes_floats(n, node, "W", 2, shape, &W, e);
    if (rc < 0)
        return rc;
    w->vector_width = shape[1];
    if (w->vector_width > WEIGHTS_MAX_WIDTH || nodes_find(n, "static_vectors", 1) >= 0) {
        free(W);
        return err_set(e, ERR_CONFIG, "%s: params[%d].W: one static_vectors layer up to %d wide",
                       nodes_name(n), node, WEIGHTS_MAX_WIDTH);
    }
    size_t stride = floats_pad(w->vector_width);
    W = lay_out(W, w->width, 1, 1, w->vector_width, stride);
    w->vector_product = product_new(w->kernels, W, NULL, stride, w->stride, 1);
    free(W);
    return 0;
}

/* The nth maxout, of `segments` rows side by side, and the layernorm that follows it. What was laid
 * out is the caller's to free, also after an error: W[segments, stride, pieces, stride] and
 * b[pieces, stride]. */
static int load_maxout(const struct nodes *n, size_t nth, size_t segments, const struct weights *w,
                       struct maxout_weights *m, float **W, float **b, struct err *e)
{
    int node = nodes_find(n, "maxout", nth), norm = nodes_find(n, "layernorm", nth);
    size_t shape[3] = {w->width, 0, segments * w->width}, width[1] = {w->width};
    int rc;

    *W = *b = NULL;
    if (node < 0 || norm < 0)
        return nodes_missing(n, node < 0 ? "maxout" : "layernorm", e);
    rc = nodes_floats(n, node, "W", 3, shape, W, e);
    if (rc == 0 && shape[1] > WEIGHTS_MAX_PIECES)
        rc = err_set(e, ERR_CONFIG, "%s: params[%d].W: more than %d pieces", nodes_name(n), node,
                     WEIGHTS_MAX_PIECES);
    if (rc == 0)
        rc = nodes_floats(n, node, "b", 2, shape, b, e);
    if (rc == 0)
        rc = nodes_floats(n, norm, "G", 1, width, &m->norm.gain, e);
    if (rc == 0)
        rc = nodes_floats(n, norm, "b", 1, width, &m->norm.shift, e);
    if (rc < 0)
        return rc;
    m->pieces = shape[1];
    m->norm.width = w->width;
    m->norm.gain = lay_out_bias(m->norm.gain, 1, w->width, 1);
    m->norm.shift = lay_out_bias(m->norm.shift, 1, w->width, 1);
    *W = lay_out(*W, w->width, m->pieces, segments, w->width, w->stride);
    *b = lay_out_bias(*b, 1, w->width, m->pieces);
    return 0;
}

static int load_mixer(const struct nodes *n, struct weights *w, struct err *e)
{
    size_t segments = w->column_count + (w->vector_width > 0);
    float *W, *b;
    int rc = load_maxout(n, 0, segments, w, &w->mixer, &W, &b, e);

    if (rc == 0)
        w->mixer.product =
            product_new(w->kernels, W, b, segments * w->stride, w->stride, w->mixer.pieces);
    free(W);
    free(b);
    return rc;
}

static int load_layer(const struct nodes *n, size_t i, struct weights *w, struct err *e)
{
    struct maxout_weights *m = &w->layers[i];
    size_t segments = 2 * w->window + 1;
    float *W, *b;
    int rc = load_maxout(n, i + 1, segments, w, m, &W, &b, e);
    size_t y_floats = m->pieces * w->stride;

    if (rc == 0 && i == 0)
        for (size_t j = 0; j < segments; j++)
            w->terms[j] = product_new(w->kernels, W + j * w->stride * y_floats,
                                      j == w->window ? b : NULL, w->stride, y_floats, 1);
    else if (rc == 0 && w->window == 1)
        m->product = product_window_new(w->kernels, W, b, w->stride, w->stride, m->pieces);
    else if (rc == 0)
        m->product = product_new(w->kernels, W, b, segments * w->stride, w->stride, m->pieces);
    free(W);
    free(b);
    return rc;
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
        rc = nodes_missing(n, wrapper < 0 ? "with_array(residual(…" : "expand_window", e);
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
        rc = load_mixer(n, w, e);
    for (size_t i = 0; rc == 0 && i < w->depth; i++)
        rc = load_layer(n, i, w, e);
    return rc;
}
