/* input: see input.h. The only file that knows libarchive. */
#include "cli/input.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/download.h"
#include "common/buf.h"

#define BLOCK_BYTES 65536
/* A bomb: more comes out than any text packs. Text of one repeated line reaches about 300. */
#define MAX_RATIO        500
#define FREE_BYTES       ((uint64_t)64 << 20) /* below that no ratio counts */
#define MAX_OUTPUT_BYTES ((uint64_t)1 << 40)

struct input {
    int fd;
    struct download *download; /* whose end of a pipe `fd` is, or NULL */
    struct input_options options;
    struct archive *archive;
    char *path;
    struct buf name;
    struct buf head; /* the start of a file inside, until it is long enough to hold a mark */
    bool at_start, gave_up, is_archive, has_entry;
    struct err broken; /* why a download ended early; code 0: it did not */
    uint64_t bytes_out;
    char block[BLOCK_BYTES];
};

static ssize_t read_pipe(struct archive *a, void *context, const void **bytes)
{
    struct input *in = context;
    ssize_t length = -1;

    *bytes = in->block;
    do {
        if (in->options.until_readable &&
            !in->options.until_readable(in->options.context, in->fd)) {
            in->gave_up = true;
            archive_set_error(a, EINTR, "reading was stopped");
            return -1;
        }
        length = read(in->fd, in->block, sizeof in->block);
    } while (length < 0 && (errno == EINTR || errno == EAGAIN));
    if (length == 0 && in->download && download_end(in->download, &in->broken) < 0) {
        archive_set_error(a, EIO, "the download broke");
        return -1;
    }
    if (length < 0)
        archive_set_error(a, errno, "%s", strerror(errno));
    return length;
}

/* Where a download broke for good, that is the reason, whatever libarchive makes of it. */
static int fail(struct input *in, struct err *e)
{
    const char *text = archive_error_string(in->archive);

    if (in->gave_up)
        return err_set(e, ERR_AGAIN, "%s: reading was stopped", in->path);
    if (in->broken.code) {
        *e = in->broken;
        return err_prefix(e, "%s", in->path);
    }
    return err_set(e, ERR_INPUT, "%s: %s", in->path, text ? text : "cannot be read");
}

static void enable(struct archive *a, int (*support)(struct archive *))
{
    /* ARCHIVE_WARN would be: by an outside program. */
    if (support(a) != ARCHIVE_OK)
        panic("libarchive: %s", archive_error_string(a));
}

/* By name: "all" would start outside programs for some filters, and its uudecode takes a line of
 * text that begins with "begin" for its own. */
static void set_formats(struct archive *a)
{
    enable(a, archive_read_support_filter_gzip);
    enable(a, archive_read_support_filter_bzip2);
    enable(a, archive_read_support_filter_xz);
    enable(a, archive_read_support_filter_zstd);
    enable(a, archive_read_support_filter_lz4);
    enable(a, archive_read_support_format_zip);
    enable(a, archive_read_support_format_tar);
    enable(a, archive_read_support_format_raw);
    enable(a, archive_read_support_format_empty);
}

static int open_path(struct input *in, const char *path, struct err *e)
{
    struct stat about = {0};
    bool standard = strcmp(path, "-") == 0;
    int code;

    in->path = xstrdup(standard ? "standard input" : path);
    in->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (in->fd < 0)
        return err_set(e, ERR_INPUT, "%s: %s", path, strerror(errno));
    if (fstat(in->fd, &about) == 0 && S_ISDIR(about.st_mode))
        return err_set(e, ERR_INPUT, "%s: is a directory", path);
    /* libarchive's own reader can seek, which some zip files need; a pipe is read by ours. */
    code = S_ISREG(about.st_mode) ? archive_read_open_fd(in->archive, in->fd, BLOCK_BYTES)
                                  : archive_read_open(in->archive, in, NULL, read_pipe, NULL);
    return code < ARCHIVE_WARN ? fail(in, e) : 0;
}

static int open_address(struct input *in, const char *address, struct err *e)
{
    if (download_open(address, in->options.ca_file, &in->download, e) < 0)
        return e->code;
    in->fd = download_fd(in->download);
    in->path = xstrdup(download_name(in->download));
    return archive_read_open(in->archive, in, NULL, read_pipe, NULL) < ARCHIVE_WARN ? fail(in, e)
                                                                                    : 0;
}

int input_open(const char *path, const struct input_options *options, struct input **out,
               struct err *e)
{
    struct input *in = xcalloc(1, sizeof *in);
    int code;

    in->fd = -1;
    in->options = *options;
    buf_init(&in->name, 8192);
    buf_init(&in->head, 64u << 20);
    in->archive = archive_read_new();
    if (!in->archive)
        panic("out of memory for libarchive");
    set_formats(in->archive);
    code = download_is_address(path) ? open_address(in, path, e) : open_path(in, path, e);
    if (code < 0)
        input_close(in);
    else
        *out = in;
    return code;
}

