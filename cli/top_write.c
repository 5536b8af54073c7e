/* top_write: see top_write.h. */
#include "cli/top_write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uniwidth.h>

#include "cli/console.h"
#include "cli/printable.h"
#include "common/json.h"
#include "common/utf8.h"

/* The table is aligned over so many rows at a time; more are written in blocks. */
#define BLOCK_ROWS       1000
#define MAX_WORD_COLUMNS 60
#define MAX_LINE_BYTES   (64u << 20) /* a word of any length the store may hold, escaped */

struct row {
    char *word, *labels;
    int columns; /* the word's width on a terminal */
    uint64_t count;
};

struct top_writer {
    FILE *to;
    enum top_form form;
    bool terminal;
    bool any; /* something was written */
    char *publication;
    struct buf line, text;
    struct row rows[BLOCK_ROWS];
    size_t row_count;
    uint64_t rank; /* of the first row in the block */
    int word_columns;
};

struct top_writer *top_writer_new(FILE *to, enum top_form form, bool terminal)
{
    struct top_writer *w = xcalloc(1, sizeof *w);

    w->to = to;
    w->form = form;
    w->terminal = terminal;
    buf_init(&w->line, MAX_LINE_BYTES);
    buf_init(&w->text, MAX_LINE_BYTES);
    return w;
}

void top_writer_free(struct top_writer *w)
{
    buf_fini(&w->line);
    buf_fini(&w->text);
    free(w->publication);
    free(w);
}

static void write_line(struct top_writer *w)
{
    fwrite(w->line.bytes, 1, w->line.length, w->to); /* lint: JSON, or CSV that is printable */
    buf_clear(&w->line);
    w->any = true;
}

/* --- JSON ---------------------------------------------------------------------------------------
 */

static void append_json(struct buf *line, const char *name, const char *text)
{
    buf_printf(line, "\"%s\":", name);
    json_append_string(line, text, strlen(text));
}

static void write_json_publication(struct top_writer *w, uint64_t articles)
{
    buf_append_text(&w->line, "{");
    append_json(&w->line, "publication", w->publication);
    buf_printf(&w->line, ",\"articles\":%" PRIu64 "}\n", articles);
    write_line(w);
}

static void write_json_word(struct top_writer *w, const struct store_frequency *f)
{
    buf_append_text(&w->line, "{");
    append_json(&w->line, "publication", w->publication);
    buf_append_text(&w->line, ",");
    append_json(&w->line, "word", f->word);
    buf_printf(&w->line, ",\"count\":%" PRIu64 ",\"labels\":{", f->count);
    for (size_t i = 0; i < f->label_count; i++) {
        buf_append_text(&w->line, i ? "," : "");
        json_append_string(&w->line, f->labels[i].label, strlen(f->labels[i].label));
        buf_printf(&w->line, ":%" PRIu64, f->labels[i].count);
    }
    buf_append_text(&w->line, "}}\n");
    write_line(w);
}

/* --- CSV ----------------------------------------------------------------------------------------
 */

static void append_csv(struct top_writer *w, const char *text)
{
    if (w->terminal) {
        buf_clear(&w->text);
        printable_append(&w->text, text, strlen(text));
        text = w->text.length ? w->text.bytes : "";
    }
    if (!strpbrk(text, "\",\r\n")) {
        buf_append_text(&w->line, text);
        return;
    }
    buf_append_text(&w->line, "\"");
    for (const char *quote; (quote = strchr(text, '"')); text = quote + 1) {
        buf_append(&w->line, text, (size_t)(quote - text));
        buf_append_text(&w->line, "\"\"");
    }
    buf_append_text(&w->line, text);
    buf_append_text(&w->line, "\"");
}

static void write_csv_word(struct top_writer *w, const struct store_frequency *f)
{
    struct buf labels;

    append_csv(w, w->publication);
    buf_append_text(&w->line, ",");
    append_csv(w, f->word);
    buf_printf(&w->line, ",%" PRIu64 ",", f->count);
    buf_init(&labels, MAX_LINE_BYTES);
    for (size_t i = 0; i < f->label_count; i++)
        buf_printf(&labels, "%s%s:%" PRIu64, i ? " " : "", f->labels[i].label, f->labels[i].count);
    append_csv(w, labels.length ? labels.bytes : "");
    buf_fini(&labels);
    buf_append_text(&w->line, "\r\n");
    write_line(w);
}

