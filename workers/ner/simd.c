/* simd: the loops of kernels.h over the vectors of one set of instructions. The Makefile compiles
 * this file once for each, with KERNELS the name of its table and LEVEL that of the set. Nothing
 * here may have external linkage but the table, or the linker could take code for another
 * processor.
 */
#include "kernels.h"

#include <stdint.h>

#if defined(__AVX512F__)
#define LANES     16
#define TILE_ROWS 8
#elif defined(__AVX2__)
#define LANES     8
#define TILE_ROWS 4
#elif defined(__aarch64__)
#define LANES     4
#define TILE_ROWS 8
#else
#define LANES     4
#define TILE_ROWS 4
#endif

#define CHUNK      3  /* vectors of outputs that a tile has side by side */
#define BLOCK_ROWS 64 /* of multiply(): what comes out of a chunk stays in the L1 cache */

typedef float vec __attribute__((vector_size(LANES * sizeof(float)), may_alias));
typedef int32_t ints __attribute__((vector_size(LANES * sizeof(float)), may_alias));

#define INLINE static inline __attribute__((always_inline))

INLINE vec *at(float *row, size_t i)
{
    return (vec *)(void *)row + i;
}

INLINE const vec *in_at(const float *row, size_t i)
{
    return (const vec *)(const void *)row + i;
}

INLINE vec select(ints mask, vec yes, vec no)
{
    return (vec)((mask & (ints)yes) | (~mask & (ints)no));
}

INLINE float add_up(vec v)
{
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            v[i] += v[i + half];
    return v[0];
}

/* out[TILE_ROWS, CHUNK] = in · panel[inputs, CHUNK]. As many sums as there are registers for, each
 * over the inputs in their order, so that a row's result does not depend on its neighbours. Where
 * there are fewer rows the last one is computed again. */
INLINE void tile(const float *in, size_t stride, size_t rows, size_t inputs, const vec *panel,
                 vec *out)
{
    const float *row[TILE_ROWS];
    vec sum[TILE_ROWS][CHUNK] = {{{0}}};

    for (size_t r = 0; r < TILE_ROWS; r++)
        row[r] = in + (r < rows ? r : rows - 1) * stride;
    for (size_t k = 0; k < inputs; k++, panel += CHUNK)
        for (size_t r = 0; r < TILE_ROWS; r++)
            for (size_t b = 0; b < CHUNK; b++)
                sum[r][b] += panel[b] * row[r][k];
    for (size_t r = 0; r < TILE_ROWS; r++)
        for (size_t b = 0; b < CHUNK; b++)
            out[r * CHUNK + b] = sum[r][b];
}

/* out[rows rounded up to tiles, CHUNK] */
static void tiles(const float *in, size_t stride, size_t rows, size_t inputs, const float *panel,
                  vec *out)
{
    for (size_t r = 0; r < rows; r += TILE_ROWS)
        tile(in + r * stride, stride, rows - r, inputs, in_at(panel, 0), out + r * CHUNK);
}

/* Where a chunk's vector b goes: the pieces of one vector of outputs follow each other. */
struct place {
    size_t piece, output;
    vec bias;
};

INLINE size_t block_count(const struct product *p)
{
    return p->outputs / LANES * p->pieces;
}

INLINE struct place place_of(const struct product *p, size_t block)
{
    size_t piece = block % p->pieces, output = block / p->pieces;

    return (struct place){piece, output, *in_at(p->bias + piece * p->outputs, output)};
}

/* The maximum over the pieces, as they come. */
INLINE void put(const struct place *place, vec y, float *row)
{
    vec *to = at(row, place->output);

    y += place->bias;
    *to = place->piece ? select(y > *to, y, *to) : y;
}

