/* suites: see suites.h. */
#include "suites.h"

#include <CUnit/CUnit.h>
#include <CUnit/TestRun.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "harness.h"

#define MAX_NOTES      256
#define EXIT_NO_SET_UP 3

/* What the process of a suite tells the one that counts. Shared memory. */
static struct tally {
    int running; /* index of the test at work in its suite, -1 between tests */
    int next;    /* index of the first test that has not begun */
    int suites, suites_failed, passed, failed, skipped, asserts, asserts_failed;
    bool skip; /* harness_skip() was called by the test at work */
    char reason[160];
    char notes[MAX_NOTES][256]; /* a line for each failed or skipped test */
    int note_count;
} * tally;

static void note(const char *kind, const char *suite, const char *test, const char *reason)
{
    if (tally->note_count < MAX_NOTES)
        snprintf(tally->notes[tally->note_count++], sizeof tally->notes[0], "  %s: %s: %s%s%s",
                 kind, suite, test, *reason ? ": " : "", reason);
}

void harness_skip(const char *reason)
{
    tally->skip = true;
    snprintf(tally->reason, sizeof tally->reason, "%s", reason);
}

/* --- in the process of a suite -----------------------------------------------------------------
 */

static int index_of(const struct CU_Suite *suite, const struct CU_Test *test)
{
    int index = 0;

    for (const struct CU_Test *t = suite->pTest; t && t != test; t = t->pNext)
        index++;
    return index;
}

static void test_begins(CU_pTest test, CU_pSuite suite)
{
    tally->running = index_of(suite, test);
    tally->next = tally->running + 1;
    tally->skip = false;
    printf("  Test: %s ...", test->pName);
    fflush(stdout);
}

static void test_ended(CU_pTest test, CU_pSuite suite, CU_pFailureRecord failure)
{
    static unsigned asserts_before;
    unsigned asserts = CU_get_number_of_asserts();

    tally->asserts += (int)(asserts - asserts_before);
    asserts_before = asserts;
    tally->running = -1;
    if (!failure) {
        printf(tally->skip ? "skipped: %s\n" : "passed\n", tally->reason);
        if (tally->skip)
            note("skipped", suite->pName, test->pName, tally->reason);
        tally->passed += !tally->skip;
        tally->skipped += tally->skip;
        fflush(stdout);
        return;
    }
    printf("FAILED\n");
    for (int number = 1; failure; failure = failure->pNext, number++) {
        printf("    %d. %s:%u  - %s\n", number, failure->strFileName, failure->uiLineNumber,
               failure->strCondition);
        tally->asserts_failed++;
    }
    fflush(stdout);
    tally->failed++;
    note("failed", suite->pName, test->pName, "");
    harness_end();
    _exit(0); /* what it left in memory is not for the next test */
}

/* Does not return. */
static void run_from(CU_pSuite suite, int first)
{
    int index = 0;

    for (CU_pTest test = suite->pTest; test; test = test->pNext)
        CU_set_test_active(test, index++ >= first);
    CU_set_fail_on_inactive(CU_FALSE);
    CU_set_test_start_handler(test_begins);
    CU_set_test_complete_handler(test_ended);
    CU_ErrorCode code = CU_run_suite(suite);
    CU_cleanup_registry();
    harness_end();
    exit(code == CUE_SUCCESS ? 0 : EXIT_NO_SET_UP);
}

/* --- in the process that counts ----------------------------------------------------------------
 */

static const char *name_of(CU_pSuite suite, int index)
{
    CU_pTest test = suite->pTest;

    while (test && index-- > 0)
        test = test->pNext;
    return test ? test->pName : "?";
}

/* The suite's process ended by a signal or with a code of its own. Returns whether it can go on. */
static bool crashed(CU_pSuite suite, int status)
{
    char how[80];

    if (WIFSIGNALED(status))
        snprintf(how, sizeof how, "ended by signal %d, %s", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(how, sizeof how, "exit code %d", WEXITSTATUS(status));
    if (tally->running >= 0) {
        printf("FAILED\n    %s\n", how);
        note("failed", suite->pName, name_of(suite, tally->running), how);
        tally->failed++;
        return true;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_SET_UP)
        snprintf(how, sizeof how, "its set-up or its end failed");
    printf("  the suite FAILED: %s\n", how);
    note("failed", suite->pName, "outside of its tests", how);
    tally->suites_failed++;
    return false;
}

static void run_suite(CU_pSuite suite)
{
    int status;

    printf("\nSuite: %s\n", suite->pName);
    tally->suites++;
    tally->next = 0;
    do {
        fflush(NULL);
        tally->running = -1;
        pid_t pid = fork();
        if (pid < 0)
            panic("fork: no process for suite %s", suite->pName);
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            run_from(suite, tally->next);
        }
        waitpid(pid, &status, 0); /* whatever it started dies with it, too (proc.c) */
        harness_clean(pid);
        if (status != 0 && !crashed(suite, status))
            break;
    } while (tally->next < (int)suite->uiNumberOfTests);
}

static void summarise(void)
{
    const struct tally *t = tally;
    const char *path = getenv("NEWSMILL_TEST_TOTALS");

    printf("\nRun Summary:    Type  Total    Ran Passed Failed Inactive\n");
    printf("              suites %6d %6d    n/a %6d %8d\n", t->suites, t->suites, t->suites_failed,
           0);
    printf("               tests %6d %6d %6d %6d %8d\n", t->passed + t->failed + t->skipped,
           t->passed + t->failed, t->passed, t->failed, t->skipped);
    printf("             asserts %6d %6d %6d %6d      n/a\n\n", t->asserts, t->asserts,
           t->asserts - t->asserts_failed, t->asserts_failed);
    for (int i = 0; i < t->note_count; i++)
        printf("%s\n", t->notes[i]);
    FILE *file = path ? fopen(path, "a") : NULL;
    if (file) {
        fprintf(file, "%d %d %d\n", t->passed, t->failed + t->suites_failed, t->skipped);
        fclose(file);
    }
}

static bool is_wanted(const struct test_suite *suite, int argc, char **argv)
{
    for (int k = 1; k < argc; k++)
        if (strcmp(argv[k], suite->name) == 0)
            return true;
    return argc < 2 && suite->name[0] != '.';
}

int run_suites(const struct test_suite *suites, size_t count, int argc, char **argv)
{
    harness_setup(argv[0]);
    signal(SIGPIPE, SIG_IGN);
    tally = mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tally == MAP_FAILED || CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    for (size_t i = 0; i < count; i++)
        if (is_wanted(&suites[i], argc, argv))
            suites[i].add();
    CU_pTestRegistry registry = CU_get_registry();
    if (registry->uiNumberOfSuites == 0) {
        fprintf(stderr, "no suite of that name\n");
        return 64;
    }
    for (CU_pSuite suite = registry->pSuite; suite; suite = suite->pNext)
        run_suite(suite);
    summarise();
    CU_cleanup_registry();
    return tally->failed + tally->suites_failed ? 1 : 0;
}
