/* test-integration: suites against a real redis-server and the real programs. */
#include "tests/harness/suites.h"

void suite_queue(void);

static const struct test_suite suites[] = {
    {"queue", suite_queue},
};

int main(int argc, char **argv)
{
    return run_suites(suites, sizeof suites / sizeof suites[0], argc, argv);
}
