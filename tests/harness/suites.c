/* suites: see suites.h. */
#include "suites.h"

#include <CUnit/Basic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

int run_suites(const struct test_suite *suites, size_t count, int argc, char **argv)
{
    int added = 0;

    harness_setup(argv[0]);
    signal(SIGPIPE, SIG_IGN);
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    for (size_t i = 0; i < count; i++) {
        int wanted = argc < 2;
        for (int k = 1; k < argc; k++)
            wanted |= strcmp(argv[k], suites[i].name) == 0;
        if (wanted) {
            suites[i].add();
            added++;
        }
    }
    if (!added) {
        fprintf(stderr, "no suite of that name\n");
        return 64;
    }
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
    CU_cleanup_registry();
    harness_end();
    return failed ? 1 : 0;
}
