/* bench-bound: what this machine can do at best: the three window layers that no cache saves,
 * alone, as plain products with maxout, layer norm and residual. For tests/bench/ner.py.
 *
 *   bench-bound ROWS TOKENS
 *
 * For every line on stdin runs about TOKENS tokens through, ROWS at a time, and says
 * "WALL_US CPU_US KERNELS", the times a token. It shares no code with the engine, so that it cannot
 * slow down with it. */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WIDTH  96
#define PIECES 3
#define INPUTS (3 * WIDTH)
#define LAYERS 3

static float weights[LAYERS][INPUTS * PIECES * WIDTH], bias[PIECES * WIDTH];
static float gain[WIDTH], shift[WIDTH];
static float *x, *next, *window, *y;

static void fill(float *out, size_t n)
{
    static unsigned dice = 1;

    for (size_t i = 0; i < n; i++) {
        dice = dice * 1664525u + 1013904223u;
        out[i] = ((float)(dice >> 8) / (1 << 24) - 0.5f) * 0.2f;
    }
}

static float *floats(size_t n)
{
    void *block = NULL;

    if (posix_memalign(&block, 64, n * sizeof(float)) != 0)
        abort();
    fill(block, n);
    return block;
}

/* Compiled with -O3 -ffast-math for the machine it runs on: the loops may be anything. */
static void finish(const float *restrict in, const float *restrict residual, float *restrict out)
{
    float most[WIDTH], mean = 0, variance = 0;

    for (size_t i = 0; i < WIDTH; i++)
        most[i] = fmaxf(in[i] + bias[i], fmaxf(in[WIDTH + i] + bias[WIDTH + i],
                                               in[2 * WIDTH + i] + bias[2 * WIDTH + i]));
    for (size_t i = 0; i < WIDTH; i++)
        mean += most[i];
    mean /= WIDTH;
    for (size_t i = 0; i < WIDTH; i++)
        variance += (most[i] - mean) * (most[i] - mean);
    float scale = 1 / sqrtf(variance / WIDTH + 1e-8f);
    for (size_t i = 0; i < WIDTH; i++)
        out[i] = residual[i] + (most[i] - mean) * scale * gain[i] + shift[i];
}

/* x has a row more at either end. */
static void layer(const float *W, size_t rows)
{
    for (size_t i = 0; i < rows; i++)
        memcpy(window + i * INPUTS, x + i * WIDTH, INPUTS * sizeof(float));
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)rows, PIECES * WIDTH, INPUTS,
                1.0f, window, INPUTS, W, PIECES * WIDTH, 0.0f, y, PIECES * WIDTH);
    for (size_t i = 0; i < rows; i++)
        finish(y + i * PIECES * WIDTH, x + (i + 1) * WIDTH, next + (i + 1) * WIDTH);
    float *swap = x;
    x = next;
    next = swap;
}

static double now_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

int main(int argc, char **argv)
{
    size_t rows = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
    size_t tokens = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    char line[64];

    if (rows == 0 || rows > 65536 || tokens < rows) {
        fputs("usage: bench-bound ROWS TOKENS\n", stderr);
        return 64;
    }
    x = floats((rows + 2) * WIDTH);
    next = floats((rows + 2) * WIDTH);
    window = floats(rows * INPUTS);
    y = floats(rows * PIECES * WIDTH);
    for (size_t k = 0; k < LAYERS; k++)
        fill(weights[k], INPUTS * PIECES * WIDTH);
    fill(bias, PIECES * WIDTH);
    fill(gain, WIDTH);
    fill(shift, WIDTH);
    while (fgets(line, sizeof line, stdin)) {
        double wall = now_us(CLOCK_MONOTONIC), cpu = now_us(CLOCK_PROCESS_CPUTIME_ID);
        for (size_t done = 0; done < tokens; done += rows)
            for (size_t k = 0; k < LAYERS; k++)
                layer(weights[k], rows);
        wall = now_us(CLOCK_MONOTONIC) - wall;
        cpu = now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        double all = (double)((tokens + rows - 1) / rows * rows);
        printf("%.4f %.4f %s\n", wall / all, cpu / all, openblas_get_corename());
        fflush(stdout);
    }
    return 0;
}