static void multiply(const struct product *p, const float *in, size_t stride, size_t rows,
                     float *out)
{
    vec y[BLOCK_ROWS * CHUNK];

    for (size_t first = 0; first < rows; first += BLOCK_ROWS) {
        size_t count = rows - first < BLOCK_ROWS ? rows - first : BLOCK_ROWS;
        const float *panel = p->panels;
        for (size_t block = 0; block < block_count(p); block += CHUNK) {
            tiles(in + first * stride, stride, count, p->inputs, panel, y);
            panel += p->inputs * CHUNK * LANES;
            for (size_t b = 0; b < CHUNK && block + b < block_count(p); b++) {
                struct place place = place_of(p, block + b);
                for (size_t r = 0; r < count; r++)
                    put(&place, y[r * CHUNK + b], out + (first + r) * p->outputs);
            }
        }
    }
}

/* --- windows: Winograd's F(4,3) at the points 0, 1, -1, 2, -2 (Lavin and Gray, 2015) -----------
 */

/* t[KERNELS_POSITIONS, groups, width]: six rows of `in` a group, every fourth row the first of one;
 * beyond in[rows + 2] they are zero. */
static void transform_inputs(const float *in, size_t width, size_t rows, const float *zero,
                             float *t)
{
    size_t groups = (rows + KERNELS_GROUP - 1) / KERNELS_GROUP, step = groups * width / LANES;

    for (size_t g = 0; g < groups; g++) {
        const float *row[KERNELS_POSITIONS];
        for (size_t i = 0; i < KERNELS_POSITIONS; i++)
            row[i] = KERNELS_GROUP * g + i < rows + 2 ? in + (KERNELS_GROUP * g + i) * width : zero;
        for (size_t i = 0; i < width / LANES; i++) {
            vec d0 = *in_at(row[0], i), d1 = *in_at(row[1], i), d2 = *in_at(row[2], i);
            vec d3 = *in_at(row[3], i), d4 = *in_at(row[4], i), d5 = *in_at(row[5], i);
            vec even = d4 - 4.0f * d2, odd = d3 - 4.0f * d1;
            vec low = d4 - d2, high = 2.0f * (d3 - d1);
            vec *to = at(t + g * width, i);
            to[0] = 4.0f * d0 - 5.0f * d2 + d4;
            to[step] = even + odd;
            to[2 * step] = even - odd;
            to[3 * step] = low + high;
            to[4 * step] = low - high;
            to[5 * step] = 4.0f * d1 - 5.0f * d3 + d5;
        }
    }
}

/* The four rows of each group from its six products m[KERNELS_POSITIONS, step]. */
INLINE void transform_outputs(const struct place *place, const vec *m, size_t step, size_t rows,
                              size_t width, float *out)
{
    for (size_t r = 0; r < rows; r += KERNELS_GROUP, m += CHUNK) {
        vec plus = m[step] + m[2 * step], minus = m[step] - m[2 * step];
        vec plus2 = m[3 * step] + m[4 * step], minus2 = m[3 * step] - m[4 * step];
        put(place, m[0] + plus + plus2, out + r * width);
        if (r + 1 < rows)
            put(place, minus + 2.0f * minus2, out + (r + 1) * width);
        if (r + 2 < rows)
            put(place, plus + 4.0f * plus2, out + (r + 2) * width);
        if (r + 3 < rows)
            put(place, minus + 8.0f * minus2 + m[5 * step], out + (r + 3) * width);
    }
}

