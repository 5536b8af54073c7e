/* test-integration: suites against a real redis-server and the real programs. */
#include "tests/harness/suites.h"

void suite_access_log(void);
void suite_activation(void);
void suite_backup(void);
void suite_bulk(void);
void suite_bulk_again(void);
void suite_bulk_strain(void);
void suite_cli(void);
void suite_clients(void);
void suite_connections(void);
void suite_dead(void);
void suite_farm(void);
void suite_faults(void);
void suite_firestore(void);
void suite_firestore_auth(void);
void suite_firestore_emulator(void);
void suite_gateway(void);
void suite_gather(void);
void suite_http(void);
void suite_model_check(void);
void suite_mutated(void);
void suite_openapi(void);
void suite_original(void);
void suite_planted(void);
void suite_orphans(void);
void suite_instance(void);
void suite_queue(void);
void suite_metrics(void);
void suite_ready(void);
void suite_restarts(void);
void suite_redis_start(void);
void suite_roles(void);
void suite_scripts(void);
void suite_slow(void);
void suite_strict(void);
void suite_upload(void);
void suite_upload_https(void);
void suite_upload_inputs(void);
void suite_upload_later(void);
void suite_upload_names(void);
void suite_upload_resume(void);
void suite_ways(void);

static const struct test_suite suites[] = {
    {"queue", suite_queue},
    {"scripts", suite_scripts},
    {"redis_start", suite_redis_start},
    {"gateway", suite_gateway},
    {"gather", suite_gather},
    {"backup", suite_backup},
    {"bulk", suite_bulk},
    {"bulk_again", suite_bulk_again},
    {"bulk_strain", suite_bulk_strain},
    {"http", suite_http},
    {"connections", suite_connections},
    {"clients", suite_clients},
    {"access_log", suite_access_log},
    {"strict", suite_strict},
    {"mutated", suite_mutated},
    {"ready", suite_ready},
    {"slow", suite_slow},
    {"openapi", suite_openapi},
    {"activation", suite_activation},
    {"restarts", suite_restarts},
    {"original", suite_original},
    {"upload", suite_upload},
    {"upload_names", suite_upload_names},
    {"upload_resume", suite_upload_resume},
    {"upload_inputs", suite_upload_inputs},
    {"upload_https", suite_upload_https},
    {"upload_later", suite_upload_later},
    {"cli", suite_cli},
    {"model_check", suite_model_check},
    {"dead", suite_dead},
    {"orphans", suite_orphans},
    {"instance", suite_instance},
    {"farm", suite_farm},
    {"faults", suite_faults},
    {"ways", suite_ways},
    {"metrics", suite_metrics},
    {"roles", suite_roles},
    {"firestore", suite_firestore},
    {"firestore_auth", suite_firestore_auth},
    {"firestore_emulator", suite_firestore_emulator},
    {".planted", suite_planted},
};

int main(int argc, char **argv)
{
    return run_suites(suites, sizeof suites / sizeof suites[0], argc, argv);
}
