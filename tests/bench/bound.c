/* bench-bound: what one core can do at best: multiply-adds on registers alone. Built once for each
 * set of instructions of workers/ner/simd.c, with its flags. For tests/bench/ner.py.
 *
 * For every line on stdin says "CPU_S MULTIPLY_ADDS" of some tens of milliseconds. It shares no
 * code with the engine, so that it cannot slow down with it. */
#include <stdio.h>
#include <time.h>

#if defined(__AVX512F__)
#define BYTES    64
#define REGISTER "v"
#elif defined(__AVX2__)
#define BYTES    32
#define REGISTER "x"
#elif defined(__aarch64__)
#define BYTES    16
#define REGISTER "w"
#else
#define BYTES    16
#define REGISTER "x"
#endif

#define SUMS   12 /* independent of each other: more than one takes in latency */
#define ROUNDS 20000000L

typedef float vec __attribute__((vector_size(BYTES)));

static double cpu_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(void)
{
    vec sum[SUMS] = {{0}}, a = {0}, b = {0};
    char line[64];

    while (fgets(line, sizeof line, stdin)) {
        double start = cpu_s();
        /* The compiler must not know what these hold, or it would compute nothing. */
        __asm__ volatile("" : "+" REGISTER(a), "+" REGISTER(b));
        for (long r = 0; r < ROUNDS; r++)
            for (int i = 0; i < SUMS; i++) {
                sum[i] += a * b;
                __asm__ volatile("" : "+" REGISTER(sum[i]));
            }
        printf("%.6f %.0f\n", cpu_s() - start, (double)(BYTES / sizeof(float)) * SUMS * ROUNDS);
        fflush(stdout);
    }
    return 0;
}
