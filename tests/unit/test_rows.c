/* Rows: CSV and NDJSON, plain and packed, columns, refused rows with their lines. The files are
 * made here, the packed ones by libarchive's writer. */
#include <CUnit/CUnit.h>
#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/rows.h"
#include "common/buf.h"
#include "tests/harness/harness.h"

static char path[300];
static struct rows_options by_name = {.content_column = -1, .publication_column = -1};

static void write_file(const char *text, size_t length)
{
    snprintf(path, sizeof path, "%s/input", harness_dir());
    FILE *file = fopen(path, "w");
    CU_ASSERT_FATAL(file != NULL);
    CU_ASSERT_EQUAL_FATAL(fwrite(text, 1, length, file), length);
    fclose(file);
}

/* Packs texts; `names` without a zip format is one file compressed by `filter`. */
static void write_packed(int format, int filter, const char *const *names, const char *const *texts,
                         int count)
{
    struct archive *a = archive_write_new();
    struct archive_entry *entry = archive_entry_new();

    snprintf(path, sizeof path, "%s/packed", harness_dir());
    CU_ASSERT_EQUAL_FATAL(archive_write_set_format(a, format), ARCHIVE_OK);
    CU_ASSERT_EQUAL_FATAL(archive_write_add_filter(a, filter), ARCHIVE_OK);
    CU_ASSERT_EQUAL_FATAL(archive_write_open_filename(a, path), ARCHIVE_OK);
    for (int i = 0; i < count; i++) {
        archive_entry_clear(entry);
        archive_entry_set_pathname(entry, names[i]);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, (la_int64_t)strlen(texts[i]));
        CU_ASSERT_EQUAL_FATAL(archive_write_header(a, entry), ARCHIVE_OK);
        CU_ASSERT_EQUAL(archive_write_data(a, texts[i], strlen(texts[i])),
                        (la_ssize_t)strlen(texts[i]));
    }
    CU_ASSERT_EQUAL(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
    archive_entry_free(entry);
}

/* Reads `path`, renders rows as "NUMBER LINE content|publication\n" or "… ! reason\n" and an error
 * as its code and text. */
static void render(const struct rows_options *options, struct buf *out)
{
    struct input_options from = {0};
    struct input *in = NULL;
    struct row row;
    struct err e;
    int code = input_open(path, &from, &in, &e);

    buf_clear(out);
    buf_append_text(out, "");
    if (code == 0) {
        struct rows *rows = rows_open(in, options);
        while ((code = rows_next(rows, &row, &e)) == 1) {
            buf_printf(out, "%llu %llu ", (unsigned long long)row.number,
                       (unsigned long long)row.line);
            if (row.refused)
                buf_printf(out, "! %s\n", row.refused);
            else
                buf_printf(out, "%.*s|%s\n", (int)row.article.content_length, row.article.content,
                           row.article.publication);
        }
        rows_close(rows);
    }
    if (code < 0)
        buf_printf(out, "%d %s", code, e.text);
    input_close(in);
}

static void expect(const struct rows_options *options, const char *wanted)
{
    struct buf got;

    buf_init(&got, 64 << 20);
    render(options, &got);
    if (!strstr(got.bytes, wanted))
        fprintf(stderr, "\n  got %s\n  wanted %s\n", got.bytes, wanted);
    CU_ASSERT_PTR_NOT_NULL(strstr(got.bytes, wanted));
    buf_fini(&got);
    harness_end();
}

static void expect_text(const char *text, const char *wanted)
{
    write_file(text, strlen(text));
    expect(&by_name, wanted);
}

static void test_csv_by_name(void)
{
    expect_text("date,publication,article\n1,BBC,\"a\nb\"\n\n2,NYT,c\n",
                "1 2 a\nb|BBC\n2 5 c|NYT\n");
    expect_text("\xef\xbb\xbf\"Content\", PUBLICATION \r\nx,y\r\n", "1 2 x|y\n");
    expect_text("article,content,publication\nno,yes,p\n", "1 2 yes|p\n");
    expect_text("a,b\n1,2\n", "no column is named content or article");
    expect_text("content,b\n1,2\n", "no column is named publication");
}

static void test_csv_by_number(void)
{
    struct rows_options o = {.content_column = 2, .publication_column = 0};
    const char *text = "p,content,t\nq,no,u\n";

    write_file(text, strlen(text));
    expect(&o, "1 2 u|q\n");
    o.no_header = true;
    write_file(text, strlen(text));
    expect(&o, "1 1 t|p\n2 2 u|q\n");
    write_file("p,c,t\nq\n", 8);
    expect(&o, "2 2 ! 1 field, wanted are at least 3\n");
    o.no_header = false;
    write_file("p,c\nq,r\n", 8);
    expect(&o, "the header has 2 columns");
}

