/* test-unit: all unit suites; `test-unit NAME` runs one. */
#include "tests/harness/suites.h"

void suite_article(void);
void suite_batch(void);
void suite_board(void);
void suite_bulk_parse(void);
void suite_clients(void);
void suite_conf(void);
void suite_csv(void);
void suite_dead_entry(void);
void suite_delivery(void);
void suite_firestore_commit(void);
void suite_firestore_ids(void);
void suite_firestore_status(void);
void suite_generation(void);
void suite_instance(void);
void suite_head(void);
void suite_jwt(void);
void suite_kernels(void);
void suite_kernels_aarch64(void);
void suite_keys(void);
void suite_lexeme(void);
void suite_model_dir(void);
void suite_ner(void);
void suite_ner_memory(void);
void suite_network(void);
void suite_once(void);
void suite_oom(void);
void suite_parity(void);
void suite_progress(void);
void suite_rows(void);
void suite_rules(void);
void suite_save(void);
void suite_store(void);
void suite_store_backup(void);
void suite_store_crash(void);
void suite_store_readers(void);
void suite_store_wal(void);
void suite_strings(void);
void suite_failing(void);
void suite_suites(void);
void suite_tally(void);
void suite_tokenizer(void);
void suite_tokenizer_steps(void);
void suite_top(void);
void suite_unicode(void);
void suite_vectors(void);

static const struct test_suite suites[] = {
    {"article", suite_article},
    {"batch", suite_batch},
    {"board", suite_board},
    {"bulk_parse", suite_bulk_parse},
    {"clients", suite_clients},
    {"conf", suite_conf},
    {"csv", suite_csv},
    {"dead_entry", suite_dead_entry},
    {"delivery", suite_delivery},
    {"firestore_commit", suite_firestore_commit},
    {"firestore_ids", suite_firestore_ids},
    {"firestore_status", suite_firestore_status},
    {"generation", suite_generation},
    {"instance", suite_instance},
    {"head", suite_head},
    {"jwt", suite_jwt},
    {"kernels", suite_kernels},
    {"kernels_aarch64", suite_kernels_aarch64},
    {"keys", suite_keys},
    {"lexeme", suite_lexeme},
    {"model_dir", suite_model_dir},
    {"ner", suite_ner},
    {"ner_memory", suite_ner_memory},
    {"network", suite_network},
    {"once", suite_once},
    {"oom", suite_oom},
    {"parity", suite_parity},
    {"progress", suite_progress},
    {"rows", suite_rows},
    {"rules", suite_rules},
    {"save", suite_save},
    {"store", suite_store},
    {"store_backup", suite_store_backup},
    {"store_crash", suite_store_crash},
    {"store_readers", suite_store_readers},
    {"store_wal", suite_store_wal},
    {"strings", suite_strings},
    {"suites", suite_suites},
    {".failing", suite_failing},
    {"tally", suite_tally},
    {"tokenizer", suite_tokenizer},
    {"tokenizer_steps", suite_tokenizer_steps},
    {"top", suite_top},
    {"unicode", suite_unicode},
    {"vectors", suite_vectors},
};

int main(int argc, char **argv)
{
    return run_suites(suites, sizeof suites / sizeof suites[0], argc, argv);
}
