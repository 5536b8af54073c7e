/* Files that share rows: each row of each file is counted once, from wherever it is uploaded. No
 * workers: what was sent is counted in the list. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "upload_fixture.h"

#define FILES 17

static char paths[FILES][300];

/* Every third row, the first one too, is the same in all files. */
static void write_file(const char *path, int number, int rows)
{
    FILE *to = fopen(path, "w");

    CU_ASSERT_FATAL(to != NULL);
    fputs("publication,content\n", to);
    for (int i = 1; i <= rows; i++)
        if (i % 3 == 1)
            fprintf(to, "Paper,Shared article %d\n", i);
        else
            fprintf(to, "Paper,Article %d of file %d\n", i, number);
    fclose(to);
}

static void write_files(const char *directory, int rows)
{
    char path[300];

    snprintf(path, sizeof path, "%s/%s", upload_farm.dir, directory);
    mkdir(path, 0755);
    for (int i = 0; i < FILES; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%s/part-%02d.csv", upload_farm.dir, directory, i);
        write_file(paths[i], i, rows);
    }
}

/* All of `paths` in one upload. */
static void expect_all(const char *url, const char *part)
{
    const char *args[FILES + 4] = {"upload", "--url", url};
    char *text = NULL;

    for (int i = 0; i < FILES; i++)
        args[3 + i] = paths[i];
    CU_ASSERT_EQUAL(proc_run("newsmill", upload_farm.env, args, true, &text, 60000), 0);
    if (!strstr(text, part))
        fprintf(stderr, "\n  wanted '%s': %s\n", part, text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, part));
    free(text);
}

static void test_shared_rows(int rows)
{
    char here[64], there[64], part[100];
    int all = FILES * rows;

    upload_begin();
    farm_start_gateway(&upload_farm);
    snprintf(here, sizeof here, "http://127.0.0.1:%d", upload_farm.gateway_port);
    snprintf(there, sizeof there, "http://localhost:%d", upload_farm.gateway_port);
    write_files("first", rows);
    snprintf(part, sizeof part, "%d rows, %d accepted, 0 already there, 0 refused, ", all, all);
    expect_all(here, part);
    CU_ASSERT_EQUAL(upload_waiting(), all);
    write_files("second", rows);
    snprintf(part, sizeof part, "%d rows, 0 accepted, %d already there, 0 refused, ", all, all);
    CU_ASSERT_EQUAL(setenv("HOSTNAME", "another.example", 1), 0);
    expect_all(there, part);
    unsetenv("HOSTNAME");
    CU_ASSERT_EQUAL(upload_waiting(), all);
    write_files("third", rows + 1);
    snprintf(part, sizeof part, "%d rows, %d accepted, %d already there, 0 refused, ", all + FILES,
             FILES, all);
    expect_all(here, part);
    CU_ASSERT_EQUAL(upload_waiting(), all + FILES);
    upload_finish();
}

static void test_small_files(void)
{
    test_shared_rows(60);
}

/* Longer than a block, and as long as two. */
static void test_large_files(void)
{
    test_shared_rows(130);
    test_shared_rows(200);
}

static void write_with_bad(int rows, int bad)
{
    FILE *to = fopen(upload_file, "w");

    CU_ASSERT_FATAL(to != NULL);
    fputs("publication,content\n", to);
    for (int i = 1; i <= rows; i++)
        fprintf(to, "Paper,Article %d%s\n", i, i == bad ? ",a field too many" : "");
    fclose(to);
}

/* A refused row of the first block, not the first, is put right. */
static void test_put_right(void)
{
    static const int lengths[] = {60, 100, 250};
    char part[100];

    for (int i = 0; i < 3; i++) {
        upload_begin();
        farm_start_gateway(&upload_farm);
        write_with_bad(lengths[i], 17);
        upload_expect(NULL, 1, "rows.csv:18: refused: 3 fields, the header has 2");
        CU_ASSERT_EQUAL(upload_waiting(), lengths[i] - 1);
        write_with_bad(lengths[i], 0);
        snprintf(part, sizeof part, "%d rows, 1 accepted, %d already there, 0 refused, ",
                 lengths[i], lengths[i] - 1);
        upload_expect(NULL, 0, part);
        CU_ASSERT_EQUAL(upload_waiting(), lengths[i]);
        upload_finish();
    }
}

static void expect_file(const char *name, const char *part)
{
    const char *more[] = {"--name", name, NULL};

    upload_expect(*name ? more : NULL, 0, part);
}

/* A file of another name counts anew, unless its name is given; one of the same name does where its
 * first row is another. */
static void test_names(void)
{
    char first[300];

    upload_begin();
    farm_start_gateway(&upload_farm);
    upload_write_rows(150);
    expect_file("", "150 accepted");
    snprintf(first, sizeof first, "%s", upload_file);
    snprintf(upload_file, sizeof upload_file, "%s/renamed.csv", upload_farm.dir);
    CU_ASSERT_EQUAL(rename(first, upload_file), 0);
    expect_file("rows.csv", "0 accepted, 150 already there");
    expect_file("/somewhere/else/rows.csv", "150 accepted"); /* a name is taken as it is */
    expect_file("", "150 accepted");
    snprintf(first, sizeof first, "%s/other", upload_farm.dir);
    CU_ASSERT_EQUAL(mkdir(first, 0755), 0);
    snprintf(upload_file, sizeof upload_file, "%s/other/renamed.csv", upload_farm.dir);
    static const char text[] = "publication,article\nPaper 0,another first row\n"
                               "Paper 1,\"Article 1, with \"\"quotes\"\"\nand lines.\"\n";
    upload_write(text, sizeof text - 1);
    expect_file("", "2 accepted");
    CU_ASSERT_EQUAL(upload_waiting(), 452);
    const char *two[] = {"--name", "x", upload_file, NULL};
    upload_expect(two, 64, "--name");
    upload_finish();
}

void suite_upload_names(void);

void suite_upload_names(void)
{
    CU_pSuite suite = CU_add_suite("upload_names", NULL, NULL);

    CU_add_test(suite, "17 files of 60 rows that share some", test_small_files);
    CU_add_test(suite, "17 longer files that share some", test_large_files);
    CU_add_test(suite, "a refused row of the first block is put right", test_put_right);
    CU_add_test(suite, "names", test_names);
}
