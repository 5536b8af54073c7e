/* upload: see upload.h. Rows are read only as fast as the gateway takes them; what is in memory is
 * bounded by what the sender has in hand. block.h says how a broken upload goes on when it is run
 * again: the gateway knows for a day what it has. */
#include "cli/upload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "cli/block.h"
#include "cli/console.h"
#include "cli/input.h"
#include "cli/progress.h"
#include "cli/rows.h"
#include "cli/sender.h"
#include "cli/upload_options.h"
#include "common/clock.h"
#include "common/stop.h"

#define MAX_REFUSED_PRINTED 20

struct upload {
    const struct upload_options *options;
    struct sender *sender;
    struct progress progress;
    struct input *input; /* being read now, or NULL */
    struct block *block; /* being filled, or NULL */
    const char *path;    /* of the input */
    bool has_source;     /* its first row was seen */
    unsigned char source[BLOCK_SOURCE_BYTES];
    size_t max_content_bytes;
    uint64_t bytes_before;  /* of the files before this one */
    uint64_t rows, refused; /* also those that are not sent at all */
    unsigned refusals;      /* lines about them */
    unsigned failed_files;
    unsigned char salt[BLOCK_SALT_BYTES];
    size_t salt_length; /* 0 without --again */
    int64_t started_ms;
};

/* --- what the sender tells ------------------------------------------------------------------- */

static void on_refused(void *context, const struct block_row *row, int count, const char *why)
{
    struct upload *u = context;

    u->refused += (uint64_t)count;
    if (u->refusals++ >= MAX_REFUSED_PRINTED)
        return;
    if (count == 1)
        progress_note(
            &u->progress, "%s:%llu: refused: %s%s", row->name, (unsigned long long)row->line, why,
            block_begins(row->number) ? " (put right, it has to go in a file of its own)" : "");
    else
        progress_note(&u->progress, "%s:%llu: refused, with the %d rows after it: %s", row->name,
                      (unsigned long long)row->line, count - 1, why);
}

static void on_notice(void *context, const char *text)
{
    struct upload *u = context;

    progress_note(&u->progress, "upload: %s", text);
}

static void on_tick(void *context)
{
    struct upload *u = context;
    struct delivery_totals totals;

    sender_totals(u->sender, &totals);
    if (u->input && u->options->file_count == 1 && input_total_bytes(u->input) > 0)
        u->progress.state.total_bytes = input_total_bytes(u->input);
    progress_update(&u->progress, totals.accepted + totals.already_there + u->refused,
                    u->bytes_before + (u->input ? input_bytes_read(u->input) : 0));
}

/* --- rows ---------------------------------------------------------------------------------------
 */

/* What the input goes by: the same wherever it lies. */
static void find_source(struct upload *u)
{
    const char *name = u->options->name;
    char *base = xstrdup(u->path);

    if (!name) {
        if (strstr(base, "://"))
            base[strcspn(base, "?#")] = 0; /* a query may hold what is good for a day only */
        name = strrchr(base, '/') ? strrchr(base, '/') + 1 : base;
    }
    block_source(u->block, name, u->source);
    u->has_source = true;
    free(base);
}

static int send_block(struct upload *u, struct err *e)
{
    struct block *block = u->block;

    u->block = NULL;
    if (!block)
        return 0;
    memcpy(block->source, u->source, sizeof block->source);
    return sender_send(u->sender, block, e);
}

static int send_row(struct upload *u, const struct row *row, struct err *e)
{
    struct block_row here = {.name = row->name, .number = row->number, .line = row->line};

    if (!u->block)
        u->block = block_new();
    if (row->refused)
        on_refused(u, &here, 1, row->refused);
    else if (block_add(u->block, row, u->max_content_bytes) < 0)
        on_refused(u, &here, 1, "too long");
    if (!u->has_source && u->block->count)
        find_source(u);
    return block_is_full(u->block, row->number) ? send_block(u, e) : 0;
}

/* --- files ----------------------------------------------------------------------------------- */

/* Returns 0 when the file was read to its end or could not be, and a negative code when nothing
 * more can be sent. */
