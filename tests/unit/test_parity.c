/* spaCy's answers at the edges (tests/parity/edge_corpus.py), and that they stay the same whatever
 * was run before, in whatever order, and whichever kernels multiply. The sample is test_ner.c's. */
#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "tests/harness/golden.h"
#include "workers/ner/kernels.h"
#include "workers/ner/ner.h"

void suite_parity(void);

#define MODEL "var/models/en_core_web_sm"

static struct ner_model *model;
static struct golden golden;

static int open_all(void)
{
    struct err e;

    if (ner_model_open(MODEL, &model, &e) < 0) {
        printf("\n  %s\n", e.text);
        return 1;
    }
    return golden_load(GOLDEN_EDGE, &golden) < 0;
}

static int close_all(void)
{
    golden_free(&golden);
    ner_model_close(model);
    return 0;
}

static void check_text(size_t i, struct ner *ner)
{
    CU_ASSERT_TRUE(golden_run(&golden, i, model, ner));
}

static void warm_and_in_any_order(void)
{
    struct ner *ner = ner_new(model);

    CU_ASSERT_TRUE(golden.count > 300);
    for (size_t i = 0; i < golden.count; i++)
        check_text(i, ner);
    for (size_t i = golden.count; i-- > 0;)
        check_text(i, ner);
    for (size_t i = 0; i < golden.count; i++) /* 7 has no factor in common with the count */
        check_text(i * 7 % golden.count, ner);
    ner_free(ner);
}

static void each_with_empty_caches(void)
{
    for (size_t i = 0; i < golden.count; i++) {
        struct ner *ner = ner_new(model);
        check_text(i, ner);
        ner_free(ner);
    }
}

/* More words than are kept: the caches are full, then emptied, at another place each round. */
static void with_caches_full_and_emptied(void)
{
    struct ner *ner = ner_new(model);
    struct ner_doc doc;
    struct buf text;
    struct err e;
    int word = 0;

    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < golden.count; i++) {
        if (i % 8 == 0) {
            buf_clear(&text);
            for (int k = 0; k < 6000; k++)
                buf_printf(&text, "q%dz ", word++);
            CU_ASSERT_EQUAL(ner_run(ner, text.bytes, text.length, &doc, &e), 0);
            CU_ASSERT_EQUAL(doc.token_count, 6000);
        }
        check_text(i, ner);
    }
    CU_ASSERT_TRUE(word > 200000);
    buf_fini(&text);
    ner_free(ner);
}

/* --- each kind of kernels ------------------------------------------------------------------- */

/* The edges once, cold, under kernels that the test's machine can run; the best have been already.
 */
static void under_kernels(const char *name)
{
    struct ner_model *own, *best = model;
    struct ner_model_info info;
    struct err e;

    setenv("NEWSMILL_KERNELS", name, 1);
    CU_ASSERT_EQUAL_FATAL(ner_model_open(MODEL, &own, &e), 0);
    ner_model_info(own, &info);
    CU_ASSERT_STRING_EQUAL(info.kernels, name);
    model = own;
    struct ner *ner = ner_new(model);
    for (size_t i = 0; i < golden.count; i++)
        check_text(i, ner);
    ner_free(ner);
    model = best;
    ner_model_close(own);
}

static void under_each_kernels(void)
{
    const char *given = getenv("NEWSMILL_KERNELS");
    char *before = given ? strdup(given) : NULL;

    for (size_t i = 0; kernels_runnable(i); i++)
        under_kernels(kernels_runnable(i)->name);
    if (before)
        setenv("NEWSMILL_KERNELS", before, 1);
    else
        unsetenv("NEWSMILL_KERNELS");
    free(before);
}

void suite_parity(void)
{
    CU_pSuite suite = CU_add_suite("parity", open_all, close_all);

    CU_add_test(suite, "the edges as spaCy has them, in any order", warm_and_in_any_order);
    CU_add_test(suite, "each with empty caches", each_with_empty_caches);
    CU_add_test(suite, "caches full and emptied on the way", with_caches_full_and_emptied);
    CU_add_test(suite, "the edges under each kind of kernels", under_each_kernels);
}
