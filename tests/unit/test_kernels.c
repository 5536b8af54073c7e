/* The kernels of every set of instructions that this machine can run, against plain loops in double
 * precision: all shapes around the edges of vectors, tiles and blocks, and numbers at the edges of
 * a float. Rows end where the memory does, so that no kernel can read beyond one unseen. */
#include <CUnit/CUnit.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/err.h"
#include "workers/ner/kernels.h"

void suite_kernels(void);

static const struct kernels *kernels; /* those under test */
static uint32_t dice = 1;

/* --- memory that ends at a page nobody may touch ------------------------------------------------
 */

struct guarded {
    char *map;
    size_t bytes;
    float *floats;
};

static struct guarded guarded_new(size_t count)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), need = count * sizeof(float);
    size_t bytes = (need + page - 1) / page * page + page;
    char *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CU_ASSERT_FATAL(map != MAP_FAILED && count % FLOATS_ALIGN == 0);
    CU_ASSERT_EQUAL_FATAL(mprotect(map + bytes - page, page, PROT_NONE), 0);
    return (struct guarded){map, bytes, (float *)(void *)(map + bytes - page - need)};
}

static void guarded_free(struct guarded *g)
{
    munmap(g->map, g->bytes);
}

static float draw(void)
{
    dice = dice * 1664525u + 1013904223u;
    return (float)(dice >> 8) / (1 << 23) - 1;
}

/* rows[count, stride of n], beyond n zero */
static void fill(float *rows, size_t count, size_t n)
{
    for (size_t r = 0; r < count; r++)
        for (size_t i = 0; i < floats_pad(n); i++)
            rows[r * floats_pad(n) + i] = i < n ? draw() : 0;
}

/* The same number, or as near as float32 sums of `scale` may be. */
static bool near(double found, double expected, double scale)
{
    if (isnan(expected) || isinf(expected))
        return isnan(expected) ? isnan(found) : found == expected;
    return fabs(found - expected) <= scale;
}

/* --- products --------------------------------------------------------------------------------- */

struct shape {
    size_t rows, inputs, outputs, pieces; /* not padded */
};

/* The largest piece of the row's product with W + bias; *size is what its terms add up to. */
static double reference(const struct shape *s, const float *in, const float *W, const float *bias,
                        size_t output, double *size)
{
    size_t stride = floats_pad(s->outputs);
    double most = 0;

    *size = 0;
    for (size_t p = 0; p < s->pieces; p++) {
        double y = (double)bias[p * stride + output], sizes = fabs(y);
        for (size_t i = 0; i < s->inputs; i++) {
            double term = (double)in[i] * (double)W[(i * s->pieces + p) * stride + output];
            y += term;
            sizes += fabs(term);
        }
        most = p == 0 || y > most ? y : most;
        *size = fmax(*size, sizes);
    }
    return most;
}

static void check_multiply(const struct shape *s, size_t step, float odd)
{
    size_t in_stride = floats_pad(s->inputs), out_stride = floats_pad(s->outputs), wrong = 0;
    struct guarded in = guarded_new((s->rows - 1) * step + in_stride);
    struct guarded W = guarded_new(in_stride * s->pieces * out_stride);
    struct guarded bias = guarded_new(s->pieces * out_stride);
    struct guarded out = guarded_new(s->rows * out_stride);

    memset(in.floats, 0, ((s->rows - 1) * step + in_stride) * sizeof(float));
    for (size_t r = 0; r < s->rows; r++) /* where rows overlap, so do the numbers */
        for (size_t i = 0; i < s->inputs; i++)
            in.floats[r * step + i] = draw();
    if (odd != 0)
        in.floats[(s->rows - 1) * step + s->inputs / 2] = odd;
    fill(W.floats, in_stride * s->pieces, s->outputs);
    memset(W.floats + s->inputs * s->pieces * out_stride, 0,
           (in_stride - s->inputs) * s->pieces * out_stride * sizeof(float));
    fill(bias.floats, s->pieces, s->outputs);
    struct product *p =
        product_new(kernels, W.floats, bias.floats, in_stride, out_stride, s->pieces);
    kernels->multiply(p, in.floats, step, s->rows, out.floats);
    for (size_t r = 0; r < s->rows; r++)
        for (size_t o = 0; o < s->outputs; o++) {
            double size,
                expected = reference(s, in.floats + r * step, W.floats, bias.floats, o, &size);
            wrong += !near((double)out.floats[r * out_stride + o], expected,
                           FLT_EPSILON * size * sqrt((double)s->inputs));
        }
    CU_ASSERT_EQUAL(wrong, 0);
    if (wrong)
        printf("\n  %s: multiply %zu x %zu x %zu, %zu pieces: %zu wrong", kernels->name, s->rows,
               s->inputs, s->outputs, s->pieces, wrong);
    product_free(p);
    guarded_free(&in);
    guarded_free(&W);
    guarded_free(&bias);
    guarded_free(&out);
}

