/* read_file: a file of a model directory as bytes. */
#ifndef NEWSMILL_NER_READ_FILE_H
#define NEWSMILL_NER_READ_FILE_H

#include <stddef.h>

#include "common/err.h"

/* Reads the whole of `directory`/`name` into *bytes (the caller frees; a NUL that is not counted
 * follows them). Returns 0 or ERR_CONFIG naming the file: missing, unreadable, larger than
 * `max_bytes`. */
int read_file(const char *directory, const char *name, size_t max_bytes, char **bytes,
              size_t *length, struct err *e);

#endif
