/* A stream that begins anew comes out once, or is found to be another. */
#include <CUnit/CUnit.h>
#include <string.h>

#include "cli/once.h"
#include "common/buf.h"
#include "common/err.h"

static struct buf got;

/* Takes `text` in slices. */
static int take(struct once *o, const char *text, size_t slice)
{
    for (size_t left = strlen(text); left > 0;) {
        size_t length = left < slice ? left : slice;
        const char *bytes = text;
        text += length;
        left -= length;
        if (once_take(o, &bytes, &length) < 0)
            return ERR_INPUT;
        buf_append(&got, bytes, length);
    }
    return 0;
}

static void test_again(void)
{
    for (size_t slice = 1; slice < 12; slice++) {
        struct once *o = once_new();
        buf_init(&got, 100);
        CU_ASSERT_EQUAL(take(o, "abcd", slice), 0);
        once_again(o);
        CU_ASSERT(once_is_behind(o));
        CU_ASSERT_EQUAL(take(o, "ab", slice), 0);
        CU_ASSERT(once_is_behind(o));
        once_again(o); /* broken a second time */
        CU_ASSERT_EQUAL(take(o, "abcdef", slice), 0);
        CU_ASSERT_FALSE(once_is_behind(o));
        once_again(o);
        CU_ASSERT_EQUAL(take(o, "a", slice), 0);
        once_go_on(o); /* the next try has ranges */
        CU_ASSERT_EQUAL(take(o, "gh", slice), 0);
        CU_ASSERT_STRING_EQUAL(got.bytes, "abcdefgh");
        CU_ASSERT_EQUAL(once_given(o), 8);
        buf_fini(&got);
        once_free(o);
    }
}

static void test_another(void)
{
    for (size_t slice = 1; slice < 8; slice++) {
        struct once *o = once_new();
        buf_init(&got, 100);
        CU_ASSERT_EQUAL(take(o, "abcd", slice), 0);
        once_again(o);
        CU_ASSERT_EQUAL(take(o, "abXdefg", slice), ERR_INPUT);
        CU_ASSERT_STRING_EQUAL(got.bytes, "abcd"); /* nothing of it came out */
        buf_fini(&got);
        once_free(o);
    }
}

static void test_nothing_yet(void)
{
    struct once *o = once_new();

    once_again(o);
    CU_ASSERT_FALSE(once_is_behind(o));
    once_free(o);
    once_free(NULL);
}

void suite_once(void);

void suite_once(void)
{
    CU_pSuite suite = CU_add_suite("once", NULL, NULL);

    CU_add_test(suite, "begins anew", test_again);
    CU_add_test(suite, "is another", test_another);
    CU_add_test(suite, "begins anew before it began", test_nothing_yet);
}