/* An emulator takes its time: it gets every so many-th shape. */
#ifndef SHAPE_STEP
#define SHAPE_STEP 1
#endif

static const size_t some_rows[] = {1, 2, 3, 4, 5, 7, 8, 9, 63, 64, 65, 130};
static const size_t some_widths[] = {1, 3, 4, 5, 8, 15, 16, 17, 33, 50, 96, 128};
static const size_t some_pieces[] = {1, 2, 3, 4, 5, 8};
#define COUNT(list) (sizeof list / sizeof *list)

static void products(void)
{
    size_t number = 0;

    for (size_t i = 0; i < COUNT(some_rows); i++)
        for (size_t j = 0; j < COUNT(some_widths); j++)
            for (size_t k = 0; k < COUNT(some_pieces); k++) {
                if (number++ % SHAPE_STEP)
                    continue;
                /* every width is paired with every other in turn */
                size_t outputs = some_widths[(i + j + k) % COUNT(some_widths)];
                struct shape s = {some_rows[i], some_widths[j], outputs, some_pieces[k]};
                check_multiply(&s, floats_pad(s.inputs), 0);
            }
    for (size_t rows = 1; rows < 12; rows++) { /* the models' own; windows that overlap */
        check_multiply(&(struct shape){rows, 288, 96, 3}, 96, 0);
        check_multiply(&(struct shape){rows, 640, 128, 3}, 128, 0);
        check_multiply(&(struct shape){rows, 96, 864, 1}, 96, 0);
    }
}

static void odd_numbers(void)
{
    static const float odd[] = {INFINITY,         -INFINITY, NAN,   FLT_MAX, -FLT_MAX,
                                FLT_TRUE_MIN * 9, FLT_MIN,   1e30f, -1e-40f};

    for (size_t i = 0; i < COUNT(odd); i++)
        for (size_t rows = 1; rows < 10; rows++) {
            struct shape s = {rows, 50, 33, 2};
            if (!isnan(
                    odd[i])) /* of several pieces one may be less than another, which NAN is not */
                check_multiply(&s, 64, odd[i]);
            s.pieces = 1;
            check_multiply(&s, 64, odd[i]);
        }
}

/* Denormals alone: a kernel that flushes them to zero gives zero. */
static void denormals(void)
{
    float *in = floats_zero(16), *W = floats_zero(16 * 16), *out = floats_new(16);

    for (size_t i = 0; i < 16; i++) {
        in[i] = FLT_TRUE_MIN * (float)(i + 1);
        W[i * 16 + i] = 3;
    }
    struct product *p = product_new(kernels, W, NULL, 16, 16, 1);
    kernels->multiply(p, in, 16, 1, out);
    for (size_t i = 0; i < 16; i++)
        CU_ASSERT_EQUAL(out[i], FLT_TRUE_MIN * (float)(3 * (i + 1)));
    product_free(p);
    free(in);
    free(W);
    free(out);
}

/* A row's result must not depend on how many others are computed with it. */
static void rows_alone(void)
{
    enum { ROWS = 77, STRIDE = 96 };
    float *in = floats_new(ROWS * STRIDE), *W = floats_new(96 * 2 * 96);
    float *all = floats_new(ROWS * 96), *one = floats_new(96);

    fill(in, ROWS, 96);
    fill(W, 96 * 2, 96);
    struct product *p = product_new(kernels, W, NULL, 96, 96, 2);
    kernels->multiply(p, in, STRIDE, ROWS, all);
    for (size_t r = 0; r < ROWS; r++) {
        kernels->multiply(p, in + r * STRIDE, STRIDE, 1, one);
        CU_ASSERT_EQUAL(memcmp(one, all + r * 96, 96 * sizeof *one), 0);
    }
    product_free(p);
    free(in);
    free(W);
    free(all);
    free(one);
}

/* --- windows ---------------------------------------------------------------------------------- */

