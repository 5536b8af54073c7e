/* gemm: see gemm.h. The only file that knows a BLAS. */
#include "gemm.h"

#include <cblas.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

void gemm(size_t m, size_t n, size_t k, const float *a, size_t a_stride, const float *b,
          size_t b_stride, float *out, size_t out_stride)
{
    if (!m)
        return;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, 1.0f,
                a, (blasint)a_stride, b, (blasint)b_stride, 0.0f, out, (blasint)out_stride);
}

/* Multiples of 1/64 below 1: their products and sums of a few hundred are exact in a float, so
 * that any right kernel gives the same bits. */
static void fill(float *out, size_t n, uint32_t seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = (float)((int)(seed >> 25) - 64) / 64;
    }
}

static bool right(size_t m, size_t n, size_t k)
{
    float *a = gemm_alloc(m * k), *b = gemm_alloc(k * n), *out = gemm_alloc(m * n);
    bool same = true;

    fill(a, m * k, 1);
    fill(b, k * n, 2);
    for (size_t i = 0; i < m * n; i++)
        out[i] = NAN; /* beta = 0: must not be read */
    gemm(m, n, k, a, k, b, n, out, n);
    for (size_t i = 0; same && i < m; i++)
        for (size_t j = 0; same && j < n; j++) {
            float sum = 0;
            for (size_t l = 0; l < k; l++)
                sum += a[i * k + l] * b[l * n + j];
            same = sum == out[i * n + j];
        }
    free(a);
    free(b);
    free(out);
    return same;
}

int gemm_check(struct err *e)
{
    if (right(1, 37, 64) && right(35, 128, 96) && right(67, 288, 288))
        return 0;
    return err_set(e, ERR_CONFIG,
                   "OpenBLAS (%s kernels) computes wrong products on this processor; "
                   "OPENBLAS_CORETYPE=Haswell in the environment picks others",
                   openblas_get_corename());
}

float *gemm_alloc(size_t floats)
{
    void *block = NULL;

    if (floats > SIZE_MAX / sizeof(float) - 64 ||
        posix_memalign(&block, 64, floats * sizeof(float) + 64) != 0)
        panic("out of memory for %zu floats", floats);
    return block;
}
