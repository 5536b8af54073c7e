/* bench-worst: the processor time that the longest article takes when it is made of one unit over
 * and over, for the units that cost the tokenizer most (tests/unit/test_tokenizer_steps.c bounds
 * their steps) and for those that make most tokens.
 *
 *   bench-worst MODEL [BYTES]           8 MiB unless told */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "workers/ner/ner.h"

static double cpu_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    static const char *const units[] = {"#",      "$",  "a-",       "# ",         "a.B", "\u20ac",
                                        "\u4e2d", "ab", "\u20ac.1", "\U0001f600", "a@"};
    struct ner_model *model;
    struct ner_doc doc;
    struct err e;

    if (argc < 2 || ner_model_open(argv[1], &model, &e) < 0) {
        fprintf(stderr, "%s\n", argc < 2 ? "usage: bench-worst MODEL [BYTES]" : e.text);
        return 64;
    }
    size_t bytes = argc > 2 ? strtoul(argv[2], NULL, 10) : NER_MAX_TEXT_BYTES;
    struct ner *ner = ner_new(model);
    char *text = xmalloc(bytes);
    printf("%8s %10s  %s\n", "seconds", "tokens", "text");
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t unit_length = strlen(units[i]), length = 0;
        for (; length + unit_length <= bytes; length += unit_length)
            memcpy(text + length, units[i], unit_length);
        double start = cpu_s();
        if (ner_run(ner, text, length, &doc, &e) < 0)
            panic("%s: %s", units[i], e.text);
        printf("%8.2f %10zu  %s\n", cpu_s() - start, doc.token_count, units[i]);
        fflush(stdout);
    }
    free(text);
    ner_free(ner);
    ner_model_close(model);
    return 0;
}
