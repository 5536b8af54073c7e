/* kernels: see kernels.h. Which are chosen, and how weights are laid out for them. */
#include "kernels.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

#define CHUNK         3            /* as in simd.c */
#define WINDOW_FLOATS (48u * 1024) /* of transformed rows at once: a part of any L2 cache */
#define MAX_TILE_ROWS 8

extern const struct kernels kernels_baseline;

static bool always(void)
{
    return true;
}

#ifdef __x86_64__
extern const struct kernels kernels_avx2, kernels_avx512;

/* What the Makefile lets the compiler use for each; that the system saves the registers is part of
 * the answer. */
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}
#endif

static const struct {
    const struct kernels *kernels;
    bool (*runs)(void);
} levels[] = {
#ifdef __x86_64__
    {&kernels_avx512, has_avx512},
    {&kernels_avx2, has_avx2},
#endif
    {&kernels_baseline, always},
};
#define LEVEL_COUNT (sizeof levels / sizeof *levels)

const struct kernels *kernels_runnable(size_t i)
{
    for (size_t level = 0; level < LEVEL_COUNT; level++)
        if (levels[level].runs() && i-- == 0)
            return levels[level].kernels;
    return NULL;
}

int kernels_choose(const struct kernels **out, struct err *e)
{
    const char *name = getenv("NEWSMILL_KERNELS");

    if (!name || !*name) {
        *out = kernels_runnable(0);
        return 0;
    }
    for (size_t i = 0; i < LEVEL_COUNT; i++)
        if (strcmp(levels[i].kernels->name, name) == 0) {
            *out = levels[i].kernels;
            return levels[i].runs()
                       ? 0
                       : err_set(e, ERR_CONFIG,
                                 "NEWSMILL_KERNELS: this processor cannot run \"%s\"", name);
        }
    return err_set(e, ERR_CONFIG, "NEWSMILL_KERNELS: \"%s\": there are no such kernels here", name);
}

/* --- layout ----------------------------------------------------------------------------------- */

/* W[positions][inputs, pieces, outputs] into panels. */
static struct product *pack(const struct kernels *k, float *const *W, size_t positions,
                            const float *bias, size_t inputs, size_t outputs, size_t pieces)
{
    size_t blocks = outputs / k->lanes * pieces, chunks = (blocks + CHUNK - 1) / CHUNK;
    struct product *p = xcalloc(1, sizeof *p);

    *p = (struct product){inputs, outputs, pieces, positions, NULL, floats_zero(pieces * outputs)};
    p->panels = floats_zero(chunks * positions * inputs * CHUNK * k->lanes);
    if (bias)
        memcpy(p->bias, bias, pieces * outputs * sizeof *bias);
    for (size_t block = 0; block < blocks; block++) {
        size_t column = block % pieces * outputs + block / pieces * k->lanes;
        for (size_t position = 0; position < positions; position++) {
            size_t panel = block / CHUNK * positions + position;
            float *to = p->panels + (panel * inputs * CHUNK + block % CHUNK) * k->lanes;
            for (size_t i = 0; i < inputs; i++)
                memcpy(to + i * CHUNK * k->lanes, W[position] + i * pieces * outputs + column,
                       k->lanes * sizeof *to);
        }
    }
    return p;
}

struct product *product_new(const struct kernels *k, const float *W, const float *bias,
                            size_t inputs, size_t outputs, size_t pieces)
{
    float *const only[1] = {(float *)(uintptr_t)W};

    return pack(k, only, 1, bias, inputs, outputs, pieces);
}

/* The filters of F(4,3), in double precision. */
struct product *product_window_new(const struct kernels *k, const float *W, const float *bias,
                                   size_t inputs, size_t outputs, size_t pieces)
{
    static const double filter[KERNELS_POSITIONS][3] = {
        {1 / 4.0, 0, 0},
        {-1 / 6.0, -1 / 6.0, -1 / 6.0},
        {-1 / 6.0, 1 / 6.0, -1 / 6.0},
        {1 / 24.0, 1 / 12.0, 1 / 6.0},
        {1 / 24.0, -1 / 12.0, 1 / 6.0},
        {0, 0, 1},
    };
    size_t each = inputs * pieces * outputs;
    float *filtered[KERNELS_POSITIONS];

    for (size_t position = 0; position < KERNELS_POSITIONS; position++) {
        const double *f = filter[position];
        filtered[position] = floats_new(each);
        for (size_t i = 0; i < each; i++)
            filtered[position][i] = (float)(f[0] * (double)W[i] + f[1] * (double)W[each + i] +
                                            f[2] * (double)W[2 * each + i]);
    }
    struct product *p = pack(k, filtered, KERNELS_POSITIONS, bias, inputs, outputs, pieces);
    for (size_t position = 0; position < KERNELS_POSITIONS; position++)
        free(filtered[position]);
    return p;
}

void product_free(struct product *p)
{
    if (!p)
        return;
    free(p->panels);
    free(p->bias);
    free(p);
}

size_t kernels_window_rows(size_t inputs)
{
    size_t groups = WINDOW_FLOATS / (KERNELS_POSITIONS * inputs) / MAX_TILE_ROWS * MAX_TILE_ROWS;

    return KERNELS_GROUP * (groups ? groups : MAX_TILE_ROWS);
}

size_t kernels_scratch_floats(size_t inputs, size_t rows)
{
    size_t groups = (rows + KERNELS_GROUP - 1) / KERNELS_GROUP + MAX_TILE_ROWS - 1;

    return inputs + KERNELS_POSITIONS * groups * (inputs + CHUNK * FLOATS_ALIGN);
}
