/* suites: the main of both test programs. */
#ifndef NEWSMILL_SUITES_H
#define NEWSMILL_SUITES_H

#include <stddef.h>

struct test_suite {
    const char *name;
    void (*add)(void); /* registers itself with CUnit */
};

/* Runs all suites, or those named on the command line; 0 when all passed. */
int run_suites(const struct test_suite *suites, size_t count, int argc, char **argv);

#endif