static void test_csv_refused(void)
{
    static const char text[] =
        "content,publication\nok,p\n\xff,p\nx\na,b,c\nx,\xc3\na\0b,p\nlast,p\n";

    write_file(text, sizeof text - 1);
    expect(&by_name, "1 2 ok|p\n"
                     "2 3 ! content is not valid UTF-8\n"
                     "3 4 ! 1 field, the header has 2\n"
                     "4 5 ! 3 fields, the header has 2\n"
                     "5 6 ! publication is not valid UTF-8\n"
                     "6 7 ! content contains U+0000\n"
                     "7 8 last|p\n");
    expect_text("content,publication\na,b\n\"c,d\n", "input: line 3: a quote that opens here");
}

static void test_ndjson(void)
{
    expect_text("{\"content\":\"a\\nb\",\"publication\":\" p \",\"other\":1}\r\n\n"
                "  {\"publication\":\"q\",\"content\":\"\"}",
                "1 1 a\nb|p\n2 3 |q\n");
    expect_text("\xef\xbb\xbf{\"content\":\"a\",\"publication\":\"p\"}\n", "1 1 a|p\n");
    expect_text("[{\"content\":\"a\"}]", "a JSON array");
}

static void test_ndjson_refused(void)
{
    static const char *const lines[] = {"{\"content\":1,\"publication\":\"p\"}",
                                        "{\"content\":\"a\"}",
                                        "{\"content\":\"a\",\"publication\":\"p\"} x",
                                        "{\"content\":\"\xff\",\"publication\":\"p\"}",
                                        "{\"content\":\"\\u0000\",\"publication\":\"p\"}",
                                        "content,publication"};
    char text[1000] = "{}\n", wanted[100];

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        int length = snprintf(text, sizeof text,
                              "{}\n%s\n{\"content\":\"a\",\"publication\":\"p\"}\n", lines[i]);
        struct buf got;
        buf_init(&got, 10000);
        write_file(text, (size_t)length);
        render(&by_name, &got);
        CU_ASSERT_PTR_NOT_NULL(strstr(got.bytes, "\n2 2 ! "));
        snprintf(wanted, sizeof wanted, "\n3 3 a|p\n");
        CU_ASSERT_PTR_NOT_NULL(strstr(got.bytes, wanted));
        buf_fini(&got);
        harness_end();
    }
}

static void test_long_lines(void)
{
    static const char front[] = "{\"publication\":\"p\",\"content\":\"";
    size_t length = ROWS_MAX_LINE_BYTES + 100;
    char *text = malloc(length);

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    memset(text, 'x', length);
    memcpy(text, front, sizeof front - 1);
    write_file(text, length);
    expect(&by_name, "input: line 1: longer than 16 MiB");
    memcpy(text + 300000, "\"}\n", 3); /* longer than a block */
    memcpy(text + 300003, "{}\n", 3);
    write_file(text, 300006);
    expect(&by_name, "x|p\n2 2 ! ");
    free(text);
}

static void test_empty(void)
{
    struct buf got;

    buf_init(&got, 10000);
    for (int i = 0; i < 3; i++) {
        static const char *const texts[] = {"", "\n \n", "content,publication\n"};
        write_file(texts[i], strlen(texts[i]));
        render(&by_name, &got);
        if (i != 1) /* blanks are a header without the columns */
            CU_ASSERT_STRING_EQUAL(got.bytes, "");
        harness_end();
    }
    buf_fini(&got);
}

static void test_packed(void)
{
    static const int filters[] = {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD, ARCHIVE_FILTER_XZ,
                                  ARCHIVE_FILTER_BZIP2, ARCHIVE_FILTER_LZ4};
    const char *name = "data";
    const char *text = "\xef\xbb\xbf"
                       "content,publication\na,p\nb,q\n";

    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        write_packed(ARCHIVE_FORMAT_RAW, filters[i], &name, &text, 1);
        expect(&by_name, "1 2 a|p\n2 3 b|q\n");
    }
    /* A text that one of libarchive's filters would take for its own. */
    expect_text("content,publication\n\"begin 644 x\nabc\",p\n", "1 2 begin 644 x\nabc|p\n");
}

