/* test-unit: all unit suites; `test-unit NAME` runs one. */
#include "tests/harness/suites.h"

void suite_conf(void);

static const struct test_suite suites[] = {
    {"conf", suite_conf},
};

int main(int argc, char **argv)
{
    return run_suites(suites, sizeof suites / sizeof suites[0], argc, argv);
}
