/* upload_options: the command line of `newsmill upload`. */
#ifndef NEWSMILL_UPLOAD_OPTIONS_H
#define NEWSMILL_UPLOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/rows.h"
#include "common/conf.h"

#define UPLOAD_MAX_KEY_BYTES 512

struct upload_options {
    char url[512];
    char key[UPLOAD_MAX_KEY_BYTES + 1]; /* "": none */
    int in_flight;
    int64_t timeout_ms;
    bool again;
    const char *name; /* that the one file goes by; NULL: its own */
    bool plain_key;
    const char *ca_file; /* NULL: the system's certificates */
    struct rows_options rows;
    char **files; /* part of argv */
    int file_count;
};

/* Returns -1 when the upload is to go on; else the exit code, and all is said. */
int upload_options_read(int argc, char **argv, const struct conf *conf, struct upload_options *out);

#endif
