/* upload: `newsmill upload FILE…` sends articles of CSV and NDJSON files to the gateway. */
#ifndef NEWSMILL_UPLOAD_H
#define NEWSMILL_UPLOAD_H

#include "common/conf.h"

/* argv[0] is the command's name. Returns the exit code. */
int upload_main(int argc, char **argv, const struct conf *conf);

#endif
