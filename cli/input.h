/* input: the bytes of a file or of standard input as they are meant: decompressed (gzip, bzip2, xz,
 * zstd, lz4), the files of a zip one after the other, each without its byte order mark. */
#ifndef NEWSMILL_INPUT_H
#define NEWSMILL_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct input;

/* Asked before each read of what is no regular file, so that the caller can do other work until
 * `fd` is readable. Returns false to give up reading. */
struct input_wait {
    bool (*until_readable)(void *context, int fd); /* NULL: just read */
    void *context;
};

/* Opens the path, "-" for standard input. Returns 0 or ERR_INPUT. */
int input_open(const char *path, struct input_wait wait, struct input **out, struct err *e);
void input_close(struct input *in); /* NULL is fine */

/* Goes to the next file inside, the first one at the start. Returns 1, 0 when there is none left,
 * or ERR_INPUT. */
int input_next(struct input *in, struct err *e);

/* The next bytes of the file inside, valid until the next call. Returns 1, 0 at its end, ERR_INPUT,
 * or ERR_AGAIN when the wait was given up. */
int input_read(struct input *in, const char **bytes, size_t *length, struct err *e);

/* "news.csv", "news.zip:part.csv" or "standard input"; valid until input_next() or the end. */
const char *input_name(const struct input *in);

/* Bytes taken from the file itself, before decompression. */
uint64_t input_bytes_read(const struct input *in);

#endif
