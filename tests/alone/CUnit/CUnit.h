/* CUnit, as much as test_kernels.c needs, for processors that this machine only emulates and has no
 * CUnit for. A test runs when it is added. */
#ifndef NEWSMILL_ALONE_CUNIT_H
#define NEWSMILL_ALONE_CUNIT_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef const char *CU_pSuite;

extern unsigned alone_failures;

static inline int alone_check(int is_true, const char *file, int line, const char *what)
{
    if (!is_true) {
        alone_failures++;
        printf("\n  %s:%d: %s", file, line, what);
    }
    return is_true;
}

static inline CU_pSuite CU_add_suite(const char *name, int (*begin)(void), int (*end)(void))
{
    (void)begin;
    (void)end;
    return name;
}

static inline void CU_add_test(CU_pSuite suite, const char *name, void (*test)(void))
{
    unsigned before = alone_failures;

    test();
    printf("%s: %s: %s\n", suite, name, alone_failures == before ? "passed" : "FAILED");
    fflush(stdout);
}

#define CU_ASSERT_TRUE(x) alone_check((x) ? 1 : 0, __FILE__, __LINE__, #x)
#define CU_ASSERT_FATAL(x)                                                                         \
    do {                                                                                           \
        if (!CU_ASSERT_TRUE(x))                                                                    \
            exit(1);                                                                               \
    } while (0)
#define CU_ASSERT_EQUAL(a, b)           CU_ASSERT_TRUE((a) == (b))
#define CU_ASSERT_EQUAL_FATAL(a, b)     CU_ASSERT_FATAL((a) == (b))
#define CU_ASSERT_PTR_EQUAL(a, b)       CU_ASSERT_TRUE((a) == (b))
#define CU_ASSERT_PTR_NOT_NULL(a)       CU_ASSERT_TRUE((a) != NULL)
#define CU_ASSERT_STRING_EQUAL(a, b)    CU_ASSERT_TRUE(strcmp(a, b) == 0)
#define CU_ASSERT_DOUBLE_EQUAL(a, b, c) CU_ASSERT_TRUE(fabs((double)(a) - (double)(b)) <= (c))

#endif
