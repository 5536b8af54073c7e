/* parity-scores: writes the scores of every move that may open or pass by an entity, for every
 * token of a corpus, computed in one of several ways, for scores.py to compare.
 *
 *   parity-scores MODEL TEXTS.ndjson WAY OUT       WAY: engine, direct, f23 or openblas
 *
 * "engine" is newsmill as it is; "direct" computes its windows without filtering, "f23" with
 * Winograd's F(2,3), both by the engine's kernels; "openblas" has all products from OpenBLAS
 * (OPENBLAS_CORETYPE picks its kernels). NEWSMILL_KERNELS picks the engine's. The linker's --wrap
 * sends the calls named here as __wrap_… through this file. OUT is float32 [tokens, moves]; the
 * number of moves is printed. */
#include <cblas.h>
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workers/ner/kernels.h"
#include "workers/ner/ner.h"
#include "workers/ner/scorer.h"

#define REAL(type, function, parameters)                                                           \
    type __real_##function parameters;                                                             \
    type __wrap_##function parameters;                                                             \
    type __wrap_##function parameters

static const char *way;
static const struct kernels *real;
static struct kernels changed;
static FILE *out_file;
static size_t move_count;

static bool is_way(const char *name)
{
    return strcmp(way, name) == 0;
}

/* --- what the scores are written from -----------------------------------------------------------
 */

REAL(struct scorer_weights *, scorer_weights_new,
     (const struct weights *w, const struct transitions *t))
{
    move_count = t->closed_count;
    return __real_scorer_weights_new(w, t);
}

REAL(void, scorer_run, (struct scorer * s, const float *x, size_t count))
{
    __real_scorer_run(s, x, count);
    for (size_t i = 0; i < count; i++)
        if (fwrite(scorer_closed(s, i), sizeof(float), move_count, out_file) != move_count)
            panic("the scores cannot be written");
}

/* --- other products -----------------------------------------------------------------------------
 */

/* out[rows, outputs] = max over pieces of (y[rows, pieces, outputs] + bias) */
static void largest_piece(const float *y, const float *bias, size_t rows, size_t pieces,
                          size_t outputs, float *out)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < outputs; o++) {
            float most = 0;
            for (size_t p = 0; p < pieces; p++) {
                float one = y[(r * pieces + p) * outputs + o] + bias[p * outputs + o];
                most = p == 0 || one > most ? one : most;
            }
            out[r * outputs + o] = most;
        }
}

/* OpenBLAS over weights as they are: p->panels is [inputs, pieces, outputs]. */
static void blas_multiply(const struct product *p, const float *in, size_t stride, size_t rows,
                          float *out)
{
    size_t columns = p->pieces * p->outputs;
    float *y = floats_new(rows * columns), *copy = floats_new(rows * p->inputs);

    if (rows > 0) {
        for (size_t r = 0; r < rows; r++) /* CBLAS refuses rows that overlap */
            memcpy(copy + r * p->inputs, in + r * stride, p->inputs * sizeof *in);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)rows, (blasint)columns,
                    (blasint)p->inputs, 1.0f, copy, (blasint)p->inputs, p->panels, (blasint)columns,
                    0.0f, y, (blasint)columns);
    }
    largest_piece(y, p->bias, rows, p->pieces, p->outputs, out);
    free(y);
    free(copy);
}

REAL(struct product *, product_new,
     (const struct kernels *k, const float *W, const float *bias, size_t inputs, size_t outputs,
      size_t pieces))
{
    if (!is_way("openblas"))
        return __real_product_new(k, W, bias, inputs, outputs, pieces);
    struct product *p = xcalloc(1, sizeof *p);
    size_t count = inputs * pieces * outputs;

    *p = (struct product){inputs, outputs,           pieces,
                          1,      floats_new(count), floats_zero(pieces * outputs)};
    memcpy(p->panels, W, count * sizeof *W);
    if (bias)
        memcpy(p->bias, bias, pieces * outputs * sizeof *bias);
    return p;
}

/* --- F(2,3)
 * --------------------------------------------------------------------------------------- */

#define F23_POSITIONS 4
#define MAX_LAYERS    16

static struct f23 {
    const struct product *of;
    struct product *products[F23_POSITIONS]; /* inputs -> [pieces, outputs] */
} f23[MAX_LAYERS];
static size_t f23_count;

