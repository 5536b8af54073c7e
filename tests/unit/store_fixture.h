/* store_fixture: settings, batches and sums for the tests of the store and what stands on it. */
#ifndef NEWSMILL_STORE_FIXTURE_H
#define NEWSMILL_STORE_FIXTURE_H

#include <stdint.h>

#include "store/store.h"

#define FIXTURE_ENTITIES 500

/* Settings for an SQLite store newsmill.db in a new temporary directory. The text of the path lives
 * until harness_end(). */
void fixture_conf(struct conf *conf);

/* Now, as the farm writes it. */
int64_t fixture_now_ms(void);

/* Runs the test with keys of 1, 31, 32, 200 and 1,500 bytes, and with "bbc", which it is else. */
void fixture_each_key(void (*test)(void));
const char *fixture_key(void);

/* Defines test_NAME_with_keys(). */
#define WITH_KEYS(test)                                                                            \
    static void test##_with_keys(void)                                                             \
    {                                                                                              \
        fixture_each_key(test);                                                                    \
    }

/* Fills a batch with the id of `number`: one article of publication fixture_key(), and each of the
 * words w0 … w<entities-1> once as PERSON and once as ORG. Its memory is static: one batch at a
 * time. */
struct batch *fixture_batch(unsigned number, size_t entities);

/* Opens for writing; a failure ends the test. */
struct store *fixture_open(const struct conf *conf);

/* What the store counts for fixture_key(). */
struct fixture_sums {
    uint64_t articles, words, least, most, labels; /* least and most: counts of a word */
};
struct fixture_sums fixture_sums(const struct conf *conf);

#endif
