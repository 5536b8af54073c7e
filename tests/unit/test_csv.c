/* CSV: RFC 4180's cases, line numbers, ceilings; each text is read whole and in slices of one byte.
 */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/csv.h"
#include "common/buf.h"

struct memory {
    const char *bytes;
    size_t length, slice;
    int code_at_end;
};

static int read_memory(void *context, const char **bytes, size_t *length, struct err *e)
{
    struct memory *m = context;

    if (m->length == 0)
        return m->code_at_end < 0 ? err_set(e, m->code_at_end, "the source broke") : 0;
    *bytes = m->bytes;
    *length = m->length < m->slice ? m->length : m->slice;
    m->bytes += *length;
    m->length -= *length;
    return 1;
}

/* Renders all records as "LINE:[field][field]\n", then the error if there is one. */
static void render(struct memory from, struct buf *out)
{
    struct csv *c = csv_open((struct csv_source){.read = read_memory, .context = &from});
    struct csv_record record;
    struct err e;
    int code;

    buf_clear(out);
    buf_append_text(out, "");
    while ((code = csv_next(c, &record, &e)) == 1) {
        buf_printf(out, "%llu:", (unsigned long long)record.line);
        for (size_t i = 0; i < record.field_count; i++) {
            CU_ASSERT_EQUAL(record.fields[i].bytes[record.fields[i].length], 0);
            buf_append_text(out, "[");
            buf_append(out, record.fields[i].bytes, record.fields[i].length);
            buf_append_text(out, "]");
        }
        buf_append_text(out, "\n");
    }
    if (code < 0) {
        buf_printf(out, "%d %s", code, e.text);
        CU_ASSERT_EQUAL(csv_next(c, &record, &e), 0); /* and then it is at its end */
    }
    csv_close(c);
}

static void expect(const char *text, size_t length, const char *wanted)
{
    struct buf got;

    buf_init(&got, 1 << 20);
    for (size_t slice = 1; slice <= length + 1; slice += slice < 4 ? 1 : length) {
        render((struct memory){.bytes = text, .length = length, .slice = slice}, &got);
        if (strcmp(got.bytes, wanted) != 0)
            fprintf(stderr, "\n  slices of %zu: got %s\n  wanted %s\n", slice, got.bytes, wanted);
        CU_ASSERT_STRING_EQUAL(got.bytes, wanted);
    }
    buf_fini(&got);
}

static void expect_text(const char *text, const char *wanted)
{
    expect(text, strlen(text), wanted);
}

static void test_plain(void)
{
    expect_text("", "");
    expect_text("\n\r\n\n", "");
    expect_text("a,b\nc,d\n", "1:[a][b]\n2:[c][d]\n");
    expect_text("a,b\r\nc,d", "1:[a][b]\n2:[c][d]\n");
    expect_text(",\n", "1:[][]\n");
    expect_text("a,,c\n\n\nd,e,\n", "1:[a][][c]\n4:[d][e][]\n");
    expect_text(" a , b\t,\"\"\n", "1:[ a ][ b\t][]\n");
}

static void test_quoted(void)
{
    expect_text("\"a\",\"b,c\"\n", "1:[a][b,c]\n");
    expect_text("\"a\"\"b\",\"\"\"\"\n", "1:[a\"b][\"]\n");
    expect_text("\"a\nb\r\nc\",d\ne,f\n", "1:[a\nb\r\nc][d]\n4:[e][f]\n");
    expect_text("x\r\n\"a\r\n\",\"b\"\r\ny\r\n", "1:[x]\n2:[a\r\n][b]\n4:[y]\n");
    expect_text("\"\n\n\"\n\"z\"", "1:[\n\n]\n4:[z]\n");
    expect_text("\"\xc3\xa4\",\xe2\x82\xac\n", "1:[\xc3\xa4][\xe2\x82\xac]\n");
}

/* Not in the RFC, but in the world. */
static void test_lenient(void)
{
    expect_text("5\" disk,b\n", "1:[5\" disk][b]\n");
    expect_text("\"say \"hi\" now\",b\n", "1:[say \"hi\" now][b]\n");
}

static void test_unclosed(void)
{
    expect_text("a,b\nc,\"d\ne,f\n",
                "1:[a][b]\n-2 line 2: a quote that opens here is never closed");
    expect_text("\"", "-2 line 1: a quote that opens here is never closed");
}

static void test_zero_byte(void)
{
    struct memory from = {.bytes = "a\0b,c\n", .length = 6, .slice = 6};
    struct csv *c = csv_open((struct csv_source){.read = read_memory, .context = &from});
    struct csv_record record;
    struct err e;

    CU_ASSERT_EQUAL_FATAL(csv_next(c, &record, &e), 1);
    CU_ASSERT_EQUAL_FATAL(record.field_count, 2);
    CU_ASSERT_EQUAL(record.fields[0].length, 3);
    CU_ASSERT_EQUAL(memcmp(record.fields[0].bytes, "a\0b", 4), 0);
    csv_close(c);
}

static void test_source_fails(void)
{
    struct buf got;

    buf_init(&got, 1 << 20);
    render((struct memory){.bytes = "a,b\nc", .length = 5, .slice = 5, .code_at_end = ERR_AGAIN},
           &got);
    CU_ASSERT_STRING_EQUAL(got.bytes, "1:[a][b]\n-1 the source broke");
    buf_fini(&got);
}

/* Reads a record of `bytes` in all and returns what csv_next() says about it. */
static int read_large(size_t bytes, const char *front, char fill, struct err *e)
{
    char *text = malloc(bytes);
    size_t length = strlen(front);

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    memcpy(text, front, length);
    memset(text + length, fill, bytes - length);
    struct memory from = {.bytes = text, .length = bytes, .slice = 65536};
    struct csv *c = csv_open((struct csv_source){.read = read_memory, .context = &from});
    struct csv_record record;
    int code = csv_next(c, &record, e);
    if (code == 1)
        code = csv_next(c, &record, e);
    csv_close(c);
    free(text);
    return code;
}

static void test_ceilings(void)
{
    struct err e;

    CU_ASSERT_EQUAL(read_large(CSV_MAX_RECORD_BYTES - 16, "a\n", 'x', &e), 1);
    CU_ASSERT_EQUAL(read_large(CSV_MAX_RECORD_BYTES + 65536, "a\n", 'x', &e), ERR_LIMIT);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "line 2: a record of more than 16 MiB"));
    CU_ASSERT_EQUAL(read_large(CSV_MAX_RECORD_BYTES + 65536, "a\n\"", '\n', &e), ERR_LIMIT);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "line 2:"));
    CU_ASSERT_EQUAL(read_large(2 + CSV_MAX_FIELDS - 1, "a\n", ',', &e), 1);
    CU_ASSERT_EQUAL(read_large(2 + CSV_MAX_FIELDS, "a\n", ',', &e), ERR_LIMIT);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "4096 fields"));
}

void suite_csv(void);

void suite_csv(void)
{
    CU_pSuite suite = CU_add_suite("csv", NULL, NULL);

    CU_add_test(suite, "plain fields", test_plain);
    CU_add_test(suite, "quoted fields", test_quoted);
    CU_add_test(suite, "stray quotes", test_lenient);
    CU_add_test(suite, "a quote never closed", test_unclosed);
    CU_add_test(suite, "a zero byte", test_zero_byte);
    CU_add_test(suite, "the source fails", test_source_fails);
    CU_add_test(suite, "ceilings", test_ceilings);
}
