/* csv: see csv.h. libcsv pushes; it is fed one line at a time, so that after each line at most one
 * record is complete and the line number is known. */
#include "cli/csv.h"

#include <csv.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

struct csv {
    struct csv_source from;
    struct csv_parser parser;
    const char *bytes; /* what is left of the block last read */
    size_t length;
    struct buf text; /* fields of the record in hand, a NUL after each */
    size_t starts[CSV_MAX_FIELDS], lengths[CSV_MAX_FIELDS];
    struct csv_field fields[CSV_MAX_FIELDS];
    size_t field_count;
    bool in_record, complete, too_many, ended;
    uint64_t line, record_line;
};

/* With LF as the only line end, CR counts as space: it is dropped before a line end and kept inside
 * quotes. True blanks are kept, as RFC 4180 asks. */
static int is_cr(unsigned char byte)
{
    return byte == CSV_CR;
}

static int is_lf(unsigned char byte)
{
    return byte == CSV_LF;
}

/* libcsv's buffer for one field; a refusal comes back as CSV_ENOMEM. */
static void *grow_field(void *block, size_t size)
{
    return size > CSV_MAX_RECORD_BYTES ? NULL : realloc(block, size);
}

static void on_field(void *bytes, size_t length, void *context)
{
    struct csv *c = context;

    if (c->field_count == CSV_MAX_FIELDS) {
        c->too_many = true;
        return;
    }
    c->starts[c->field_count] = c->text.length;
    c->lengths[c->field_count++] = length;
    if (buf_append(&c->text, bytes, length) == 0)
        buf_append(&c->text, "", 1); /* a failure is seen by buf_failed() */
}

static void on_record(int last, void *context)
{
    struct csv *c = context;

    (void)last;
    c->complete = true;
}

struct csv *csv_open(struct csv_source from)
{
    struct csv *c = xcalloc(1, sizeof *c);

    c->from = from;
    c->line = 1;
    buf_init(&c->text, CSV_MAX_RECORD_BYTES);
    if (csv_init(&c->parser, 0) != 0)
        panic("libcsv cannot be set up");
    csv_set_space_func(&c->parser, is_cr);
    csv_set_term_func(&c->parser, is_lf);
    csv_set_realloc_func(&c->parser, grow_field);
    csv_set_blk_size(&c->parser, 65536);
    return c;
}

void csv_close(struct csv *c)
{
    if (!c)
        return;
    csv_free(&c->parser);
    buf_fini(&c->text);
    free(c);
}

static int fail(struct csv *c, int code, const char *what, struct err *e)
{
    c->ended = true;
    return err_set(e, code, "line %llu: %s", (unsigned long long)c->record_line, what);
}

static int check(struct csv *c, struct err *e)
{
    if (csv_error(&c->parser) != CSV_SUCCESS || buf_failed(&c->text))
        return fail(c, ERR_LIMIT, "a record of more than 16 MiB; is a quote missing?", e);
    if (c->too_many)
        return fail(c, ERR_LIMIT, "a record of more than 4096 fields", e);
    return 0;
}

/* Feeds up to and including the next line end of the block. */
static int feed_line(struct csv *c, struct err *e)
{
    const char *end = memchr(c->bytes, '\n', c->length);
    const char *bytes = c->bytes;
    size_t length = end ? (size_t)(end - bytes) + 1 : c->length;

    for (size_t i = 0; i < length && !c->in_record; i++)
        if (bytes[i] != '\n' && bytes[i] != '\r') {
            c->in_record = true;
            c->record_line = c->line;
        }
    c->bytes += length;
    c->length -= length;
    c->line += end != NULL;
    csv_parse(&c->parser, bytes, length, on_field, on_record, c);
    return check(c, e);
}

/* At the end of the stream: what is left is the last record, unless a quote is still open. */
static int finish(struct csv *c, struct err *e)
{
    c->ended = true;
    if (!c->in_record)
        return 0;
    csv_set_opts(&c->parser, CSV_STRICT | CSV_STRICT_FINI);
    if (csv_fini(&c->parser, on_field, on_record, c) != 0 && csv_error(&c->parser) == CSV_EPARSE)
        return fail(c, ERR_INPUT, "a quote that opens here is never closed", e);
    return check(c, e);
}

int csv_next(struct csv *c, struct csv_record *out, struct err *e)
{
    buf_clear(&c->text);
    c->field_count = 0;
    c->in_record = c->complete = false;
    while (!c->complete) {
        int code = 1;
        if (c->ended)
            return 0;
        if (c->length == 0)
            code = c->from.read(c->from.context, &c->bytes, &c->length, e);
        if (code < 0)
            c->ended = true;
        else if (code == 0)
            code = finish(c, e);
        else if (c->length > 0)
            code = feed_line(c, e);
        if (code < 0)
            return code;
    }
    for (size_t i = 0; i < c->field_count; i++)
        c->fields[i] =
            (struct csv_field){.bytes = c->text.bytes + c->starts[i], .length = c->lengths[i]};
    *out = (struct csv_record){
        .fields = c->fields, .field_count = c->field_count, .line = c->record_line};
    return 1;
}
