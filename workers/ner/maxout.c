/* maxout: see maxout.h. Plain loops over LANES independent sums, so that a compiler may use vectors
 * without being allowed to reorder an addition (no -ffast-math). */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3") /* GCC 12 leaves such loops scalar at -O2 */
#endif

#include "maxout.h"

#include <math.h>

#define LANES 16

/* One copy of a function for each width of vectors, chosen when the program starts. Sanitizers do
 * not get along with functions resolved that early. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                             \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define EACH_VECTOR_WIDTH __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define EACH_VECTOR_WIDTH
#endif

#define INLINE static inline __attribute__((always_inline))

INLINE float add_up(const float lanes[LANES])
{
    float half[LANES / 2];

    for (size_t i = 0; i < LANES / 2; i++)
        half[i] = lanes[i] + lanes[i + LANES / 2];
    return ((half[0] + half[4]) + (half[2] + half[6])) +
           ((half[1] + half[5]) + (half[3] + half[7]));
}

INLINE float sum(const float *x, size_t n)
{
    float lanes[LANES] = {0}, rest = 0;
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lanes[j] += x[i + j];
    for (; i < n; i++)
        rest += x[i];
    return add_up(lanes) + rest;
}

INLINE float sum_of_squares(const float *x, float mean, size_t n)
{
    float lanes[LANES] = {0}, rest = 0;
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lanes[j] += (x[i + j] - mean) * (x[i + j] - mean);
    for (; i < n; i++)
        rest += (x[i] - mean) * (x[i] - mean);
    return add_up(lanes) + rest;
}

/* largest[width] = max over pieces of (y + b) */
INLINE void largest_piece(const float *restrict y, const float *restrict b, size_t pieces,
                          size_t width, float *restrict largest)
{
    for (size_t i = 0; i < width; i++)
        largest[i] = y[i] + b[i];
    for (size_t p = 1; p < pieces; p++) {
        y += width;
        b += width;
        for (size_t i = 0; i < width; i++) {
            float other = y[i] + b[i];
            largest[i] = other > largest[i] ? other : largest[i];
        }
    }
}

/* largest[width] = max over pieces of the sum of the terms */
INLINE void largest_sum(const float *const terms[], size_t term_count, size_t pieces, size_t width,
                        float *restrict largest)
{
    for (size_t i = 0; i < width; i++) {
        for (size_t p = 0; p < pieces; p++) {
            float y = terms[0][p * width + i];
            for (size_t t = 1; t < term_count; t++)
                y += terms[t][p * width + i];
            largest[i] = p == 0 || y > largest[i] ? y : largest[i];
        }
    }
}

/* thinc LayerNorm over x, then the residual connection. */
INLINE void norm(const struct maxout_weights *m, const float *restrict x, const float *residual,
                 float *out)
{
    size_t n = m->width;
    const float *restrict gain = m->gain, *restrict shift = m->shift;
    float mean = sum(x, n) / (float)n;
    float variance = sum_of_squares(x, mean, n) / (float)n + 1e-8f;
    float scale = 1.0f / sqrtf(variance);

    if (residual)
        for (size_t i = 0; i < n; i++)
            out[i] = residual[i] + ((x[i] - mean) * scale * gain[i] + shift[i]);
    else
        for (size_t i = 0; i < n; i++)
            out[i] = (x[i] - mean) * scale * gain[i] + shift[i];
}

EACH_VECTOR_WIDTH
void maxout_rows(const struct maxout_weights *m, const float *y, const float *residual, float *out,
                 size_t count)
{
    float largest[WEIGHTS_MAX_WIDTH];

    for (size_t r = 0; r < count; r++) {
        largest_piece(y + r * m->pieces * m->width, m->b, m->pieces, m->width, largest);
        norm(m, largest, residual ? residual + r * m->width : NULL, out + r * m->width);
    }
}

EACH_VECTOR_WIDTH
void maxout_sum(const struct maxout_weights *m, const float *const terms[], size_t term_count,
                const float *residual, float *out)
{
    float largest[WEIGHTS_MAX_WIDTH];

    if (term_count == 3 && m->pieces == 3) /* as trained by default; constants, to be unrolled */
        largest_sum(terms, 3, 3, m->width, largest);
    else
        largest_sum(terms, term_count, m->pieces, m->width, largest);
    norm(m, largest, residual, out);
}

EACH_VECTOR_WIDTH
void maxout_plain(const float *y, const float *b, size_t pieces, size_t width, float *out,
                  size_t count)
{
    for (size_t r = 0; r < count; r++)
        largest_piece(y + r * pieces * width, b, pieces, width, out + r * width);
}

EACH_VECTOR_WIDTH
void maxout_add(float *out, const float *x, float scale, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] += scale * x[i];
}

EACH_VECTOR_WIDTH
size_t maxout_first_largest(const float *x, size_t n)
{
    float lanes[LANES], largest = x[0];
    size_t i = 0;

    for (size_t j = 0; j < LANES; j++)
        lanes[j] = x[0];
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lanes[j] = x[i + j] > lanes[j] ? x[i + j] : lanes[j];
    for (; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    for (size_t j = 0; j < LANES; j++)
        largest = lanes[j] > largest ? lanes[j] : largest;
    for (i = 0; i + 1 < n && x[i] != largest; i++)
        ;
    return i;
}
