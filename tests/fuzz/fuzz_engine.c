/* fuzz_engine: the whole engine on any text, cold and warm, with the small English model. It begins
 * with spaCy's answers at the edges: this build (clang, little optimized, no choice of vector
 * width) must give them too. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "tests/harness/golden.h"

/* Texts between two fresh starts, so that an input is seen by caches full of others. */
#define TEXTS_A_STATE 2000

static struct ner_model *model;
static struct ner *warm;
static unsigned texts;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct golden golden;
    struct err e;

    (void)argc;
    (void)argv;
    if (ner_model_open(FUZZ_MODEL, &model, &e) < 0)
        panic("%s", e.text);
    warm = ner_new(model);
    FUZZ_CHECK(golden_load(GOLDEN_EDGE, &golden) == 0);
    for (size_t i = 0; i < golden.count; i++)
        FUZZ_CHECK(golden_run(&golden, i, model, warm));
    golden_free(&golden);
    return 0;
}

struct answer {
    int rc;
    struct ner_token *tokens;
    struct ner_entity *entities;
    size_t token_count, entity_count;
};

static void keep(struct answer *a, int rc, const struct ner_doc *doc)
{
    *a = (struct answer){.rc = rc};
    if (rc < 0)
        return;
    a->token_count = doc->token_count;
    a->entity_count = doc->entity_count;
    a->tokens = xcalloc(a->token_count + 1, sizeof *a->tokens);
    a->entities = xcalloc(a->entity_count + 1, sizeof *a->entities);
    if (a->token_count)
        memcpy(a->tokens, doc->tokens, a->token_count * sizeof *a->tokens);
    if (a->entity_count)
        memcpy(a->entities, doc->entities, a->entity_count * sizeof *a->entities);
}

static void compare(const struct answer *a, int rc, const struct ner_doc *doc)
{
    FUZZ_CHECK(rc == a->rc);
    if (rc < 0)
        return;
    FUZZ_CHECK(doc->token_count == a->token_count && doc->entity_count == a->entity_count);
    if (a->token_count)
        FUZZ_CHECK(memcmp(doc->tokens, a->tokens, a->token_count * sizeof *a->tokens) == 0);
    if (a->entity_count)
        FUZZ_CHECK(memcmp(doc->entities, a->entities, a->entity_count * sizeof *a->entities) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ner_doc doc;
    struct answer first;
    struct err e;
    size_t length;
    char *text = fuzz_text(data, size, &length);

    if (texts++ % TEXTS_A_STATE == 0) {
        ner_free(warm);
        warm = ner_new(model);
    }
    int rc = ner_run(warm, text, length, &doc, &e);
    FUZZ_CHECK(rc == 0 || rc == ERR_LIMIT);
    if (rc == 0)
        fuzz_check_doc(model, text, length, &doc);
    keep(&first, rc, &doc);
    rc = ner_run(warm, text, length, &doc, &e); /* everything of it is in the caches now */
    compare(&first, rc, &doc);
    free(first.tokens);
    free(first.entities);
    free(text);
    return 0;
}
