/* top: the three forms, byte by byte, and what it says when there is nothing. */
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/top.h"
#include "store_fixture.h"
#include "tests/harness/harness.h"

void suite_top(void);

static struct conf conf;
static char output[65536]; /* stdout, then stderr, of the last run */

/* Points stdout and stderr to a file; returns it and keeps the old ones. */
static int divert(int saved[2])
{
    char path[300];

    snprintf(path, sizeof path, "%s/output", harness_dir());
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CU_ASSERT_FATAL(fd >= 0);
    fflush(stdout);
    fflush(stderr);
    for (int i = 0; i < 2; i++) {
        saved[i] = dup(i + 1);
        dup2(fd, i + 1);
    }
    return fd;
}

static int run_top(const char *first, const char *second, const char *third)
{
    char name[] = "top";
    char *arguments[] = {name, first ? strdup(first) : NULL, second ? strdup(second) : NULL,
                         third ? strdup(third) : NULL, NULL};
    int count = 1 + (first != NULL) + (second != NULL) + (third != NULL), saved[2];

    int fd = divert(saved);
    optind = 0;
    int code = top_main(count, arguments, &conf);
    fflush(stdout);
    fflush(stderr);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
        free(arguments[i + 1]);
    }
    free(arguments[3]);
    ssize_t length = pread(fd, output, sizeof output - 1, 0);
    output[length > 0 ? length : 0] = 0;
    close(fd);
    return code;
}

static void expect(const char *first, const char *second, const char *third, const char *text)
{
    CU_ASSERT_EQUAL(run_top(first, second, third), 0);
    if (strcmp(output, text) != 0)
        fprintf(stderr, "\n  got:\n%s\n", output);
    CU_ASSERT_STRING_EQUAL(output, text);
}

static void expect_failure(const char *first, const char *second, int code, const char *part)
{
    CU_ASSERT_EQUAL(run_top(first, second, NULL), code);
    if (!strstr(output, part))
        fprintf(stderr, "\n  got \"%s\", not \"%s\"\n", output, part);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, part));
}

static void fill(void)
{
    static struct batch_label labels[] = {{"ORG", 3}, {"PERSON", 9}, {"GPE", 12}, {"GPE", 1}};
    static struct batch_entity entities[] = {{"tim \"t\" cook", &labels[0], 2, 12},
                                             {"東京", &labels[2], 1, 12},
                                             {"a,\n\x1b[31mb", &labels[3], 1, 1}};
    struct batch *batch;
    struct err e;

    fixture_conf(&conf);
    struct store *store = fixture_open(&conf);
    batch = fixture_batch(1, 0);
    batch->publication = "bbc sport";
    batch->name = "BBC Sport";
    batch->entities = entities;
    batch->entity_count = 3;
    CU_ASSERT_EQUAL(store_apply(store, batch, &e), STORE_APPLIED);
    batch = fixture_batch(2, 1);
    batch->publication = batch->name = "élan";
    batch->articles = 2;
    CU_ASSERT_EQUAL(store_apply(store, batch, &e), STORE_APPLIED);
    store_close(store);
}

static void test_forms(void)
{
    fill();
    expect("  BBC Sport ", NULL, NULL,
           "BBC Sport, 1 article\n"
           "    1  tim \"t\" cook  12  PERSON 9, ORG 3\n"
           "    2  東京          12  GPE\n"
           "    3  a,  [31mb      1  GPE\n");
    expect("bbc sport", "-n", "1",
           "BBC Sport, 1 article\n"
           "    1  tim \"t\" cook  12  PERSON 9, ORG 3\n");
    expect("bbc sport", "--csv", NULL,
           "publication,word,count,labels\r\n"
           "bbc sport,\"tim \"\"t\"\" cook\",12,PERSON:9 ORG:3\r\n"
           "bbc sport,東京,12,GPE:12\r\n"
           "bbc sport,\"a,\n\x1b[31mb\",1,GPE:1\r\n");
    expect("--json", "-n0", NULL,
           "{\"publication\":\"élan\",\"articles\":2}\n"
           "{\"publication\":\"élan\",\"word\":\"w0\",\"count\":2,"
           "\"labels\":{\"ORG\":1,\"PERSON\":1}}\n"
           "{\"publication\":\"bbc sport\",\"articles\":1}\n"
           "{\"publication\":\"bbc sport\",\"word\":\"tim \\\"t\\\" cook\",\"count\":12,"
           "\"labels\":{\"PERSON\":9,\"ORG\":3}}\n"
           "{\"publication\":\"bbc sport\",\"word\":\"東京\",\"count\":12,"
           "\"labels\":{\"GPE\":12}}\n"
           "{\"publication\":\"bbc sport\",\"word\":\"a,\\n\\u001b[31mb\",\"count\":1,"
           "\"labels\":{\"GPE\":1}}\n");
    expect("ÉLAN", NULL, NULL, "élan, 2 articles\n    1  w0  2  ORG 1, PERSON 1\n");
    harness_end();
}

static void test_nothing(void)
{
    fixture_conf(&conf);
    expect_failure(NULL, NULL, 1, "no counts yet");
    store_close(fixture_open(&conf));
    expect_failure(NULL, NULL, 1, "no counts yet");
    expect_failure("bbc", NULL, 1, "there are no counts at all");
    harness_end();
    fill();
    expect_failure("bbc", NULL, 1, "near: bbc sport\n");
    expect_failure("bcc sport", NULL, 1, "near: bbc sport\n");
    expect_failure("zeit", NULL, 1, "known: élan, bbc sport\n");
    harness_end();
}

static void test_usage(void)
{
    fixture_conf(&conf);
    CU_ASSERT_EQUAL(run_top("--help", NULL, NULL), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "usage: newsmill top"));
    expect_failure("-n", "x", 64, "number");
    expect_failure("-n", "-1", 64, "number");
    expect_failure("--json", "--csv", 64, "one of");
    expect_failure("--what", NULL, 64, "usage");
    expect_failure("a", "b", 64, "one PUBLICATION");
    expect_failure(" ", NULL, 64, "empty");
    expect_failure("\xff", NULL, 64, "UTF-8");
    harness_end();
}

void suite_top(void)
{
    CU_pSuite suite = CU_add_suite("top", NULL, NULL);

    CU_add_test(suite, "table, CSV and JSON", test_forms);
    CU_add_test(suite, "nothing there", test_nothing);
    CU_add_test(suite, "usage", test_usage);
}