static int send_file(struct upload *u, const char *path, struct err *e)
{
    struct input_options from = {
        .until_readable = sender_wait, .context = u->sender, .ca_file = u->options->ca_file};
    struct rows *rows = NULL;
    struct row row;
    int code = input_open(path, &from, &u->input, e), sent = 0;

    u->path = path;
    u->has_source = false;
    if (code == 0) {
        rows = rows_open(u->input, &u->options->rows);
        while (sent == 0 && (code = rows_next(rows, &row, e)) == 1) {
            u->rows++;
            sent = send_row(u, &row, e);
        }
        rows_close(rows);
        u->bytes_before += input_bytes_read(u->input);
        input_close(u->input);
        u->input = NULL;
    }
    if (code < 0 && code != ERR_AGAIN) { /* what came before counts */
        u->failed_files++;
        progress_note(&u->progress, "upload: %s", e->text);
        code = 0;
    }
    if (code == 0 && sent == 0)
        sent = send_block(u, e);
    return code < 0 ? code : sent;
}

/* 0 when any of the inputs has no known size. */
static uint64_t total_bytes(const struct upload_options *o)
{
    struct stat about;
    uint64_t total = 0;

    for (int i = 0; i < o->file_count; i++) {
        if (strcmp(o->files[i], "-") == 0 || stat(o->files[i], &about) < 0 ||
            !S_ISREG(about.st_mode))
            return 0;
        total += (uint64_t)about.st_size;
    }
    return total;
}

static void print_summary(struct upload *u)
{
    struct delivery_totals totals;
    double seconds = (double)(clock_ms() - u->started_ms) / 1000;

    sender_totals(u->sender, &totals);
    uint64_t done = totals.accepted + totals.already_there + u->refused;
    if (u->refusals > MAX_REFUSED_PRINTED)
        console_printf(stderr, "upload: and %u more refusals\n", u->refusals - MAX_REFUSED_PRINTED);
    console_printf(stdout, "%llu rows, %llu accepted, %llu already there, %llu refused, ",
                   (unsigned long long)u->rows, (unsigned long long)totals.accepted,
                   (unsigned long long)totals.already_there, (unsigned long long)u->refused);
    if (u->rows > done)
        console_printf(stdout, "%llu not sent or in doubt, ", (unsigned long long)(u->rows - done));
    console_printf(stdout, "%.1f s, %.0f rows/s\n", seconds,
                   seconds > 0 ? (double)done / seconds : 0.0);
}

static int upload(struct upload *u, struct err *e)
{
    int code = 0, finished;

    for (int i = 0; code == 0 && i < u->options->file_count; i++)
        code = send_file(u, u->options->files[i], e);
    finished = sender_finish(u->sender, e);
    progress_stop(&u->progress);
    if (finished < 0) /* says why; a stop while reading is said by it too */
        console_printf(stderr, "upload: %s\n", e->text);
    print_summary(u);
    return finished < 0 || code < 0 || u->refused > 0 || u->failed_files > 0;
}

int upload_main(int argc, char **argv, const struct conf *conf)
{
    struct upload_options options;
    struct upload u = {.options = &options, .started_ms = clock_ms()};
    struct err e;
    int code = upload_options_read(argc, argv, conf, &options);

    if (code >= 0)
        return code;
    stop_setup();
    if (options.again) {
        u.salt_length = sizeof u.salt;
        if (getrandom(u.salt, sizeof u.salt, 0) != sizeof u.salt)
            panic("no random bytes: %s", strerror(errno));
    }
    struct sender_options to = {
        .url = options.url,
        .key = *options.key ? options.key : NULL,
        .ca_file = options.ca_file,
        .plain_key = options.plain_key,
        .in_flight = options.in_flight,
        .timeout_ms = options.timeout_ms,
        .salt = u.salt,
        .salt_length = u.salt_length,
        .events = {.refused = on_refused, .notice = on_notice, .tick = on_tick, .context = &u}};
    code = sender_open(&to, &u.sender, &e);
    explicit_bzero(options.key, sizeof options.key);
    if (code < 0) {
        console_printf(stderr, "newsmill upload: --url %s\n", e.text);
        return 64;
    }
    u.max_content_bytes = (size_t)conf->gateway.max_article_bytes;
    progress_start(&u.progress, "upload", total_bytes(&options));
    code = upload(&u, &e);
    sender_close(u.sender);
    block_free(u.block);
    return code;
}
