/* rows: see rows.h. */
#include "cli/rows.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/csv.h"
#include "common/buf.h"
#include "common/utf8.h"

struct rows {
    struct input *in;
    struct rows_options options;
    bool in_entry, is_json, ended;
    bool unfit; /* the file in hand is neither CSV nor NDJSON of articles: `refused` says why */
    const char *bytes; /* what is left of the block last read */
    size_t length;
    uint64_t line, number;
    char refused[300];
    /* CSV */
    struct csv *csv;
    size_t content_column, publication_column;
    size_t width; /* fields of the header; 0: no header was read */
    /* NDJSON */
    struct buf text; /* of a line that lies in more than one block */
    struct article article;
};

struct rows *rows_open(struct input *in, const struct rows_options *options)
{
    struct rows *r = xcalloc(1, sizeof *r);

    r->in = in;
    r->options = *options;
    buf_init(&r->text, ROWS_MAX_LINE_BYTES);
    return r;
}

void rows_close(struct rows *r)
{
    if (!r)
        return;
    csv_close(r->csv);
    article_fini(&r->article);
    buf_fini(&r->text);
    free(r);
}

/* Reads on, but gives first what was read to look at. */
static int read_on(void *context, const char **bytes, size_t *length, struct err *e)
{
    struct rows *r = context;

    if (r->length == 0)
        return input_read(r->in, bytes, length, e);
    *bytes = r->bytes;
    *length = r->length;
    r->length = 0;
    return 1;
}

