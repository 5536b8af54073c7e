/* read_file: see read_file.h. */
#include "read_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int read_stream(FILE *stream, size_t max_bytes, char **bytes, size_t *length, struct err *e)
{
    struct stat about;

    if (fstat(fileno(stream), &about) < 0)
        return err_set(e, ERR_CONFIG, "%s", strerror(errno));
    if (!S_ISREG(about.st_mode))
        return err_set(e, ERR_CONFIG, "not a regular file");
    if ((size_t)about.st_size > max_bytes)
        return err_set(e, ERR_CONFIG, "%lld bytes, more than the %zu we read",
                       (long long)about.st_size, max_bytes);
    *length = (size_t)about.st_size;
    *bytes = xmalloc(*length + 1);
    if (fread(*bytes, 1, *length, stream) != *length) {
        free(*bytes);
        *bytes = NULL;
        return err_set(e, ERR_CONFIG, "%s", ferror(stream) ? strerror(errno) : "cut off");
    }
    (*bytes)[*length] = 0;
    return 0;
}

int read_file(const char *directory, const char *name, size_t max_bytes, char **bytes,
              size_t *length, struct err *e)
{
    char path[4096];
    FILE *stream;
    int rc;

    *bytes = NULL;
    *length = 0;
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path)
        return err_set(e, ERR_CONFIG, "%s: path too long", name);
    stream = fopen(path, "rb");
    if (!stream)
        return err_set(e, ERR_CONFIG, "%s: %s", name, strerror(errno));
    rc = read_stream(stream, max_bytes, bytes, length, e);
    fclose(stream);
    return rc < 0 ? err_prefix(e, "%s", name) : 0;
}
