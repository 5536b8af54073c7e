/* newsmill upload of what is compressed, packed, cut short or broken: what can be read arrives, and
 * the rest is said. The files are made by libarchive's writer. */
#include <CUnit/CUnit.h>
#include <archive.h>
#include <archive_entry.h>
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

/* To libarchive they are the end of a tar, and all behind them is none of its business. */
static void test_nuls(void)
{
    static const char rows[] = "content,publication\nabc,p\n";
    char text[4096 + sizeof rows] = {0};

    upload_begin();
    farm_start_gateway(&upload_farm);
    memcpy(text + 4096, rows, sizeof rows);
    upload_write(text, sizeof text - 1);
    upload_expect(NULL, 1, "rows.csv: begins with NULs, which no text and no archive does");
    upload_write(text, 4096);
    upload_expect(NULL, 1, "rows.csv: begins with NULs");
    upload_write(text, 100);
    upload_expect(NULL, 1, "rows.csv");
    upload_write("", 0);
    upload_expect(NULL, 0, "0 rows");
    CU_ASSERT_EQUAL(upload_waiting(), 0);
    upload_finish();
}

/* ESC, BEL, C1's CSI, a line of its own, a carriage return, the marks of both directions. */
#define HOSTILE                                                                                    \
    "a\x1b]0;b\x07\xc2\x9b"                                                                        \
    "2Jc\nd\re\x7f\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f\xe2\x80\xae"

/* Runs newsmill and expects a code, a part of what it says, and nothing that a terminal acts on. */
static void expect_tame(const char *const *args, int code, const char *part)
{
    static const char *const marks[] = {"\xc2\x9b", "\xd8\x9c", "\xe2\x80\x8e", "\xe2\x80\x8f",
                                        "\xe2\x80\xae"};
    char *text = NULL;
    int got = proc_run("newsmill", upload_farm.env, args, true, &text, 60000);
    bool tame = true;

    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        tame = tame && !strstr(text, marks[i]);
    for (const char *at = text; *at; at++)
        tame = tame && *at != 0x7f && ((unsigned char)*at >= ' ' || *at == '\n');
    tame = tame && !strstr(text, "\nd"); /* no line that is not ours */
    if (got != code || !strstr(text, part) || !tame)
        fprintf(stderr, "\n  code %d, wanted %d and '%s': %s\n", got, code, part, text);
    CU_ASSERT_EQUAL(got, code);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, part));
    CU_ASSERT(tame);
    free(text);
}

static void test_hostile_names(void)
{
    static const char text[] = "content,publication\nonly one\n";
    struct archive *a = archive_write_new();
    struct archive_entry *entry = archive_entry_new();

    upload_begin();
    farm_start_gateway(&upload_farm);
    CU_ASSERT_EQUAL(archive_write_set_format_ustar(a), ARCHIVE_OK);
    CU_ASSERT_EQUAL_FATAL(archive_write_open_filename(a, upload_file), ARCHIVE_OK);
    archive_entry_set_pathname(entry, HOSTILE ".csv");
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, sizeof text - 1);
    CU_ASSERT_FATAL(archive_write_header(a, entry) >= ARCHIVE_WARN);
    CU_ASSERT_EQUAL(archive_write_data(a, text, sizeof text - 1), sizeof text - 1);
    CU_ASSERT_EQUAL(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
    archive_entry_free(entry);
    expect_tame((const char *const[]){"upload", upload_file, NULL}, 1, "refused: ");
    expect_tame((const char *const[]){"upload", HOSTILE, NULL}, 1, "No such file");
    expect_tame((const char *const[]){"upload", "--" HOSTILE, "x", NULL}, 64, "--help");
    expect_tame((const char *const[]){"upload", "--url", HOSTILE, upload_file, NULL}, 64, "--url");
    expect_tame((const char *const[]){HOSTILE, NULL}, 64, "there is no command");
    expect_tame((const char *const[]){"-c", HOSTILE, "status", NULL}, 1, "newsmill: ");
    expect_tame((const char *const[]){"-o", HOSTILE, "status", NULL}, 1, "newsmill: ");
    expect_tame((const char *const[]){"entities", HOSTILE, NULL}, 1, "newsmill entities: ");
    expect_tame((const char *const[]){"key", "new", HOSTILE, NULL}, 1, "newsmill key: ");
    expect_tame((const char *const[]){"dead", "show", HOSTILE, NULL}, 64, "newsmill dead: ");
    expect_tame((const char *const[]){"model", "check", HOSTILE, NULL}, 2, "model");
    upload_finish();
}

void suite_upload_inputs(void);

void suite_upload_inputs(void)
{
    CU_pSuite suite = CU_add_suite("upload_inputs", NULL, NULL);

    CU_add_test(suite, "a file that begins with NULs", test_nuls);
    CU_add_test(suite, "names that a terminal would act on", test_hostile_names);
    CU_add_test(suite, "compressed", test_compressed);
    CU_add_test(suite, "archives", test_archives);
    CU_add_test(suite, "cut short", test_cut_short);
    CU_add_test(suite, "a spoiled zip", test_spoiled_zip);
    CU_add_test(suite, "several files", test_several);
}