/* --- table --------------------------------------------------------------------------------------
 */

/* Cuts the text to the columns a word may have; returns the columns it takes. */
static int fit(struct buf *text)
{
    int columns = 0;
    size_t cut = 0; /* bytes that leave a column for the mark */
    uint32_t c;

    for (size_t at = 0; at < text->length;) {
        unsigned step = utf8_next(text->bytes + at, &c);
        int width = uc_width(c, "UTF-8");
        if (width < 0)
            width = 0;
        if (columns + width > MAX_WORD_COLUMNS) {
            text->length = cut;
            buf_append_text(text, "…");
            return u8_width((const uint8_t *)text->bytes, text->length, "UTF-8");
        }
        columns += width;
        at += step;
        if (columns < MAX_WORD_COLUMNS)
            cut = at;
    }
    return columns;
}

static void append_labels(struct buf *out, const struct store_frequency *f)
{
    for (size_t i = 0; i < f->label_count; i++) {
        buf_append_text(out, i ? ", " : "");
        printable_append(out, f->labels[i].label, strlen(f->labels[i].label));
        if (f->label_count > 1) /* with one it is the count itself */
            buf_printf(out, " %" PRIu64, f->labels[i].count);
    }
}

static void write_rows(struct top_writer *w)
{
    int count_columns = w->row_count ? snprintf(NULL, 0, "%" PRIu64, w->rows[0].count) : 0;

    for (size_t i = 0; i < w->row_count; i++) {
        struct row *row = &w->rows[i];
        int padding = w->word_columns - row->columns;
        console_printf(w->to, "%5" PRIu64 "  %s%*s  %*" PRIu64 "  %s\n", w->rank + i, row->word,
                       padding, "", count_columns, row->count, row->labels);
        free(row->word);
        free(row->labels);
    }
    w->rank += w->row_count;
    w->row_count = 0;
}

static void add_row(struct top_writer *w, const struct store_frequency *f)
{
    if (w->row_count == BLOCK_ROWS)
        write_rows(w);
    struct row *row = &w->rows[w->row_count++];
    buf_clear(&w->text);
    printable_append(&w->text, f->word, strlen(f->word));
    row->columns = fit(&w->text);
    row->word = xstrdup(w->text.bytes);
    buf_clear(&w->text);
    append_labels(&w->text, f);
    row->labels = xstrdup(w->text.length ? w->text.bytes : "");
    row->count = f->count;
    if (row->columns > w->word_columns)
        w->word_columns = row->columns;
}

static void write_heading(struct top_writer *w, const struct store_publication *p)
{
    buf_clear(&w->text);
    printable_append(&w->text, p->name, strlen(p->name));
    console_printf(w->to, "%s%s, %" PRIu64 " %s\n", w->any ? "\n" : "", w->text.bytes, p->articles,
                   p->articles == 1 ? "article" : "articles");
    w->any = true;
}

/* --- all three ----------------------------------------------------------------------------------
 */

void top_writer_start(struct top_writer *w, const struct store_publication *publication)
{
    free(w->publication);
    w->publication = xstrdup(publication->key);
    w->rank = 1;
    w->word_columns = 0;
    if (w->form == TOP_JSON) {
        write_json_publication(w, publication->articles);
    } else if (w->form == TOP_TABLE) {
        write_heading(w, publication);
    } else if (!w->any) {
        buf_append_text(&w->line, "publication,word,count,labels\r\n");
        write_line(w);
    }
}

void top_writer_word(struct top_writer *w, const struct store_frequency *frequency)
{
    if (w->form == TOP_JSON)
        write_json_word(w, frequency);
    else if (w->form == TOP_CSV)
        write_csv_word(w, frequency);
    else
        add_row(w, frequency);
}

void top_writer_end(struct top_writer *w)
{
    if (w->form == TOP_TABLE)
        write_rows(w);
}