static void test_zip(void)
{
    static const char *const names[] = {"a.csv",     "__MACOSX/a.csv",  "folder/.hidden",
                                        "empty.csv", "folder/b.ndjson", "c.csv"};
    static const char *const texts[] = {"content,publication\na,p\n",
                                        "junk",
                                        "junk",
                                        "",
                                        "{\"content\":\"b\",\"publication\":\"q\"}\n",
                                        "publication,content\nr,c\n"};

    write_packed(ARCHIVE_FORMAT_ZIP, ARCHIVE_FILTER_NONE, names, texts, 6);
    expect(&by_name, "1 2 a|p\n2 1 b|q\n3 2 c|r\n");
    write_packed(ARCHIVE_FORMAT_ZIP, ARCHIVE_FILTER_NONE, names + 1, texts + 1, 1);
    expect(&by_name, "");
}

/* Nothing is unpacked, so a name can be anything. */
static void test_tar(void)
{
    static const int filters[] = {ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD};
    static const char *const names[] = {"/etc/passwd", "../../x.ndjson"};
    static const char *const texts[] = {"content,publication\na,p\n",
                                        "{\"content\":\"b\",\"publication\":\"q\"}\n"};

    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        write_packed(ARCHIVE_FORMAT_TAR_USTAR, filters[i], names, texts, 2);
        expect(&by_name, "1 2 a|p\n2 1 b|q\n");
    }
}

/* Beside the articles there may be other files. */
static void test_other_files(void)
{
    static const char *const names[] = {"README", "a.csv", "all.json", "b.csv"};
    static const char *const texts[] = {"These are articles.\n", "content,publication\na,p\n",
                                        "[{\"content\":\"x\",\"publication\":\"y\"}]\n",
                                        "content,publication\nb,q\n"};

    write_packed(ARCHIVE_FORMAT_ZIP, ARCHIVE_FILTER_NONE, names, texts, 4);
    expect(&by_name, "1 1 ! no column is named content or article; name it or give its number\n"
                     "2 2 a|p\n"
                     "3 1 ! a JSON array; one object a line (NDJSON) or CSV is wanted\n"
                     "4 2 b|q\n");
}

/* Blank lines are no rows, and nearly all of this is blank lines. */
static void test_bomb(void)
{
    const char *name = "data";
    size_t length = 80 << 20;
    char *text = malloc(length + 1);
    const char *const one = text;

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    memset(text, '\n', length);
    memcpy(text, "content,publication\na,p\n", 24);
    text[length] = 0;
    write_packed(ARCHIVE_FORMAT_RAW, ARCHIVE_FILTER_ZSTD, &name, &one, 1);
    expect(&by_name, "1 2 a|p\n-5 ");
    write_packed(ARCHIVE_FORMAT_RAW, ARCHIVE_FILTER_ZSTD, &name, &one, 1);
    expect(&by_name, "more than 500 times its size unpacked");
    text[60 << 20] = 0;
    write_packed(ARCHIVE_FORMAT_RAW, ARCHIVE_FILTER_ZSTD, &name, &one, 1);
    expect(&by_name, "1 2 a|p\n");
    free(text);
}

static void test_broken(void)
{
    struct input_options from = {0};
    struct err e;
    struct input *in;

    write_file("\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\x4c", 12);
    expect(&by_name, "-2 ");
    CU_ASSERT_EQUAL(input_open("/nonexistent/file", &from, &in, &e), ERR_INPUT);
    CU_ASSERT_EQUAL(input_open("/", &from, &in, &e), ERR_INPUT);
}

void suite_rows(void);

void suite_rows(void)
{
    CU_pSuite suite = CU_add_suite("rows", NULL, NULL);

    CU_add_test(suite, "CSV, columns by name", test_csv_by_name);
    CU_add_test(suite, "CSV, columns by number", test_csv_by_number);
    CU_add_test(suite, "CSV, refused rows", test_csv_refused);
    CU_add_test(suite, "NDJSON", test_ndjson);
    CU_add_test(suite, "NDJSON, refused rows", test_ndjson_refused);
    CU_add_test(suite, "long lines", test_long_lines);
    CU_add_test(suite, "nothing inside", test_empty);
    CU_add_test(suite, "compressed files", test_packed);
    CU_add_test(suite, "zip files", test_zip);
    CU_add_test(suite, "tar files", test_tar);
    CU_add_test(suite, "other files in an archive", test_other_files);
    CU_add_test(suite, "a bomb", test_bomb);
    CU_add_test(suite, "broken files", test_broken);
}
