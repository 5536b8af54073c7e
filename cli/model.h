/* model: `newsmill model check` says what a model directory holds and whether this engine runs it.
 */
#ifndef NEWSMILL_MODEL_H
#define NEWSMILL_MODEL_H

#include "common/conf.h"

/* argv[0] is the command's name. Returns the exit code: 0 it runs; 2 it does not; 64 for a wrong
 * command line. */
int model_main(int argc, char **argv, const struct conf *conf);

#endif
