/* audit_search: what the sums cannot see: holds that nobody answers for, and batches that no saver
 * could read. */
#ifndef NEWSMILL_AUDIT_SEARCH_H
#define NEWSMILL_AUDIT_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

#include "common/conf.h"
#include "common/rds.h"

#define AUDIT_MAX_FINDINGS 20    /* told one by one; the rest is counted */
#define AUDIT_MAX_BATCHES  10000 /* read, from the newest */

struct audit_findings {
    char *texts[AUDIT_MAX_FINDINGS]; /* for people; may quote what is in Redis */
    size_t count;                    /* of all findings, may be above the number of texts */
    size_t batches_read;
    long long repaired; /* items given back from holds without an owner */
};

/* Both add to *out; with `repair` what holds without an owner have is given back instead. The lists
 * may move meanwhile: a hold is judged in one script, and batches are read from the end that only
 * grows. Return 0 or ERR_AGAIN. */
int audit_search_holds(struct rds *r, const struct conf *conf, bool repair,
                       struct audit_findings *out, struct err *e);
int audit_search_batches(struct rds *r, const struct conf *conf, struct audit_findings *out,
                         struct err *e);
void audit_findings_fini(struct audit_findings *f);

#endif
