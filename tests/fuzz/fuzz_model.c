/* fuzz_model: the model loader. The first byte of an input picks a file of a tiny model, the rest
 * is what stands in it; what loads all the same must run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "workers/ner/read_file.h"

#define DIRECTORY "build/fuzz/tiny_model" /* written by make_seeds.py */
#define MAX_BYTES (1u << 20)

static const char *const names[] = {
    "config.cfg",    "tokenizer", "vocab/lookups.bin", "vocab/vectors.cfg", "vocab/vectors",
    "vocab/key2row", "ner/cfg",   "ner/moves",         "ner/model",         "tok2vec/model",
};
#define FILE_COUNT (sizeof names / sizeof *names)

static struct {
    char *bytes;
    size_t length;
} files[FILE_COUNT];
static size_t replaced = FILE_COUNT;
static const uint8_t *replacement;
static size_t replacement_length;

static void load(size_t i)
{
    char path[128];

    snprintf(path, sizeof path, DIRECTORY "/%s", names[i]);
    FILE *file = fopen(path, "rb");
    if (!file)
        panic("%s: missing", path);
    files[i].bytes = xmalloc(MAX_BYTES);
    files[i].length = fread(files[i].bytes, 1, MAX_BYTES, file);
    fclose(file);
}

/* In place of the library's: this one reads from memory. */
int read_file(const char *directory, const char *name, size_t max_bytes, char **bytes,
              size_t *length, struct err *e)
{
    (void)directory;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        const void *from = i == replaced ? (const void *)replacement : files[i].bytes;
        if (strcmp(names[i], name) != 0)
            continue;
        *length = i == replaced ? replacement_length : files[i].length;
        if (*length > max_bytes)
            return err_set(e, ERR_CONFIG, "%s: too large", name);
        *bytes = xmalloc(*length + 1);
        memcpy(*bytes, from, *length);
        (*bytes)[*length] = 0;
        return 0;
    }
    return err_set(e, ERR_CONFIG, "%s: missing", name);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct ner_model *model;
    struct err e;

    (void)argc;
    (void)argv;
    for (size_t i = 0; i < FILE_COUNT; i++)
        load(i);
    if (ner_model_open(DIRECTORY, &model, &e) < 0)
        panic("the tiny model itself: %s", e.text);
    ner_model_close(model);
    return 0;
}

static void run(const struct ner_model *model)
{
    static const char text[] =
        "Don't go to L.A., Anna  said (at 5pm): \"ab--cd.\" http://a.b/c\n\nX";
    struct ner *ner = ner_new(model);
    struct ner_doc doc;
    struct err e;

    int rc = ner_run(ner, text, strlen(text), &doc, &e);
    FUZZ_CHECK(rc == 0 || rc == ERR_LIMIT);
    if (rc == 0)
        fuzz_check_doc(model, text, strlen(text), &doc);
    ner_free(ner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ner_model *model = NULL;
    struct err e;

    if (size == 0)
        return 0;
    replaced = data[0] % FILE_COUNT;
    replacement = data + 1;
    replacement_length = size - 1;
    int rc = ner_model_open(DIRECTORY, &model, &e);
    FUZZ_CHECK(rc == 0 || rc == ERR_CONFIG);
    FUZZ_CHECK(rc == 0 || strlen(e.text) > 0);
    if (rc == 0)
        run(model);
    ner_model_close(model);
    return 0;
}
