/* key: `newsmill key` makes, adds and lists API keys for the gateway. */
#ifndef NEWSMILL_KEY_H
#define NEWSMILL_KEY_H

#include "common/conf.h"

/* argv[0] is the command's name. Returns the exit code. */
int key_main(int argc, char **argv, const struct conf *conf);

#endif
