/* What a worker's own memory comes to when words never stop being new. With NEWSMILL_LONG in the
 * environment 100,000 articles with a million distinct words (some minutes); else a fiftieth. */
#include <CUnit/CUnit.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "workers/ner/ner.h"

void suite_ner_memory(void);

#define MODEL            "var/models/en_core_web_sm"
#define LONG_ARTICLES    100000
#define SHORT_ARTICLES   2000
#define WORDS_AN_ARTICLE 400
#define MOST_PRIVATE_KIB (100 * 1024)
#define MOST_GROWTH_KIB  (4 * 1024) /* from a tenth of the way to the end */

#if !defined(NEWSMILL_SANITIZED)
/* Pages that this process does not share with its parent. */
static long private_kib(void)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    long sum = 0, kib;

    if (!file)
        return -1;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "Private_Clean: %ld", &kib) == 1 ||
            sscanf(line, "Private_Dirty: %ld", &kib) == 1)
            sum += kib;
    fclose(file);
    return sum;
}

/* Ten words that have never been there, the others from a fixed few thousand. */
static void write_article(struct buf *out, uint64_t number, uint64_t *dice)
{
    buf_clear(out);
    for (int i = 0; i < WORDS_AN_ARTICLE; i++) {
        *dice = *dice * 6364136223846793005u + 1442695040888963407u;
        uint32_t draw = (uint32_t)(*dice >> 40);
        if (i % 40 == 0)
            buf_printf(out, "%s%llu%s ", draw & 1 ? "Neo" : "new",
                       (unsigned long long)number * 10 + (unsigned)i / 40,
                       draw & 2 ? "son," : "ing");
        else
            buf_printf(out, "%s%u ", draw & 256 ? "Word" : "word", draw % 4000);
    }
}

/* In the child. Returns the exit code. */
static int work(const struct ner_model *model, long articles)
{
    struct ner *ner = ner_new(model);
    struct ner_doc doc;
    struct buf text;
    struct err e;
    uint64_t dice = 1;
    long early_kib = 0;

    buf_init(&text, 1 << 20);
    for (long i = 0; i < articles; i++) {
        write_article(&text, (uint64_t)i, &dice);
        if (ner_run(ner, text.bytes, text.length, &doc, &e) < 0)
            return 2;
        if (i == articles / 10)
            early_kib = private_kib();
    }
    long end_kib = private_kib();
    printf("\n  %ld articles: private memory %ld KiB after a tenth, %ld KiB at the end\n", articles,
           early_kib, end_kib);
    fflush(stdout);
    if (early_kib <= 0 || end_kib > MOST_PRIVATE_KIB)
        return 3;
    /* The short run does not fill the caches: only the long one can tell that they stay as large.
     */
    return articles == LONG_ARTICLES && end_kib - early_kib > MOST_GROWTH_KIB ? 4 : 0;
}

static void new_words_for_ever(void)
{
    long articles = getenv("NEWSMILL_LONG") ? LONG_ARTICLES : SHORT_ARTICLES;
    struct ner_model *model;
    struct err e;
    int status = 0;

    CU_ASSERT_EQUAL_FATAL(ner_model_open(MODEL, &model, &e), 0);
    fflush(stdout);
    pid_t child = fork();
    CU_ASSERT_TRUE_FATAL(child >= 0);
    if (child == 0)
        _exit(work(model, articles));
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_TRUE(WIFEXITED(status));
    CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
    ner_model_close(model);
}
#endif

void suite_ner_memory(void)
{
    CU_pSuite suite = CU_add_suite("ner_memory", NULL, NULL);

#if !defined(NEWSMILL_SANITIZED)
    CU_add_test(suite, "a worker's memory has an end", new_words_for_ever);
#else
    (void)suite;
#endif
}
