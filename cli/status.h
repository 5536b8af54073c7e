/* status: `newsmill status` prints what waits, who works and how fast. */
#ifndef NEWSMILL_STATUS_H
#define NEWSMILL_STATUS_H

#include "common/conf.h"

/* argv[0] is the command's name. Returns the exit code. */
int status_main(int argc, char **argv, const struct conf *conf);

#endif