static void check_window(size_t rows, size_t width, size_t pieces)
{
    size_t stride = floats_pad(width), wrong = 0;
    struct guarded in = guarded_new((rows + 2) * stride);
    struct guarded W = guarded_new(3 * stride * pieces * stride);
    struct guarded bias = guarded_new(pieces * stride), out = guarded_new(rows * stride);
    float *scratch = floats_new(kernels_scratch_floats(stride, rows));
    const struct shape s = {rows, 3 * stride, width, pieces};

    fill(in.floats, rows + 2, width);
    fill(W.floats, 3 * stride * pieces, width);
    fill(bias.floats, pieces, width);
    for (size_t i = 0; i < 3 * stride; i++) /* inputs that only fill a row up weigh nothing */
        if (i % stride >= width)
            memset(W.floats + i * pieces * stride, 0, pieces * stride * sizeof(float));
    struct product *p = product_window_new(kernels, W.floats, bias.floats, stride, stride, pieces);
    kernels->window(p, in.floats, rows, scratch, out.floats);
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < stride; o++) {
            double size, expected = 0, found = (double)out.floats[r * stride + o];
            if (o < width)
                expected = reference(&s, in.floats + r * stride, W.floats, bias.floats, o, &size);
            wrong += o < width ? !near(found, expected, 2e-6 * size) : found != 0;
        }
    CU_ASSERT_EQUAL(wrong, 0);
    if (wrong)
        printf("\n  %s: window %zu x %zu, %zu pieces: %zu wrong", kernels->name, rows, width,
               pieces, wrong);
    product_free(p);
    free(scratch);
    guarded_free(&in);
    guarded_free(&W);
    guarded_free(&bias);
    guarded_free(&out);
}

static void windows(void)
{
    size_t number = 0;

    for (size_t rows = 1; rows < 70; rows += rows < 20 ? 1 : 7)
        for (size_t j = 0; j < COUNT(some_widths); j++)
            if (number++ % SHAPE_STEP == 0)
                check_window(rows, some_widths[j], some_pieces[(rows + j) % COUNT(some_pieces)]);
    for (size_t rows = 1; rows < 40; rows += SHAPE_STEP) {
        check_window(rows, 96, 3);
        check_window(rows, 128, 3);
    }
    check_window(kernels_window_rows(96), 96, 3);
}

/* --- single rows ------------------------------------------------------------------------------ */

static void check_norm(size_t width, float odd, bool with_residual)
{
    size_t stride = floats_pad(width);
    struct guarded g = guarded_new(4 * stride);
    float *row = g.floats, *residual = row + stride, *gain = row + 2 * stride;
    float *before = floats_new(stride);
    const struct norm n = {width, gain, gain + stride};
    double mean = 0, variance = 0;

    fill(row, 4, width);
    if (odd != 0)
        row[width / 2] = odd;
    memcpy(before, row, stride * sizeof *row);
    for (size_t i = 0; i < width; i++)
        mean += (double)row[i] / (double)width;
    for (size_t i = 0; i < width; i++)
        variance += ((double)row[i] - mean) * ((double)row[i] - mean) / (double)width;
    kernels->norm(&n, with_residual ? residual : NULL, row, 1);
    for (size_t i = 0; i < stride; i++) {
        double expected = ((double)before[i] - mean) / sqrt(variance + 1e-8) * (double)gain[i] +
                          (double)n.shift[i] + (with_residual ? (double)residual[i] : 0);
        CU_ASSERT_TRUE(near((double)row[i], i < width ? expected : 0, 1e-5) ||
                       (i >= width && !isfinite(odd)));
    }
    free(before);
    guarded_free(&g);
}

static void norms(void)
{
    for (size_t j = 0; j < COUNT(some_widths); j++) {
        check_norm(some_widths[j], 0, false);
        check_norm(some_widths[j], 0, true);
        check_norm(some_widths[j], 1e-40f, true);
        check_norm(some_widths[j], 1e15f, false);
        check_norm(some_widths[j], INFINITY, true);
    }
}

static void check_largest_sum(size_t count, size_t pieces, size_t width)
{
    struct guarded g = guarded_new(count * pieces * width);
    const float *terms[9];
    float *out = floats_new(width);

    fill(g.floats, count * pieces, width);
    g.floats[width / 2] = -INFINITY;
    for (size_t t = 0; t < count; t++)
        terms[t] = g.floats + t * pieces * width;
    kernels->largest_sum(terms, count, pieces, width, out);
    for (size_t i = 0; i < width; i++) {
        float most = 0;
        for (size_t p = 0; p < pieces; p++) {
            float y = 0;
            for (size_t t = 0; t < count; t++)
                y += terms[t][p * width + i];
            most = p == 0 || y > most ? y : most;
        }
        CU_ASSERT_EQUAL(out[i], most);
    }
    free(out);
    guarded_free(&g);
}

static void check_add_product(size_t inputs, size_t width)
{
    struct guarded W = guarded_new(inputs * width), out = guarded_new(width);
    float *x = floats_new(inputs);
    double *expected = xmalloc(width * sizeof *expected);

    fill(W.floats, inputs, width);
    fill(out.floats, 1, width);
    for (size_t k = 0; k < inputs; k++)
        x[k] = draw();
    for (size_t i = 0; i < width; i++) {
        expected[i] = (double)out.floats[i];
        for (size_t k = 0; k < inputs; k++)
            expected[i] += (double)x[k] * (double)W.floats[k * width + i];
    }
    kernels->add_product(x, W.floats, inputs, width, out.floats);
    for (size_t i = 0; i < width; i++)
        CU_ASSERT_DOUBLE_EQUAL(out.floats[i], expected[i], 1e-5);
    free(expected);
    free(x);
    guarded_free(&W);
    guarded_free(&out);
}

