/* gemm: the one matrix product of this library, over OpenBLAS (serial: the workers fork).
 *
 * All matrices are row-major float32; a stride is the number of floats from a row to the next.
 * OpenBLAS adds in an order of its own: entities do not depend on it (measured, see the parity
 * test), but the last bits of a score do. Which kernels it uses is its own choice, or that of
 * OPENBLAS_CORETYPE in the environment. */
#ifndef NEWSMILL_NER_GEMM_H
#define NEWSMILL_NER_GEMM_H

#include <stddef.h>

#include "common/err.h"

/* out[m, n] = a[m, k] · b[k, n] */
void gemm(size_t m, size_t n, size_t k, const float *a, size_t a_stride, const float *b,
          size_t b_stride, float *out, size_t out_stride);

/* Compares products with plain loops once: an OpenBLAS older than its processor may pick kernels
 * that compute wrong results there. Returns 0 or ERR_CONFIG. */
int gemm_check(struct err *e);

/* A block of floats on a cache line of its own, not set to anything; free() it. Panics when there
 * is no memory. Pages that are never touched cost nothing. */
float *gemm_alloc(size_t floats);

#endif
