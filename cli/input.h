/* input: the bytes of a file, of standard input or of an https:// address as they are meant:
 * decompressed (gzip, bzip2, xz, zstd, lz4), the files of an archive (zip, tar) one after the other
 * in its order, each without its byte order mark. What it is, its content says. Nothing is written
 * anywhere; names inside an archive are for messages only. */
#ifndef NEWSMILL_INPUT_H
#define NEWSMILL_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct input;

struct input_options {
    /* Asked before each read of what is no regular file, so that the caller can do other work until
     * `fd` is readable. Returns false to give up reading. NULL: just read. */
    bool (*until_readable)(void *context, int fd);
    void *context;
    const char *ca_file; /* for https://: trusted in place of the system's; NULL: those */
};

/* Opens the path, "-" for standard input, or an address as download_open() has it. Returns 0 or
 * ERR_INPUT. */
int input_open(const char *path, const struct input_options *options, struct input **out,
               struct err *e);
void input_close(struct input *in); /* NULL is fine */

/* Goes to the next file inside, the first one at the start. Returns 1, 0 when there is none left,
 * or ERR_INPUT. */
int input_next(struct input *in, struct err *e);

/* The next bytes of the file inside, valid until the next call. Returns 1, 0 at its end, ERR_INPUT,
 * ERR_LIMIT where more than 1 TiB or 500 times the packed size would come out (but 64 MiB may), or
 * ERR_AGAIN when the wait was given up. */
int input_read(struct input *in, const char **bytes, size_t *length, struct err *e);

/* "news.csv", "news.zip:part.csv" or "standard input"; valid until input_next() or the end. */
const char *input_name(const struct input *in);

/* The file in hand is one of a zip or tar. */
bool input_is_archive(const struct input *in);

/* Of a download, once it is known; else 0. */
uint64_t input_total_bytes(const struct input *in);

/* Bytes taken from the file itself, before decompression. */
uint64_t input_bytes_read(const struct input *in);

#endif