static int unfit(struct rows *r, struct err *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int unfit(struct rows *r, struct err *e, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(r->refused, sizeof r->refused, format, args);
    va_end(args);
    r->unfit = true;
    return err_set(e, ERR_INPUT, "%s: %s", input_name(r->in), r->refused);
}

/* --- CSV ------------------------------------------------------------------------------------ */

static bool is_named(const struct csv_field *field, const char *name)
{
    const char *bytes = field->bytes;
    size_t length = field->length;

    if (!utf8_valid(bytes, length))
        return false;
    utf8_trim(&bytes, &length);
    return length == strlen(name) && strncasecmp(bytes, name, length) == 0;
}

/* Sets *column to the field of that name unless it is set. */
static void find_column(const struct csv_record *header, const char *name, int *column)
{
    for (size_t i = 0; i < header->field_count && *column < 0; i++)
        if (is_named(&header->fields[i], name))
            *column = (int)i;
}

/* Reads the header, if there is one, and decides which columns are meant. */
static int open_csv(struct rows *r, struct err *e)
{
    struct csv_record header = {0};
    int content = r->options.content_column, publication = r->options.publication_column;

    csv_close(r->csv);
    r->csv = csv_open((struct csv_source){.read = read_on, .context = r});
    r->width = 0;
    if (!r->options.no_header) {
        int code = csv_next(r->csv, &header, e);
        if (code <= 0)
            return code < 0 ? err_prefix(e, "%s", input_name(r->in)) : 0;
        r->width = header.field_count;
        find_column(&header, "content", &content);
        find_column(&header, "article", &content);
        find_column(&header, "publication", &publication);
    }
    if (content < 0 || publication < 0)
        return unfit(r, e, "no column is named %s; name it or give its number",
                     content < 0 ? "content or article" : "publication");
    r->content_column = (size_t)content;
    r->publication_column = (size_t)publication;
    if (r->width && (r->content_column >= r->width || r->publication_column >= r->width))
        return unfit(r, e, "the header has %zu columns, counted from 0", r->width);
    return 0;
}

static const char *check_text(const char *name, const struct csv_field *field, struct rows *r)
{
    const char *fault = NULL;

    if (memchr(field->bytes, 0, field->length))
        fault = "contains U+0000";
    else if (!utf8_valid(field->bytes, field->length))
        fault = "is not valid UTF-8";
    if (fault)
        snprintf(r->refused, sizeof r->refused, "%s %s", name, fault);
    return fault ? r->refused : NULL;
}

/* A row of another width than the header's has a quote or a comma wrong: to take the columns at
 * their place would count text of other columns. */
static const char *check_width(const struct csv_record *record, struct rows *r)
{
    size_t wanted = r->width;

    if (!wanted)
        wanted = 1 + (r->content_column > r->publication_column ? r->content_column
                                                                : r->publication_column);
    if (r->width ? record->field_count == wanted : record->field_count >= wanted)
        return NULL;
    snprintf(r->refused, sizeof r->refused, "%zu field%s, %s %zu", record->field_count,
             record->field_count == 1 ? "" : "s",
             r->width ? "the header has" : "wanted are at least", wanted);
    return r->refused;
}

static int next_csv(struct rows *r, struct row *out, struct err *e)
{
    struct csv_record record;
    int code = csv_next(r->csv, &record, e);

    if (code < 0)
        err_prefix(e, "%s", input_name(r->in));
    if (code <= 0)
        return code;
    out->line = record.line;
    out->refused = check_width(&record, r);
    if (out->refused)
        return 1;
    const struct csv_field *content = &record.fields[r->content_column];
    const struct csv_field *publication = &record.fields[r->publication_column];
    out->refused = check_text("content", content, r);
    if (!out->refused)
        out->refused = check_text("publication", publication, r);
    if (!out->refused)
        out->article = (struct article){.content = content->bytes,
                                        .content_length = content->length,
                                        .publication = publication->bytes};
    return 1;
}

/* --- NDJSON --------------------------------------------------------------------------------- */

static bool is_blank(const char *text, size_t length)
{
    while (length > 0 && strchr(" \t\r\n", text[length - 1]) && text[length - 1])
        length--;
    return length == 0;
}

/* Reads a line without its end. Returns 1 and the view, 0 at the end, or a negative code. */
static int read_line(struct rows *r, const char **text, size_t *length, struct err *e)
{
    buf_clear(&r->text);
    for (;;) {
        if (r->length == 0) {
            int code = input_read(r->in, &r->bytes, &r->length, e);
            if (code < 0 || (code == 0 && r->text.length == 0))
                return code;
            if (code == 0)
                break;
        }
        const char *end = memchr(r->bytes, '\n', r->length);
        size_t part = end ? (size_t)(end - r->bytes) : r->length;
        const char *start = r->bytes;
        r->bytes += part + (end != NULL);
        r->length -= part + (end != NULL);
        if (end && r->text.length == 0 && part <= ROWS_MAX_LINE_BYTES) {
            *text = start; /* wholly in this block */
            *length = part;
            r->line++;
            return 1;
        }
        if (buf_append(&r->text, start, part) < 0)
            return err_set(e, ERR_LIMIT, "%s: line %llu: longer than 16 MiB", input_name(r->in),
                           (unsigned long long)r->line + 1);
        if (end)
            break;
    }
    r->line++;
    *text = r->text.bytes;
    *length = r->text.length;
    return 1;
}

static int next_json(struct rows *r, struct row *out, struct err *e)
{
    struct article_fault fault;
    const char *text = NULL;
    size_t length = 0;
    int code;

    do {
        code = read_line(r, &text, &length, e);
        if (code <= 0)
            return code;
    } while (is_blank(text, length));
    out->line = r->line;
    article_fini(&r->article);
    r->article = (struct article){0};
    if (article_parse(text, length, ROWS_MAX_LINE_BYTES, &r->article, &fault) < 0) {
        r->article = (struct article){0};
        snprintf(r->refused, sizeof r->refused, "%s", fault.text);
        out->refused = r->refused;
    } else {
        out->article = r->article;
    }
    return 1;
}

/* --- both ----------------------------------------------------------------------------------- */

/* Goes to the next file inside that has anything in it and looks which format it is. Returns 1, 0
 * at the end of the input, or a negative code. */
static int start_entry(struct rows *r, struct err *e)
{
    const char *blank = " \t\r\n";
    size_t spaces;
    int code = input_next(r->in, e);

    if (code <= 0)
        return code;
    r->length = 0;
    r->line = 0;
    do {
        code = input_read(r->in, &r->bytes, &r->length, e);
    } while (code == 1 && r->length == 0);
    if (code <= 0) {
        r->length = 0;
        return code < 0 ? code : 1;
    }
    for (spaces = 0; spaces < r->length && memchr(blank, r->bytes[spaces], 4);)
        spaces++;
    char first = spaces < r->length ? r->bytes[spaces] : 0;
    if (first == '[')
        return unfit(r, e, "a JSON array; one object a line (NDJSON) or CSV is wanted");
    r->is_json = first == '{';
    r->in_entry = true;
    if (!r->is_json)
        code = open_csv(r, e);
    return code < 0 ? code : 1;
}

static int give_row(struct rows *r, struct row *out)
{
    out->name = input_name(r->in);
    out->number = ++r->number;
    return 1;
}

int rows_next(struct rows *r, struct row *out, struct err *e)
{
    int code = 0;

    *out = (struct row){0};
    while (!r->ended) {
        if (r->in_entry) {
            code = r->is_json ? next_json(r, out, e) : next_csv(r, out, e);
            if (code == 1)
                return give_row(r, out);
            r->in_entry = false;
            r->ended = code < 0;
            continue;
        }
        code = start_entry(r, e);
        r->ended = code <= 0;
        if (r->unfit && input_is_archive(r->in)) { /* the next file in it may be better */
            r->in_entry = r->unfit = r->ended = false;
            *out = (struct row){.refused = r->refused, .line = 1};
            return give_row(r, out);
        }
    }
    return code < 0 ? code : 0;
}
