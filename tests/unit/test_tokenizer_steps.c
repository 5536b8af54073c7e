/* What the tokenizer's patterns cost: their steps a byte, over the texts that cost most of those
 * that a search over combinations of signs, letters and words found. The linker sends the calls of
 * PCRE2 here, and a callout before each item of a pattern counts it. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "tests/harness/harness.h"
#include "workers/ner/tokenizer.h"

#define MODEL "var/models/en_core_web_sm"
/* Of the worst text, the bytes of an address without an end. Each step is some nanoseconds. */
#define MOST_STEPS 40

void suite_tokenizer_steps(void);

pcre2_code *__real_pcre2_compile_8(PCRE2_SPTR pattern, PCRE2_SIZE length, uint32_t options,
                                   int *fault, PCRE2_SIZE *where, pcre2_compile_context *context);
pcre2_code *__wrap_pcre2_compile_8(PCRE2_SPTR pattern, PCRE2_SIZE length, uint32_t options,
                                   int *fault, PCRE2_SIZE *where, pcre2_compile_context *context);
int __real_pcre2_match_8(const pcre2_code *code, PCRE2_SPTR subject, PCRE2_SIZE length,
                         PCRE2_SIZE start, uint32_t options, pcre2_match_data *match,
                         pcre2_match_context *context);
int __wrap_pcre2_match_8(const pcre2_code *code, PCRE2_SPTR subject, PCRE2_SIZE length,
                         PCRE2_SIZE start, uint32_t options, pcre2_match_data *match,
                         pcre2_match_context *context);

static bool counting;
static size_t steps;
static struct tokenizer *tokenizer;
static struct tokenizer_state *state;

static int count_step(pcre2_callout_block *block, void *data)
{
    (void)block;
    (void)data;
    steps++;
    return 0;
}

pcre2_code *__wrap_pcre2_compile_8(PCRE2_SPTR pattern, PCRE2_SIZE length, uint32_t options,
                                   int *fault, PCRE2_SIZE *where, pcre2_compile_context *context)
{
    return __real_pcre2_compile_8(pattern, length, options | (counting ? PCRE2_AUTO_CALLOUT : 0),
                                  fault, where, context);
}

int __wrap_pcre2_match_8(const pcre2_code *code, PCRE2_SPTR subject, PCRE2_SIZE length,
                         PCRE2_SIZE start, uint32_t options, pcre2_match_data *match,
                         pcre2_match_context *context)
{
    if (counting) {
        steps++; /* a run that reaches no item is not free */
        pcre2_set_callout(context, count_step, NULL);
    }
    return __real_pcre2_match_8(code, subject, length, start, options, match, context);
}

static int set_up(void)
{
    struct err e;

    counting = true;
    if (tokenizer_load(MODEL, &tokenizer, &e) < 0) {
        fprintf(stderr, "%s\n", e.text);
        return -1;
    }
    state = tokenizer_state_new(tokenizer);
    return 0;
}

static int tear_down(void)
{
    tokenizer_state_free(state);
    tokenizer_free(tokenizer);
    counting = false;
    return 0;
}

/* Steps that the text of `bytes` bytes took, made of one unit over and over. */
static size_t count_steps(const char *unit, size_t bytes)
{
    char *text = xmalloc(bytes);
    size_t unit_length = strlen(unit), length = 0, count;
    const struct token *tokens;
    struct err e;

    for (; length + unit_length <= bytes; length += unit_length)
        memcpy(text + length, unit, unit_length);
    steps = 0;
    CU_ASSERT_EQUAL(tokenizer_run(state, text, length, &tokens, &count, &e), 0);
    free(text);
    return steps;
}

static void test_worst(void)
{
    static const char *const units[] = {
        "#",        "\u20ac",  "$",          "%",        ")\u20ac", "\u2014",  "\u2026?\u20ac_",
        "\u2014%;", "\u2026",  "(",          ":)",       "*",       "'",       "\u00b0",
        "'s",       "a.B",     "a-",         "a/",       "a.",      "a:",      "1m",
        "ab",       "www.",    ".a",         "http://a", "a@",      "\u4e2d,", "A.",
        "1,",       "+",       "\U0001f600", "US$",      "\u20ac.", "-.",      "km.",
        "1\u20ac",  "\u00b0C."};
    const size_t bytes = 1 << 15;

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        count_steps(units[i], bytes); /* what is worked out once for each code point */
        size_t once = count_steps(units[i], bytes), twice = count_steps(units[i], 2 * bytes);
        if (once > MOST_STEPS * bytes || twice > 2 * once + once / 8)
            printf("\n%s: %zu steps on %zu bytes, %zu on %zu\n", units[i], once, bytes, twice,
                   2 * bytes);
        CU_ASSERT(once <= MOST_STEPS * bytes);
        CU_ASSERT(twice <= 2 * once + once / 8); /* no square */
    }
}

void suite_tokenizer_steps(void)
{
    CU_pSuite suite = CU_add_suite("tokenizer_steps", set_up, tear_down);

    CU_add_test(suite, "a bound for the worst texts", test_worst);
}
