/* fuzz_tokenizer: the tokenizer alone, which is much faster than the engine around it: a state
 * whose caches are warm and one that forgets must give the same tokens. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "workers/ner/tokenizer.h"

#define TEXTS_A_STATE 64

static struct tokenizer *tokenizer;
static struct tokenizer_state *warm, *fresh;
static unsigned texts;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct err e;

    (void)argc;
    (void)argv;
    if (tokenizer_load(FUZZ_MODEL, &tokenizer, &e) < 0)
        panic("%s", e.text);
    warm = tokenizer_state_new(tokenizer);
    return 0;
}

/* Everything that the network is going to see of a token. */
static void check_same(const struct word_type *a, const struct word_type *b)
{
    FUZZ_CHECK(a->orth == b->orth && a->lower == b->lower && a->norm == b->norm);
    FUZZ_CHECK(a->prefix == b->prefix && a->suffix == b->suffix && a->shape == b->shape);
    FUZZ_CHECK(a->is_space == b->is_space && a->code_points == b->code_points);
}

static void compare(const struct token *a, const struct token *b, size_t count)
{
    size_t type_count;
    uint64_t generation;
    const struct word_type *of_a = tokenizer_types(warm, &type_count, &generation);
    const struct word_type *of_b = tokenizer_types(fresh, &type_count, &generation);

    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(a[i].start_byte == b[i].start_byte && a[i].end_byte == b[i].end_byte);
        FUZZ_CHECK(a[i].start == b[i].start && a[i].end == b[i].end && a[i].spacy == b[i].spacy);
        FUZZ_CHECK(of_a[a[i].type].byte_length == a[i].end_byte - a[i].start_byte);
        check_same(&of_a[a[i].type], &of_b[b[i].type]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct token *a, *b;
    size_t length, a_count, b_count;
    struct err e;
    char *text = fuzz_text(data, size, &length);

    if (texts++ % TEXTS_A_STATE == 0) {
        tokenizer_state_free(fresh);
        fresh = tokenizer_state_new(tokenizer);
    }
    int rc = tokenizer_run(warm, text, length, &a, &a_count, &e);
    FUZZ_CHECK(rc == 0 || rc == ERR_LIMIT);
    FUZZ_CHECK(tokenizer_run(fresh, text, length, &b, &b_count, &e) == rc);
    if (rc == 0) {
        FUZZ_CHECK(a_count == b_count);
        compare(a, b, a_count);
    }
    free(text);
    return 0;
}
