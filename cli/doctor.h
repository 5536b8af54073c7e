/* doctor: `newsmill doctor` looks for what will hurt later: settings of Redis, the model, the
 * store, keys, addresses, disks. */
#ifndef NEWSMILL_DOCTOR_H
#define NEWSMILL_DOCTOR_H

#include "common/conf.h"

/* argv[0] is the command's name. Returns the exit code: 0 unless something is bad. */
int doctor_main(int argc, char **argv, const struct conf *conf);

#endif
