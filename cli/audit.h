/* audit: `newsmill audit` checks the sums of common/QUEUES.md. */
#ifndef NEWSMILL_AUDIT_H
#define NEWSMILL_AUDIT_H

#include "common/conf.h"

/* argv[0] is the command's name. Returns the exit code: 0 when all adds up. */
int audit_main(int argc, char **argv, const struct conf *conf);

#endif
