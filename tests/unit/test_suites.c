/* The program that runs the tests: one that fails, however, fails alone, and one that is skipped is
 * counted as skipped. The suite ".failing" is what it is tried on. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "tests/harness/harness.h"

void suite_suites(void);
void suite_failing(void);

/* --- the suite that is tried -------------------------------------------------------------------
 */

static void passes(void)
{
    CU_ASSERT_TRUE(1);
}

static void asserts(void)
{
    CU_ASSERT_EQUAL(1, 2);
    CU_ASSERT_EQUAL_FATAL(2, 3);
}

static void panics(void)
{
    panic("as asked");
}

static void leaves_a_process(void)
{
    static const char *const args[] = {"1000", NULL};
    struct proc sleeper;

    proc_start(&sleeper, "sleep", NULL, args);
    raise(SIGKILL);
}

static void skips(void)
{
    harness_skip("as asked");
}

void suite_failing(void)
{
    CU_pSuite suite = CU_add_suite("failing", NULL, NULL);

    CU_add_test(suite, "passes", passes);
    CU_add_test(suite, "asserts", asserts);
    CU_add_test(suite, "panics", panics);
    CU_add_test(suite, "leaves a process", leaves_a_process);
    CU_add_test(suite, "skips", skips);
    CU_add_test(suite, "passes as well", passes);
}

/* --- the tests ---------------------------------------------------------------------------------
 */

static void fails_alone(void)
{
    static const char *const args[] = {".failing", NULL};
    char totals[320], line[64] = "", *output = NULL;
    const char *env[] = {totals, NULL};

    snprintf(totals, sizeof totals, "NEWSMILL_TEST_TOTALS=%s/totals", harness_dir());

    CU_ASSERT_EQUAL(proc_run("/proc/self/exe", env, args, true, &output, 60000), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "tests      6      5      2      3        1\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "failed: failing: asserts\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "failed: failing: panics: ended by signal 6, Aborted\n"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(output, "failed: failing: leaves a process: ended by signal 9, Killed\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "skipped: failing: skips: as asked\n"));
    free(output);
    FILE *file = fopen(strchr(totals, '=') + 1, "r");
    CU_ASSERT_FATAL(file && fgets(line, sizeof line, file));
    fclose(file);
    CU_ASSERT_STRING_EQUAL(line, "2 3 1\n");
    harness_end();
}

void suite_suites(void)
{
    CU_pSuite suite = CU_add_suite("suites", NULL, NULL);

    CU_add_test(suite, "a test fails alone", fails_alone);
}
