/* rows: articles of an input, one at a time, from CSV or NDJSON; which of the two is told by the
 * first character. A row that cannot be an article comes out as refused, with its reason, and the
 * reading goes on; a file of an archive that holds no articles counts as one such row. */
#ifndef NEWSMILL_ROWS_H
#define NEWSMILL_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/input.h"
#include "common/article.h"
#include "common/err.h"

#define ROWS_MAX_LINE_BYTES (16u << 20) /* of NDJSON; a CSV record may be as long */

struct rows_options {
    int content_column;     /* counted from 0; -1: the one named "content" or "article" */
    int publication_column; /* counted from 0; -1: the one named "publication" */
    bool no_header;         /* the first record is an article already; needs both columns */
};

struct row {
    struct article article; /* of CSV only content and publication; borrowed from the reader */
    const char *refused;    /* NULL, or why this row is no article: then `article` is empty */
    const char *name;       /* as input_name() */
    uint64_t line;          /* where it starts, from 1 */
    uint64_t number; /* of the row in its input, from 1, headers and blank lines not counted */
};

struct rows;

/* Reads from `in`, which stays the caller's and must live longer. */
struct rows *rows_open(struct input *in, const struct rows_options *options);
void rows_close(struct rows *r); /* NULL is fine */

/* Returns 1 and *out, valid until the next call; 0 at the end; ERR_INPUT or ERR_LIMIT when the file
 * cannot be read on (the text names file and line); ERR_AGAIN when the wait was given up. */
int rows_next(struct rows *r, struct row *out, struct err *e);

#endif
