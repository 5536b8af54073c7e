/* rds_advice: what an operator can do about an error of Redis; for log lines. */
#ifndef NEWSMILL_RDS_ADVICE_H
#define NEWSMILL_RDS_ADVICE_H

/* `error` as rds.h and redis_async.h give it: it starts with Redis' own code or with "connection".
 * Returns a sentence, "" where there is none. */
const char *rds_advice(const char *error);

#endif
