/* fuzz_batch: a message of the results list; what is accepted must come through a write and a
 * second parse with the same counts. */
#include <string.h>

#include "common/batch.h"
#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static void check_same(const struct batch *a, const struct batch *b)
{
    FUZZ_CHECK(strcmp(a->id, b->id) == 0 && a->at_ms == b->at_ms && a->articles == b->articles);
    FUZZ_CHECK(strcmp(a->publication, b->publication) == 0 && strcmp(a->name, b->name) == 0);
    FUZZ_CHECK(a->entity_count == b->entity_count);
    for (size_t i = 0; i < a->entity_count; i++) {
        const struct batch_entity *x = &a->entities[i], *y = &b->entities[i];
        FUZZ_CHECK(strcmp(x->word, y->word) == 0 && x->count == y->count);
        FUZZ_CHECK(x->label_count == y->label_count);
        for (size_t j = 0; j < x->label_count; j++) {
            FUZZ_CHECK(strcmp(x->labels[j].label, y->labels[j].label) == 0);
            FUZZ_CHECK(x->labels[j].count == y->labels[j].count);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct batch a, b;
    struct buf out;
    struct err e;

    int rc = batch_parse((const char *)data, size, &a, &e);
    FUZZ_CHECK(rc == 0 || rc == ERR_INPUT);
    if (rc < 0) {
        FUZZ_CHECK(strlen(e.text) > 0);
        return 0;
    }
    buf_init(&out, BATCH_MAX_JSON_BYTES);
    FUZZ_CHECK(batch_write(&a, &out) == 0);
    FUZZ_CHECK(batch_parse(out.bytes, out.length, &b, &e) == 0);
    check_same(&a, &b);
    batch_fini(&b);
    batch_fini(&a);
    buf_fini(&out);
    return 0;
}
