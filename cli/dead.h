/* dead: `newsmill dead` lists, shows, puts back, exports and forgets dead articles and batches. */
#ifndef NEWSMILL_CLI_DEAD_H
#define NEWSMILL_CLI_DEAD_H

#include "common/conf.h"

/* argv[0] is the command's name. Returns the exit code. */
int dead_main(int argc, char **argv, const struct conf *conf);

#endif