static void sums(void)
{
    for (size_t count = 1; count < 10; count++)
        for (size_t k = 0; k < COUNT(some_pieces); k++)
            check_largest_sum(count, some_pieces[k], 16 * (1 + (count + k) % 7));
    for (size_t inputs = 1; inputs < 100; inputs += 7)
        for (size_t width = 16; width <= 256; width += 48)
            check_add_product(inputs, width);
}

static void first_of_the_largest(void)
{
    struct guarded g = guarded_new(128);
    float *x = g.floats;

    for (size_t n = 1; n <= 128; n++)
        for (int round = 0; round < 40; round++) {
            size_t expected = 0;
            for (size_t i = 0; i < 128; i++) { /* few numbers, so that many are the same */
                x[i] = i < n ? floorf(3 * draw()) : -INFINITY;
                expected = i < n && x[i] > x[expected] ? i : expected;
            }
            CU_ASSERT_EQUAL(kernels->first_largest(x, n), expected);
        }
    for (size_t n = 1; n <= 40; n++) { /* the answer is one of them, whatever they are */
        for (size_t i = 0; i < 128; i++)
            x[i] = i < n ? NAN : -INFINITY;
        CU_ASSERT_TRUE(kernels->first_largest(x, n) < n);
        x[n - 1] = -INFINITY;
        CU_ASSERT_TRUE(kernels->first_largest(x, n) < n);
        x[0] = -INFINITY;
        CU_ASSERT_TRUE(kernels->first_largest(x, n) < n);
    }
    guarded_free(&g);
}

/* --- the choice ------------------------------------------------------------------------------- */

static void choice(void)
{
    const char *given = getenv("NEWSMILL_KERNELS");
    char *before = given ? strdup(given) : NULL;
    const struct kernels *chosen;
    struct err e;

    unsetenv("NEWSMILL_KERNELS");
    CU_ASSERT_EQUAL(kernels_choose(&chosen, &e), 0);
    CU_ASSERT_PTR_EQUAL(chosen, kernels_runnable(0));
    setenv("NEWSMILL_KERNELS", "baseline", 1);
    CU_ASSERT_EQUAL(kernels_choose(&chosen, &e), 0);
    CU_ASSERT_STRING_EQUAL(chosen->name, "baseline");
    setenv("NEWSMILL_KERNELS", "abacus", 1);
    CU_ASSERT_EQUAL(kernels_choose(&chosen, &e), ERR_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "abacus"));
#ifdef __x86_64__
    setenv("NEWSMILL_KERNELS", "avx512", 1);
    bool runs = strcmp(kernels_runnable(0)->name, "avx512") == 0;
    CU_ASSERT_EQUAL(kernels_choose(&chosen, &e), runs ? 0 : ERR_CONFIG);
#endif
    if (before)
        setenv("NEWSMILL_KERNELS", before, 1);
    else
        unsetenv("NEWSMILL_KERNELS");
    free(before);
}

static void under_each(void (*test)(void))
{
    for (size_t i = 0; (kernels = kernels_runnable(i)); i++) {
        dice = 1;
        test();
    }
}

#define UNDER_EACH(test)                                                                           \
    static void each_##test(void)                                                                  \
    {                                                                                              \
        under_each(test);                                                                          \
    }
UNDER_EACH(products)
UNDER_EACH(odd_numbers)
UNDER_EACH(denormals)
UNDER_EACH(rows_alone)
UNDER_EACH(windows)
UNDER_EACH(norms)
UNDER_EACH(sums)
UNDER_EACH(first_of_the_largest)

void suite_kernels(void)
{
    CU_pSuite suite = CU_add_suite("kernels", NULL, NULL);

    CU_add_test(suite, "products of every shape", each_products);
    CU_add_test(suite, "infinities, NAN, the largest and smallest", each_odd_numbers);
    CU_add_test(suite, "denormals are not flushed", each_denormals);
    CU_add_test(suite, "a row does not depend on its neighbours", each_rows_alone);
    CU_add_test(suite, "windows of every shape", each_windows);
    CU_add_test(suite, "layer norm", each_norms);
    CU_add_test(suite, "sums and their largest", each_sums);
    CU_add_test(suite, "the first of the largest", each_first_of_the_largest);
    CU_add_test(suite, "what the processor can, or what is asked for", choice);
}