static void window(const struct product *p, const float *in, size_t rows, float *scratch,
                   float *out)
{
    size_t groups = (rows + KERNELS_GROUP - 1) / KERNELS_GROUP;
    size_t step = (groups + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS * CHUNK;
    float *zero = scratch, *t = zero + p->inputs;
    const float *panel = p->panels;
    vec *m = at(t + KERNELS_POSITIONS * groups * p->inputs, 0);

    for (size_t i = 0; i < p->inputs; i++)
        zero[i] = 0;
    transform_inputs(in, p->inputs, rows, zero, t);
    for (size_t block = 0; block < block_count(p); block += CHUNK) {
        for (size_t i = 0; i < KERNELS_POSITIONS; i++) {
            tiles(t + i * groups * p->inputs, p->inputs, groups, p->inputs, panel, m + i * step);
            panel += p->inputs * CHUNK * LANES;
        }
        for (size_t b = 0; b < CHUNK && block + b < block_count(p); b++) {
            struct place place = place_of(p, block + b);
            transform_outputs(&place, m + b, step, rows, p->outputs, out);
        }
    }
}

/* --- single rows ------------------------------------------------------------------------------ */

INLINE void norm_row(const struct norm *n, const float *residual, float *row)
{
    size_t vectors = n->width / LANES, all = floats_pad(n->width) / LANES;
    vec sums = {0}, squares = {0};
    float rest = 0;

    for (size_t i = 0; i < vectors; i++)
        sums += *in_at(row, i);
    for (size_t i = vectors * LANES; i < n->width; i++)
        rest += row[i];
    float mean = (add_up(sums) + rest) / (float)n->width;
    rest = 0;
    for (size_t i = 0; i < vectors; i++) {
        vec d = *in_at(row, i) - mean;
        squares += d * d;
    }
    for (size_t i = vectors * LANES; i < n->width; i++)
        rest += (row[i] - mean) * (row[i] - mean);
    float variance = (add_up(squares) + rest) / (float)n->width + 1e-8f;
    float scale = 1.0f / __builtin_sqrtf(variance);
    for (size_t i = 0; i < all; i++) {
        vec y = (*in_at(row, i) - mean) * scale * *in_at(n->gain, i) + *in_at(n->shift, i);
        if (residual)
            y += *in_at(residual, i);
        *at(row, i) = y;
    }
}

static void norm(const struct norm *n, const float *residual, float *row, size_t rows)
{
    size_t stride = floats_pad(n->width);

    for (size_t r = 0; r < rows; r++)
        norm_row(n, residual ? residual + r * stride : NULL, row + r * stride);
}

INLINE void largest(const float *const terms[], size_t count, size_t pieces, size_t width,
                    float *out)
{
    for (size_t i = 0; i < width / LANES; i++) {
        vec most = {0};
        for (size_t p = 0; p < pieces; p++) {
            vec y = *in_at(terms[0] + p * width, i);
            for (size_t t = 1; t < count; t++)
                y += *in_at(terms[t] + p * width, i);
            most = p ? select(y > most, y, most) : y;
        }
        *at(out, i) = most;
    }
}

static void largest_sum(const float *const terms[], size_t count, size_t pieces, size_t width,
                        float *out)
{
    if (count == 3 && pieces == 3) /* as trained by default; constants, to be unrolled */
        largest(terms, 3, 3, width, out);
    else if (count == 2 && pieces == 2)
        largest(terms, 2, 2, width, out);
    else
        largest(terms, count, pieces, width, out);
}

static void add_product(const float *x, const float *W, size_t inputs, size_t width, float *out)
{
    enum { SUMS = FLOATS_ALIGN / LANES };

    for (size_t i = 0; i < width / LANES; i += SUMS) {
        vec sum[SUMS];
        for (size_t j = 0; j < SUMS; j++)
            sum[j] = *at(out, i + j);
        for (size_t k = 0; k < inputs; k++)
            for (size_t j = 0; j < SUMS; j++)
                sum[j] += x[k] * *in_at(W + k * width, i + j);
        for (size_t j = 0; j < SUMS; j++)
            *at(out, i + j) = sum[j];
    }
}

static size_t first_largest(const float *x, size_t n)
{
    vec best = *in_at(x, 0);
    ints where = {0}, number = {0};

    for (int32_t i = 0; i < LANES; i++)
        where[i] = i;
    number = where;
    for (size_t i = 1; i * LANES < n; i++) {
        vec y = *in_at(x, i);
        ints mask = y > best;
        number += LANES;
        best = select(mask, y, best);
        where = (mask & number) | (~mask & where);
    }
    size_t at = 0;
    for (size_t i = 1; i < LANES && i < n; i++)
        if (best[i] > best[at] || (best[i] == best[at] && where[i] < where[at]))
            at = i;
    return (size_t)where[at];
}

extern const struct kernels KERNELS;
const struct kernels KERNELS = {
    LEVEL, LANES, multiply, window, norm, largest_sum, add_product, first_largest,
};
