/* newsmill upload of what is compressed, packed, cut short or broken: what can be read arrives, and
 * the rest is said. The files are made by libarchive's writer. */
#include <CUnit/CUnit.h>
#include <archive.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "upload_fixture.h"

#define ROWS UPLOAD_PACKED_ROWS

static void expect_all(long long count)
{
    CU_ASSERT_EQUAL(upload_waiting(), count);
    CU_ASSERT_EQUAL(upload_different(), count);
}

/* However it is packed, the rows are the same ones, so only the first upload brings any. */
static void test_compressed(void)
{
    static const int filters[] = {ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD};

    upload_begin();
    farm_start_gateway(&upload_farm);
    for (int i = 0; i < 3; i++) {
        upload_pack(upload_file, ARCHIVE_FORMAT_RAW, filters[i], 1);
        upload_expect(NULL, 0,
                      i == 0 ? "20000 rows, 20000 accepted, 0 already there, 0 refused, "
                             : "20000 rows, 0 accepted, 20000 already there, 0 refused, ");
    }
    upload_pack(upload_file, ARCHIVE_FORMAT_ZIP, ARCHIVE_FILTER_NONE, 1);
    upload_expect(NULL, 0, "20000 already there");
    expect_all(ROWS);
    upload_finish();
}

static void test_archives(void)
{
    upload_begin();
    farm_start_gateway(&upload_farm);
    upload_pack(upload_file, ARCHIVE_FORMAT_ZIP, ARCHIVE_FILTER_NONE, 2);
    upload_expect(NULL, 0, "40000 rows, 40000 accepted, ");
    upload_pack(upload_file, ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FILTER_ZSTD, 2);
    upload_expect(NULL, 0, "40000 rows, 0 accepted, 40000 already there, ");
    expect_all(2 * ROWS);
    upload_finish();
}

static long cut_short(void)
{
    struct stat about;

    CU_ASSERT_EQUAL_FATAL(stat(upload_file, &about), 0);
    CU_ASSERT_EQUAL_FATAL(truncate(upload_file, about.st_size * 2 / 3), 0);
    return about.st_size;
}

/* What came before the place counts, and goes on counting once the file is whole. */
static void test_cut_short(void)
{
    static const int filters[] = {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD};

    for (int i = 0; i < 2; i++) {
        upload_begin();
        farm_start_gateway(&upload_farm);
        upload_pack(upload_file, ARCHIVE_FORMAT_RAW, filters[i], 1);
        cut_short();
        upload_expect(NULL, 1,
                      i == 0 ? "rows.csv: truncated gzip input" : "rows.csv: Truncated zstd");
        CU_ASSERT(upload_waiting() > ROWS / 3);
        CU_ASSERT(upload_waiting() < ROWS);
        CU_ASSERT_EQUAL(upload_different(), upload_waiting());
        upload_pack(upload_file, ARCHIVE_FORMAT_RAW, filters[i], 1);
        upload_expect(NULL, 0, "20000 rows, ");
        expect_all(ROWS);
        upload_finish();
    }
}

static void spoil(long at)
{
    FILE *file = fopen(upload_file, "r+");

    CU_ASSERT_FATAL(file != NULL);
    fseek(file, at, SEEK_SET);
    for (int i = 0; i < 300; i++)
        fputc(0x55, file);
    fclose(file);
}

static void test_spoiled_zip(void)
{
    upload_begin();
    farm_start_gateway(&upload_farm);
    upload_pack(upload_file, ARCHIVE_FORMAT_ZIP, ARCHIVE_FILTER_NONE, 2);
    spoil(500000);
    upload_expect(NULL, 1, "upload: ");
    CU_ASSERT(upload_waiting() < 2 * ROWS);
    CU_ASSERT_EQUAL(upload_different(), upload_waiting());
    upload_write("PK\3\4 and nothing of a zip", 25);
    upload_expect(NULL, 1, "rows.csv: ");
    upload_finish();
}

/* A file that cannot be read does not hinder the next one. */
static void test_several(void)
{
    char good[300];
    const char *more[] = {good, "/nonexistent/file", NULL};

    upload_begin();
    farm_start_gateway(&upload_farm);
    snprintf(good, sizeof good, "%s/good.csv", upload_farm.dir);
    FILE *to = fopen(good, "w");
    CU_ASSERT_FATAL(to != NULL);
    fputs("content,publication\nthis,p\n", to);
    fclose(to);
    upload_write_rows(10);
    upload_expect(more, 1, "/nonexistent/file: No such file");
    expect_all(11);
    upload_finish();
}

void suite_upload_inputs(void);

void suite_upload_inputs(void)
{
    CU_pSuite suite = CU_add_suite("upload_inputs", NULL, NULL);

    CU_add_test(suite, "compressed", test_compressed);
    CU_add_test(suite, "archives", test_archives);
    CU_add_test(suite, "cut short", test_cut_short);
    CU_add_test(suite, "a spoiled zip", test_spoiled_zip);
    CU_add_test(suite, "several files", test_several);
}
