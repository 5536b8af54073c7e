/* entities: `newsmill entities` runs the model on text or NDJSON, without any server. */
#ifndef NEWSMILL_ENTITIES_H
#define NEWSMILL_ENTITIES_H

#include "common/conf.h"

/* argv[0] is the command's name. Returns the exit code: 0; 1 when an input could not be read or
 * worked; 2 when the model is not fit; 64 for a wrong command line. */
int entities_main(int argc, char **argv, const struct conf *conf);

#endif
