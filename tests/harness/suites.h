/* suites: the main of both test programs. Each suite runs in a process of its own. A test that
 * fails ends that process, however it failed (an assertion, a panic, a signal, a finding of a
 * sanitizer), and a new one goes on with the next test: a test fails alone. */
#ifndef NEWSMILL_SUITES_H
#define NEWSMILL_SUITES_H

#include <stddef.h>

struct test_suite {
    const char *name;  /* one that begins with a dot runs only when it is named */
    void (*add)(void); /* registers itself with CUnit */
};

/* Runs all suites, or those named on the command line, and prints a summary in CUnit's form with
 * the reason of each skipped test. With NEWSMILL_TEST_TOTALS in the environment "PASSED FAILED
 * SKIPPED" is appended to the file of that name. Returns the exit code: 0 when none failed. */
int run_suites(const struct test_suite *suites, size_t count, int argc, char **argv);

#endif