static void f23_new(struct f23 *f, const struct kernels *k, const float *W, const struct product *p)
{
    static const float filter[F23_POSITIONS][3] = {
        {1, 0, 0}, {0.5f, 0.5f, 0.5f}, {0.5f, -0.5f, 0.5f}, {0, 0, 1}};
    size_t inputs = p->inputs / 3, columns = p->pieces * p->outputs, each = inputs * columns;
    float *filtered = floats_new(each);

    f->of = p;
    for (size_t position = 0; position < F23_POSITIONS; position++) {
        for (size_t i = 0; i < each; i++)
            filtered[i] = (float)((double)filter[position][0] * (double)W[i] +
                                  (double)filter[position][1] * (double)W[each + i] +
                                  (double)filter[position][2] * (double)W[2 * each + i]);
        f->products[position] = __real_product_new(k, filtered, NULL, inputs, columns, 1);
    }
    free(filtered);
}

static void f23_window(const struct product *p, const float *in, size_t rows, float *out)
{
    const struct f23 *f = f23;
    size_t width = p->inputs / 3, columns = p->pieces * p->outputs, groups = (rows + 1) / 2;
    float *padded = floats_zero((2 * groups + 2) * width), *t = floats_new(groups * width);
    float *m[F23_POSITIONS], *y = floats_new(2 * groups * columns);

    while (f->of != p)
        f++;
    memcpy(padded, in, (rows + 2) * width * sizeof *in);
    for (size_t position = 0; position < F23_POSITIONS; position++) {
        for (size_t g = 0; g < groups; g++)
            for (size_t i = 0; i < width; i++) {
                const float *d = padded + 2 * g * width + i;
                const float all[F23_POSITIONS] = {d[0] - d[2 * width], d[width] + d[2 * width],
                                                  d[2 * width] - d[width], d[width] - d[3 * width]};
                t[g * width + i] = all[position];
            }
        m[position] = floats_new(groups * columns);
        real->multiply(f->products[position], t, width, groups, m[position]);
    }
    for (size_t g = 0; g < groups; g++)
        for (size_t i = 0, at = g * columns; i < columns; i++, at++) {
            y[2 * g * columns + i] = m[0][at] + m[1][at] + m[2][at];
            y[(2 * g + 1) * columns + i] = m[1][at] - m[2][at] - m[3][at];
        }
    largest_piece(y, p->bias, rows, p->pieces, p->outputs, out);
    for (size_t position = 0; position < F23_POSITIONS; position++)
        free(m[position]);
    free(padded);
    free(t);
    free(y);
}

/* --- windows ------------------------------------------------------------------------------------
 */

REAL(struct product *, product_window_new,
     (const struct kernels *k, const float *W, const float *bias, size_t inputs, size_t outputs,
      size_t pieces))
{
    if (is_way("engine"))
        return __real_product_window_new(k, W, bias, inputs, outputs, pieces);
    struct product *p = __wrap_product_new(k, W, bias, 3 * inputs, outputs, pieces);

    if (is_way("f23") && f23_count < MAX_LAYERS)
        f23_new(&f23[f23_count++], k, W, p);
    return p;
}

static void other_window(const struct product *p, const float *in, size_t rows, float *scratch,
                         float *out)
{
    (void)scratch;
    if (is_way("f23"))
        f23_window(p, in, rows, out);
    else
        changed.multiply(p, in, p->inputs / 3, rows, out);
}

REAL(int, kernels_choose, (const struct kernels **out, struct err *e))
{
    int rc = __real_kernels_choose(&real, e);

    if (rc < 0)
        return rc;
    changed = *real;
    if (!is_way("engine"))
        changed.window = other_window;
    if (is_way("openblas"))
        changed.multiply = blas_multiply;
    *out = &changed;
    return 0;
}

int main(int argc, char **argv)
{
    struct ner_model *model;
    struct ner_doc doc;
    struct err e;
    char *line = NULL;
    size_t size = 0;

    if (argc != 5) {
        fputs("usage: parity-scores MODEL TEXTS.ndjson engine|direct|f23|openblas OUT\n", stderr);
        return 64;
    }
    way = argv[3];
    FILE *texts = fopen(argv[2], "r");
    out_file = fopen(argv[4], "wb");
    if (!texts || !out_file)
        panic("%s or %s cannot be opened", argv[2], argv[4]);
    if (ner_model_open(argv[1], &model, &e) < 0)
        panic("%s", e.text);
    struct ner *ner = ner_new(model);
    while (getline(&line, &size, texts) > 0) {
        cJSON *json = cJSON_Parse(line);
        const cJSON *content = cJSON_GetObjectItemCaseSensitive(json, "content");
        if (!cJSON_IsString(content) ||
            ner_run(ner, content->valuestring, strlen(content->valuestring), &doc, &e) < 0)
            panic("%s: a line without a text", argv[2]);
        cJSON_Delete(json);
    }
    free(line);
    fclose(texts);
    if (fclose(out_file) != 0)
        panic("%s: cannot be written", argv[4]);
    printf("%zu %s\n", move_count, is_way("openblas") ? openblas_get_corename() : changed.name);
    ner_free(ner);
    ner_model_close(model);
    return 0;
}
