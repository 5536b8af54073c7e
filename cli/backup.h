/* backup: `newsmill backup` and `newsmill restore` of a store that is a file. */
#ifndef NEWSMILL_CLI_BACKUP_H
#define NEWSMILL_CLI_BACKUP_H

#include "common/conf.h"

/* argv[0] is the command's name. Return the exit code. */
int backup_main(int argc, char **argv, const struct conf *conf);
int restore_main(int argc, char **argv, const struct conf *conf);

#endif
