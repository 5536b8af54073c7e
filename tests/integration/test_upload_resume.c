/* An upload that broke is run again, an input is changed between two uploads: every article is in
 * the list once. No workers: what was sent is counted in the list. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "upload_fixture.h"

#define ROWS 70000

static unsigned long long state = 20240607;

static unsigned draw(unsigned below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % below;
}

static void expect_all(long long count)
{
    CU_ASSERT_EQUAL(upload_waiting(), count);
    CU_ASSERT_EQUAL(upload_different(), count);
    CU_ASSERT_EQUAL(farm_stat(&upload_farm, "http_in"), count);
}

/* Killed as soon as a random number of rows more are there, so at random places of its work. */
static void test_killed(void)
{
    static const char *const numbers[] = {"1", "3", "8"};
    const char *few[] = {"--in-flight", NULL, NULL};
    long long wanted = 0;
    int kills = 0;

    upload_begin();
    farm_start_gateway(&upload_farm);
    upload_write_rows(ROWS);
    while (kills < 20 && upload_waiting() < ROWS - 5000) {
        wanted = upload_waiting() + 1 + draw(1400);
        few[1] = numbers[draw(3)];
        upload_start(few);
        CU_ASSERT_FATAL(wait_until("some rows more", 30000, upload_has, &wanted));
        if (proc_stop(&upload, SIGKILL, 5000) == 1000 + SIGKILL)
            kills++;
    }
    CU_ASSERT_EQUAL(kills, 20);
    CU_ASSERT(upload_waiting() < ROWS);
    upload_expect(NULL, 0, " 0 refused, ");
    expect_all(ROWS);
    upload_expect(NULL, 0, "70000 rows, 0 accepted, 70000 already there, 0 refused, ");
    expect_all(ROWS);
    upload_finish();
}

static void test_grows(void)
{
    static const int lengths[] = {1, 99, 100, 101, 150, 199, 200, 351, 1000};
    char part[100];

    upload_begin();
    farm_start_gateway(&upload_farm);
    for (int i = 0, before = 0; i < 9; before = lengths[i++]) {
        upload_write_rows(lengths[i]);
        snprintf(part, sizeof part, "%d rows, %d accepted, %d already there, 0 refused, ",
                 lengths[i], lengths[i] - before, before);
        upload_expect(NULL, 0, part);
        expect_all(lengths[i]);
    }
    upload_finish();
}

/* Grown after it broke, at any place. */
static void test_killed_and_grows(void)
{
    upload_begin();
    farm_start_gateway(&upload_farm);
    for (int length = 150; length < 2000; length += 83 + (int)draw(100)) {
        long long some = upload_waiting() + 1;
        upload_write_rows(length);
        upload_start(NULL);
        CU_ASSERT(wait_until("some rows", 20000, upload_has, &some));
        proc_stop(&upload, SIGKILL, 5000);
    }
    upload_write_rows(2345);
    upload_expect(NULL, 0, " 0 refused, ");
    expect_all(2345);
    upload_finish();
}

/* `count` rows, the one with the number `odd` as given. */
static void write_with(int count, int odd, const char *text)
{
    FILE *to = fopen(upload_file, "w");

    CU_ASSERT_FATAL(to != NULL);
    fputs("publication,content\n", to);
    for (int i = 1; i <= count; i++)
        if (i == odd)
            fputs(text, to);
        else
            fprintf(to, "Paper,Article %d\n", i);
    fclose(to);
}

static void test_bad_row(void)
{
    static const char *const bad[] = {"Paper,Article,1234\n", "\" \",Article 1234\n",
                                      "Paper,\xff\n"};

    upload_begin();
    farm_start_gateway(&upload_farm);
    for (int i = 0; i < 3; i++) {
        write_with(3000, 1234, bad[i]);
        upload_expect(NULL, 1, "rows.csv:1235: refused: ");
        upload_expect(NULL, 1, "3000 rows, 0 accepted, 2999 already there, 1 refused, ");
        expect_all(2999);
        write_with(3000, 1234, "Paper,Article 1234\n"); /* put right */
        upload_expect(NULL, 0, "3000 rows, 1 accepted, 2999 already there, 0 refused, ");
        expect_all(3000);
        redis_int(&upload_farm.redis, "FLUSHALL");
    }
    write_with(300, 201, bad[0]);
    upload_expect(NULL, 1, "rows.csv:202: refused: 3 fields, the header has 2 (put right, it has");
    upload_finish();
}

/* What block.h and the help say of it. */
static void test_changed_row(void)
{
    upload_begin();
    farm_start_gateway(&upload_farm);
    write_with(3000, 1234, "Paper,before\n");
    upload_expect(NULL, 0, "3000 accepted");
    write_with(3000, 1234, "Paper,after\n");
    upload_expect(NULL, 1, "rows.csv:1202: refused, with the 99 rows after it: sent before");
    upload_expect(NULL, 1, "3000 rows, 0 accepted, 2900 already there, 100 refused, ");
    expect_all(3000);
    upload_finish();
}

static void test_stdin_and_file(void)
{
    char here[300] = "", line[700], *text = NULL;
    const char *const args[] = {"-c", line, NULL};

    upload_begin();
    farm_start_gateway(&upload_farm);
    upload_write_rows(777);
    upload_expect(NULL, 0, "777 accepted");
    CU_ASSERT_FATAL(readlink("/proc/self/exe", here, sizeof here - 1) > 0);
    *strrchr(here, '/') = 0; /* the folder of this build */
    snprintf(line, sizeof line, "gzip <%s | %s/newsmill upload --name rows.csv -", upload_file,
             here);
    CU_ASSERT_EQUAL(proc_run("sh", upload_farm.env, args, true, &text, 60000), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "777 rows, 0 accepted, 777 already there"));
    free(text);
    expect_all(777);
    upload_finish();
}

void suite_upload_resume(void);

void suite_upload_resume(void)
{
    CU_pSuite suite = CU_add_suite("upload_resume", NULL, NULL);

    CU_add_test(suite, "killed 20 times", test_killed);
    CU_add_test(suite, "the file grows", test_grows);
    CU_add_test(suite, "killed, and the file grows", test_killed_and_grows);
    CU_add_test(suite, "a bad row is put right", test_bad_row);
    CU_add_test(suite, "a row is changed", test_changed_row);
    CU_add_test(suite, "a file, then standard input", test_stdin_and_file);
}
