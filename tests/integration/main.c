/* test-integration: suites against a real redis-server and the real programs. */
#include "tests/harness/suites.h"

void suite_farm(void);
void suite_gateway(void);
void suite_queue(void);
void suite_roles(void);
void suite_upload(void);

static const struct test_suite suites[] = {
    {"queue", suite_queue},
    {"gateway", suite_gateway},
    {"upload", suite_upload},
    {"farm", suite_farm},
    {"roles", suite_roles},
};

int main(int argc, char **argv)
{
    return run_suites(suites, sizeof suites / sizeof suites[0], argc, argv);
}
