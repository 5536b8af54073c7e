/* csv: records of a CSV stream (RFC 4180), one at a time: quoted fields with newlines, doubled
 * quotes, LF or CRLF. The parsing is libcsv's; this module pulls, counts lines and keeps ceilings.
 *
 * Beyond the RFC, as libcsv reads it: a quote inside an unquoted field is an ordinary character,
 * and so is a lone quote inside a quoted field when no comma or line end follows it. */
#ifndef NEWSMILL_CSV_H
#define NEWSMILL_CSV_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define CSV_MAX_RECORD_BYTES (16u << 20)
#define CSV_MAX_FIELDS       4096

struct csv_field {
    const char *bytes; /* a NUL follows that is not counted; others may be inside */
    size_t length;
};

struct csv_record {
    const struct csv_field *fields;
    size_t field_count;
    uint64_t line; /* where it starts, from 1 */
};

/* Gives the next bytes of the stream, valid until the next call. Returns 1, 0 at the end, or a
 * negative code. */
struct csv_source {
    int (*read)(void *context, const char **bytes, size_t *length, struct err *e);
    void *context;
};

struct csv;

struct csv *csv_open(struct csv_source from);
void csv_close(struct csv *c); /* NULL is fine */

/* Reads the next record; blank lines are skipped. Returns 1 and *out, which is valid until the next
 * call; 0 at the end; or ERR_INPUT or ERR_LIMIT with the line number in the text, or the source's
 * own error. After an error the stream is at its end. */
int csv_next(struct csv *c, struct csv_record *out, struct err *e);

#endif
