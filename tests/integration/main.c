/* test-integration: suites against a real redis-server and the real programs. */
#include "tests/harness/suites.h"

void suite_activation(void);
void suite_cli(void);
void suite_dead(void);
void suite_farm(void);
void suite_faults(void);
void suite_firestore(void);
void suite_firestore_auth(void);
void suite_firestore_emulator(void);
void suite_gateway(void);
void suite_model_check(void);
void suite_queue(void);
void suite_metrics(void);
void suite_roles(void);
void suite_upload(void);
void suite_ways(void);

static const struct test_suite suites[] = {
    {"queue", suite_queue},
    {"gateway", suite_gateway},
    {"activation", suite_activation},
    {"upload", suite_upload},
    {"cli", suite_cli},
    {"model_check", suite_model_check},
    {"dead", suite_dead},
    {"farm", suite_farm},
    {"faults", suite_faults},
    {"ways", suite_ways},
    {"metrics", suite_metrics},
    {"roles", suite_roles},
    {"firestore", suite_firestore},
    {"firestore_auth", suite_firestore_auth},
    {"firestore_emulator", suite_firestore_emulator},
};

int main(int argc, char **argv)
{
    return run_suites(suites, sizeof suites / sizeof suites[0], argc, argv);
}
