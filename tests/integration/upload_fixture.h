/* upload_fixture: a farm without workers, a file to upload, and what of it is in the list. */
#ifndef NEWSMILL_UPLOAD_FIXTURE_H
#define NEWSMILL_UPLOAD_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/harness/harness.h"

extern struct farm upload_farm;
extern char upload_file[300]; /* rows.csv; a test may set another path, or an address */
extern struct proc upload;    /* of upload_start() */

void upload_begin(void); /* starts Redis only */
void upload_finish(void);

void upload_write(const char *text, size_t length);
/* A CSV of `count` rows, all of them different; the longer file begins with the shorter one. */
void upload_write_rows(int count);

#define UPLOAD_PACKED_ROWS 20000

/* Packs one or two files of UPLOAD_PACKED_ROWS rows each, the second one NDJSON, in the format and
 * with the filter of libarchive's of these numbers. */
void upload_pack(const char *path, int format, int filter, int count);

/* Runs upload with up to eight arguments more before the file; its code has to be `code`, and its
 * output to have `part`. */
void upload_expect(const char *const *more, int code, const char *part);

/* The same in the background. */
void upload_start(const char *const *more);
bool upload_is_waiting(void *context); /* it says so */

long long upload_waiting(void);   /* items in the list */
long long upload_different(void); /* … different ones */
bool upload_has(void *number);    /* at least *(long long *)number are there */

/* Kills it with its children and waits until its port is free. */
void upload_kill_gateway(void);

#endif