void input_close(struct input *in)
{
    if (!in)
        return;
    archive_read_free(in->archive);
    if (in->download)
        download_close(in->download);
    else if (in->fd >= 0 && in->fd != STDIN_FILENO)
        close(in->fd);
    buf_fini(&in->name);
    buf_fini(&in->head);
    free(in->path);
    free(in);
}

/* Folders, and what archivers of some systems add beside the files, hold no articles. */
static bool is_wanted(struct archive_entry *entry, const char *name)
{
    const char *slash = strrchr(name, '/');

    return archive_entry_filetype(entry) == AE_IFREG && strncmp(name, "__MACOSX/", 9) != 0 &&
           (slash ? slash[1] : name[0]) != '.';
}

/* Two records of NULs are the end of a tar. Where they are its start too, the file is more likely
 * one whose beginning was lost, in a crash of its machine or a broken copy. */
static int check_empty(struct input *in, struct err *e)
{
    if ((archive_format(in->archive) & ARCHIVE_FORMAT_BASE_MASK) != ARCHIVE_FORMAT_TAR)
        return 0;
    return err_set(e, ERR_INPUT, "%s: begins with NULs, which no text and no archive does",
                   in->path);
}

int input_next(struct input *in, struct err *e)
{
    struct archive_entry *entry;

    for (;;) {
        int code = archive_read_next_header(in->archive, &entry);
        if (code == ARCHIVE_EOF)
            return in->has_entry ? 0 : check_empty(in, e);
        if (code < ARCHIVE_WARN)
            return fail(in, e);
        in->has_entry = true;
        buf_clear(&in->name);
        buf_append_text(&in->name, in->path);
        in->at_start = true;
        int format = archive_format(in->archive) & ARCHIVE_FORMAT_BASE_MASK;
        in->is_archive = format == ARCHIVE_FORMAT_ZIP || format == ARCHIVE_FORMAT_TAR;
        if (!in->is_archive)
            return 1;
        const char *name = archive_entry_pathname_utf8(entry);
        if (!name)
            name = archive_entry_pathname(entry);
        if (!name)
            name = "?";
        buf_printf(&in->name, ":%s", name);
        if (is_wanted(entry, name))
            return 1;
    }
}

static int check_size(struct input *in, size_t length, struct err *e)
{
    in->bytes_out += length;
    if (in->bytes_out > MAX_OUTPUT_BYTES)
        return err_set(e, ERR_LIMIT, "%s: more than %d TiB unpacked", in->path,
                       (int)(MAX_OUTPUT_BYTES >> 40));
    if (in->bytes_out > FREE_BYTES && in->bytes_out / MAX_RATIO > input_bytes_read(in))
        return err_set(e, ERR_LIMIT, "%s: more than %d times its size unpacked", in->path,
                       MAX_RATIO);
    return 1;
}

static int read_block(struct input *in, const char **bytes, size_t *length, struct err *e)
{
    const void *block;
    la_int64_t offset;
    int code;

    do {
        code = archive_read_data_block(in->archive, &block, length, &offset);
    } while (code == ARCHIVE_RETRY ||
             (code >= ARCHIVE_WARN && code != ARCHIVE_EOF && *length == 0));
    if (code == ARCHIVE_EOF)
        return 0;
    if (code < ARCHIVE_WARN)
        return fail(in, e);
    *bytes = block;
    return check_size(in, *length, e);
}

/* The first block, long enough that a byte order mark is whole, and without it. */
static int read_start(struct input *in, const char **bytes, size_t *length, struct err *e)
{
    int code = 1;

    in->at_start = false;
    buf_clear(&in->head);
    while (in->head.length < 3 && code == 1) {
        code = read_block(in, bytes, length, e);
        if (code == 1 && buf_append(&in->head, *bytes, *length) < 0)
            return err_set(e, ERR_LIMIT, "%s: a block of more than 64 MiB", in->path);
    }
    if (code < 0)
        return code;
    *bytes = in->head.bytes;
    *length = in->head.length;
    if (*length >= 3 && memcmp(*bytes, "\xef\xbb\xbf", 3) == 0) {
        *bytes += 3;
        *length -= 3;
    }
    return in->head.length > 0;
}

int input_read(struct input *in, const char **bytes, size_t *length, struct err *e)
{
    return in->at_start ? read_start(in, bytes, length, e) : read_block(in, bytes, length, e);
}

const char *input_name(const struct input *in)
{
    return in->name.length ? in->name.bytes : in->path;
}

bool input_is_archive(const struct input *in)
{
    return in->is_archive;
}

uint64_t input_total_bytes(const struct input *in)
{
    return in->download ? download_total_bytes(in->download) : 0;
}

uint64_t input_bytes_read(const struct input *in)
{
    la_int64_t bytes = archive_filter_bytes(in->archive, -1);

    return bytes > 0 ? (uint64_t)bytes : 0;
}
