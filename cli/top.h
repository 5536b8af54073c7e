/* top: `newsmill top` prints the most frequent entities from the store. */
#ifndef NEWSMILL_TOP_H
#define NEWSMILL_TOP_H

#include "common/conf.h"

/* argv[0] is the command's name. Returns the exit code. */
int top_main(int argc, char **argv, const struct conf *conf);

#endif
