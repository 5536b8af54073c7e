/* bulk_fixture: a gateway in front of a real Redis, and bulk requests to it; for the suites bulk,
 * bulk_again and bulk_strain. One test at a time. */
#ifndef NEWSMILL_BULK_FIXTURE_H
#define NEWSMILL_BULK_FIXTURE_H

#include "common/buf.h"
#include "tests/harness/harness.h"

#define BULK_BODY_BYTES ((size_t)32 << 20) /* the most of one request */

#define BULK_NDJSON "Content-Type: application/x-ndjson"
#define BULK_JSON   "Content-Type: application/json"
#define BULK_A      "{\"content\":\"a\",\"publication\":\"p\"}"
#define BULK_B      "{\"content\":\"b\",\"publication\":\"p\"}"
#define BULK_C      "{\"content\":\"c\",\"publication\":\"p\"}"
#define BULK_COUNTS(accepted, duplicates, refused)                                                 \
    "{\"accepted\":" #accepted ",\"duplicates\":" #duplicates ",\"refused\":" #refused ","

extern struct farm bulk_farm;
extern struct http_answer bulk_answer; /* to the last request */

/* Redis, and with it or after further farm_set()s the gateway. */
void bulk_prepare(void);
void bulk_begin_test(void);
/* Stops the gateway, which has to end well, and the rest. */
void bulk_end_test(void);

/* POST /post/bulk. `type` and `header` are whole header lines; header may be NULL. The status. */
long bulk_send(const char *type, const char *header, const char *body, size_t length);
long bulk_lines(const char *body);
long bulk_lines_with(const char *header, const char *body);
long bulk_array(const char *body);
/* POST /post/enqueue */
long bulk_single(const char *header, const char *body);

/* Is it in the answer's body or head? Prints both when it is not. */
bool bulk_answered(const char *part);
/* Number of times. */
int bulk_answered_times(const char *part);

long long bulk_depth(void);
bool bulk_has_depth(void *wanted); /* for wait_until(); a long long */
/* The content of the article so many places from the workers' end: 0 is worked next. */
const char *bulk_content(long long place);

/* Appends `count` lines with contents PREFIX0, PREFIX1, … of about so many bytes. */
void bulk_fill(struct buf *out, const char *prefix, int count, int bytes);

#endif
