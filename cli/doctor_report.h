/* doctor_report: the lines of `newsmill doctor`, and who writes them. */
#ifndef NEWSMILL_DOCTOR_REPORT_H
#define NEWSMILL_DOCTOR_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/conf.h"
#include "common/rds.h"

enum doctor_level { DOCTOR_OK, DOCTOR_WARN, DOCTOR_BAD, DOCTOR_LEVELS };

struct doctor_report {
    const struct conf *conf;
    bool json;
    size_t counts[DOCTOR_LEVELS];
};

/* Prints one line: what was found, and what to do about it ("" where nothing). */
void doctor_report(struct doctor_report *r, enum doctor_level level, const char *check,
                   const char *advice, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

void doctor_redis(struct doctor_report *r); /* connects by itself */
void doctor_rights(struct doctor_report *r, struct rds *rds);
void doctor_instance(struct doctor_report *r, struct rds *rds);
void doctor_local(struct doctor_report *r); /* model, store, keys, disks, huge pages */
void doctor_addresses(struct doctor_report *r);

#endif
