/* upload: see upload.h. Rows are read only as fast as the gateway takes them; what is in memory is
 * bounded by the slots of the sender.
 *
 * Every row has an Idempotency-Key made of its number and its text, so that a broken upload can be
 * run again: the gateway knows for a day which rows it has. */
#include "cli/upload.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "cli/input.h"
#include "cli/progress.h"
#include "cli/rows.h"
#include "cli/sender.h"
#include "cli/upload_options.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/stop.h"

#define MAX_REFUSED_PRINTED 20
#define SALT_BYTES          16

struct upload {
    const struct upload_options *options;
    struct sender *sender;
    struct progress progress;
    struct input *input;   /* being read now, or NULL */
    uint64_t bytes_before; /* of the files before this one */
    uint64_t rows, refused;
    unsigned failed_files;
    unsigned char salt[SALT_BYTES];
    size_t salt_length; /* 0 without --again */
    int64_t started_ms;
};

/* --- what the sender tells ------------------------------------------------------------------- */

static void on_refused(void *context, const char *name, uint64_t line, const char *why)
{
    struct upload *u = context;

    if (u->refused++ < MAX_REFUSED_PRINTED)
        progress_note(&u->progress, "%s:%llu: refused: %s", name, (unsigned long long)line, why);
}

static void on_notice(void *context, const char *text)
{
    struct upload *u = context;

    progress_note(&u->progress, "upload: %s", text);
}

static void on_tick(void *context)
{
    struct upload *u = context;
    struct sender_totals totals;

    sender_totals(u->sender, &totals);
    progress_update(&u->progress, totals.accepted + totals.already_there + u->refused,
                    u->bytes_before + (u->input ? input_bytes_read(u->input) : 0));
}

/* --- one row --------------------------------------------------------------------------------- */

/* SHA-256 of salt, row number and body: the body holds publication and content, and where any part
 * of it changes it is another article. */
static void make_key(const struct upload *u, uint64_t number, const struct buf *body, char out[65])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char front[32];
    unsigned length = 0;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    int front_length = snprintf(front, sizeof front, "%llu ", (unsigned long long)number);

    if (!hash || !EVP_DigestInit_ex(hash, EVP_sha256(), NULL) ||
        !EVP_DigestUpdate(hash, u->salt, u->salt_length) ||
        !EVP_DigestUpdate(hash, front, (size_t)front_length) ||
        !EVP_DigestUpdate(hash, body->bytes, body->length) ||
        !EVP_DigestFinal_ex(hash, digest, &length))
        panic("SHA-256 failed");
    EVP_MD_CTX_free(hash);
    for (unsigned i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static int send_row(struct upload *u, const struct row *row, struct buf *body, struct err *e)
{
    char key[65];

    if (row->refused) {
        on_refused(u, row->name, row->line, row->refused);
        return 0;
    }
    buf_clear(body);
    if (article_write(&row->article, NULL, body) < 0) {
        on_refused(u, row->name, row->line, "too long");
        return 0;
    }
    make_key(u, row->number, body, key);
    struct sender_row out = {
        .name = row->name, .line = row->line, .idempotency_key = key, .body = body};
    return sender_send(u->sender, &out, e);
}

/* --- files ----------------------------------------------------------------------------------- */

/* Returns 0 when the file was read to its end or could not be, and a negative code when nothing
 * more can be sent. */
static int send_file(struct upload *u, const char *path, struct err *e)
{
    struct input_wait wait = {.until_readable = sender_wait, .context = u->sender};
    struct buf body;
    struct rows *rows = NULL;
    struct row row;
    int code = input_open(path, wait, &u->input, e), sent = 0;

    buf_init(&body, ARTICLE_MAX_ITEM_BYTES(ROWS_MAX_LINE_BYTES));
    if (code == 0) {
        rows = rows_open(u->input, &u->options->rows);
        while (sent == 0 && (code = rows_next(rows, &row, e)) == 1) {
            u->rows++;
            sent = send_row(u, &row, &body, e);
        }
        rows_close(rows);
        u->bytes_before += input_bytes_read(u->input);
        input_close(u->input);
        u->input = NULL;
    }
    buf_fini(&body);
    if (code < 0 && code != ERR_AGAIN) {
        u->failed_files++;
        progress_note(&u->progress, "upload: %s", e->text);
        return 0;
    }
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
    struct sender_totals totals;
    double seconds = (double)(clock_ms() - u->started_ms) / 1000;

    sender_totals(u->sender, &totals);
    uint64_t done = totals.accepted + totals.already_there + u->refused;
    if (u->refused > MAX_REFUSED_PRINTED)
        fprintf(stderr, "upload: and %llu more rows refused\n",
                (unsigned long long)(u->refused - MAX_REFUSED_PRINTED));
    printf("%llu rows, %llu accepted, %llu already there, %llu refused, ",
           (unsigned long long)u->rows, (unsigned long long)totals.accepted,
           (unsigned long long)totals.already_there, (unsigned long long)u->refused);
    if (u->rows > done)
        printf("%llu not sent or in doubt, ", (unsigned long long)(u->rows - done));
    printf("%.1f s, %.0f rows/s\n", seconds, seconds > 0 ? (double)done / seconds : 0.0);
}

static int upload(struct upload *u, struct err *e)
{
    int code = 0, finished;

    for (int i = 0; code == 0 && i < u->options->file_count; i++)
        code = send_file(u, u->options->files[i], e);
    finished = sender_finish(u->sender, e);
    progress_stop(&u->progress);
    if (finished < 0) /* says why; a stop while reading is said by it too */
        fprintf(stderr, "upload: %s\n", e->text);
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
        u.salt_length = SALT_BYTES;
        if (getrandom(u.salt, SALT_BYTES, 0) != SALT_BYTES)
            panic("no random bytes: %s", strerror(errno));
    }
    struct sender_options to = {
        .url = options.url,
        .key = *options.key ? options.key : NULL,
        .in_flight = options.in_flight,
        .timeout_ms = options.timeout_ms,
        .events = {.refused = on_refused, .notice = on_notice, .tick = on_tick, .context = &u}};
    code = sender_open(&to, &u.sender, &e);
    explicit_bzero(options.key, sizeof options.key);
    if (code < 0) {
        fprintf(stderr, "newsmill upload: --url %s\n", e.text);
        return 64;
    }
    progress_start(&u.progress, "upload", total_bytes(&options));
    code = upload(&u, &e);
    sender_close(u.sender);
    return code;
}
