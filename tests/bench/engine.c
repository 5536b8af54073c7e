/* bench-engine: runs the engine over a corpus each time it is told to, for tests/bench/ner.py.
 *
 *   bench-engine MODEL TEXTS.ndjson
 *   bench-engine levels                 the kernels that this machine can run, best first
 *
 * Says "ready LOAD_MS"; then for every line on stdin works all texts and says "WALL_S CPU_S TOKENS
 * ENTITIES"; at the end "memory PEAK_KIB PRIVATE_KIB". The caches are empty the first time only, as
 * spaCy's are. The same file built with STAGES (bench-stages) is linked so that the calls from one
 * part of the engine to the next go through here, and adds what each took. */
#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "workers/ner/kernels.h"
#include "workers/ner/ner.h"

static char **texts;
static size_t text_count;

static double seconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

#ifdef STAGES
#include "stages.h"
#else
static void stages_clear(void)
{
}
static void stages_print(double all)
{
    (void)all;
}
#endif

static void read_texts(const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;

    if (!file)
        panic("%s cannot be opened", path);
    while (getline(&line, &size, file) > 0) {
        cJSON *json = cJSON_Parse(line);
        const cJSON *content = cJSON_GetObjectItemCaseSensitive(json, "content");
        if (!cJSON_IsString(content))
            panic("%s:%zu: no content", path, text_count + 1);
        texts = xrealloc(texts, (text_count + 1) * sizeof *texts);
        texts[text_count++] = xstrdup(content->valuestring);
        cJSON_Delete(json);
    }
    free(line);
    fclose(file);
}

static void run(struct ner *ner)
{
    size_t tokens = 0, entities = 0;
    struct ner_doc doc;
    struct err e;

    stages_clear();
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (size_t i = 0; i < text_count; i++) {
        if (ner_run(ner, texts[i], strlen(texts[i]), &doc, &e) < 0)
            panic("text %zu: %s", i, e.text);
        tokens += doc.token_count;
        entities += doc.entity_count;
    }
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("%.6f %.6f %zu %zu", wall, cpu, tokens, entities);
    stages_print(cpu);
    putchar('\n');
    fflush(stdout);
}

/* A line of /proc/self/FILE, or the sum of several that begin alike. */
static long kib(const char *path, const char *name)
{
    FILE *file = fopen(path, "r");
    char line[256];
    long sum = 0;

    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            sum += strtol(strchr(line, ':') + 1, NULL, 10);
    if (file)
        fclose(file);
    return sum;
}

int main(int argc, char **argv)
{
    struct ner_model *model;
    struct err e;
    char line[64];

    for (size_t i = 0; argc == 2 && strcmp(argv[1], "levels") == 0; i++) {
        if (!kernels_runnable(i))
            return 0;
        puts(kernels_runnable(i)->name);
    }
    if (argc != 3) {
        fputs("usage: bench-engine MODEL TEXTS.ndjson | levels\n", stderr);
        return 64;
    }
    double start = seconds(CLOCK_MONOTONIC);
    if (ner_model_open(argv[1], &model, &e) < 0)
        panic("%s", e.text);
    double load_ms = 1e3 * (seconds(CLOCK_MONOTONIC) - start);
    read_texts(argv[2]);
    printf("ready %.1f\n", load_ms);
    fflush(stdout);
    struct ner *ner = ner_new(model);
    while (fgets(line, sizeof line, stdin))
        run(ner);
    printf("memory %ld %ld\n", kib("/proc/self/status", "VmHWM"),
           kib("/proc/self/smaps_rollup", "Private_"));
    ner_free(ner);
    ner_model_close(model);
    return 0;
}
