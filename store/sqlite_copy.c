/* sqlite_copy: backup and restore by SQLite's own online copy: one moment of the source, one
 * transaction of the target. A restore writes into the file that is there, so its owner, its mode
 * and those who read it stay; it never touches the -wal file of a database that SQLite can open. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sqlite.h"

#define PART ".part" /* what a backup is called until it is complete */

static void init(struct sqlite_store *s, const char *path)
{
    *s = (struct sqlite_store){.path = xstrdup(path)};
}

static void fini(struct sqlite_store *s)
{
    sqlite3_close_v2(s->db);
    free(s->path);
}

/* The first column of the first row. */
static int query_number(struct sqlite_store *s, const char *sql, int64_t *out, struct err *e)
{
    sqlite3_stmt *statement;

    if (sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL) != SQLITE_OK)
        return sqlite_error(s, e);
    if (sqlite3_step(statement) == SQLITE_ROW)
        *out = sqlite3_column_int64(statement, 0);
    return sqlite3_finalize(statement) == SQLITE_OK ? 0 : sqlite_error(s, e);
}

static int read_state(struct sqlite_store *s, struct store_state *out, struct err *e)
{
    int64_t articles = 0, batches = 0, last_ms = 0;

    if (query_number(s, "SELECT coalesce(sum(articles), 0) FROM publication", &articles, e) < 0 ||
        query_number(s, "SELECT count(*) FROM applied", &batches, e) < 0 ||
        query_number(s, "SELECT coalesce(max(applied_ms), 0) FROM applied", &last_ms, e) < 0)
        return e->code;
    *out = (struct store_state){.known = true,
                                .articles = (uint64_t)articles,
                                .batches = (uint64_t)batches,
                                .last_ms = last_ms};
    return 0;
}

/* Whether every page and index is as it should be. */
static int check_pages(struct sqlite_store *s, struct err *e)
{
    sqlite3_stmt *statement;
    int code = 0;

    if (sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &statement, NULL) != SQLITE_OK)
        return sqlite_error(s, e);
    if (sqlite3_step(statement) == SQLITE_ROW) {
        const char *found = (const char *)sqlite3_column_text(statement, 0);
        if (strcmp(found, "ok") != 0)
            code = err_set(e, ERR_CONFIG, "%s is damaged: %.200s", s->path, found);
    }
    if (sqlite3_finalize(statement) != SQLITE_OK && code == 0)
        code = err_set(e, ERR_CONFIG, "%s is damaged: %s", s->path, sqlite3_errmsg(s->db));
    return code;
}

/* All pages in one step: what is read is one moment, and what is written is one transaction. */
static int copy(struct sqlite_store *to, struct sqlite_store *from, struct err *e)
{
    sqlite3_backup *backup = sqlite3_backup_init(to->db, "main", from->db, "main");

    if (!backup)
        return sqlite_error(to, e);
    sqlite3_backup_step(backup, -1);
    int code = sqlite3_backup_finish(backup);
    if (code != SQLITE_OK)
        return err_set(e, ERR_AGAIN, "%s to %s: %s", from->path, to->path, sqlite3_errstr(code));
    return 0;
}

/* --- backup -------------------------------------------------------------------------------------
 */

static int sync_directory_of(const char *path, struct err *e)
{
    char *directory = xstrdup(path), *slash = strrchr(directory, '/');

    if (slash)
        *(slash == directory ? slash + 1 : slash) = 0;
    int fd = open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), code = 0;
    if (fd < 0 || fsync(fd) < 0)
        code = err_set(e, ERR_AGAIN, "%s: %s", directory, strerror(errno));
    if (fd >= 0)
        close(fd);
    free(directory);
    return code;
}

/* Into a new file, by itself: no -wal or -shm file belongs to it. */
static int fill(struct sqlite_store *to, struct sqlite_store *from, struct store_state *out,
                struct err *e)
{
    int64_t ignored;

    if (sqlite_connect(to, 1, e) < 0 || copy(to, from, e) < 0 ||
        query_number(to, "PRAGMA journal_mode = DELETE", &ignored, e) < 0 || check_pages(to, e) < 0)
        return e->code;
    return read_state(to, out, e);
}

/* A file of that name is complete: until then it is called PATH.part. */
static int copy_to_file(struct sqlite_store *from, const char *path, struct store_state *out,
                        struct err *e)
{
    char part[STORE_MAX_PATH_BYTES + sizeof PART];
    struct sqlite_store to;
    struct stat status;

    if (snprintf(part, sizeof part, "%s" PART, path) >= STORE_MAX_PATH_BYTES)
        return err_set(e, ERR_CONFIG, "a path of more than %d bytes", STORE_MAX_PATH_BYTES);
    if (lstat(path, &status) == 0)
        return err_set(e, ERR_CONFIG, "%s is there already", path);
    int fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0)
        return err_set(e, ERR_CONFIG, "%s: %s%s", part, strerror(errno),
                       errno == EEXIST ? " (left by a backup that was cut off: remove it)" : "");
    close(fd);
    init(&to, part);
    int code = fill(&to, from, out, e);
    fini(&to);
    if (code == 0 && rename(part, path) < 0)
        code = err_set(e, ERR_AGAIN, "%s: %s", path, strerror(errno));
    if (code < 0)
        unlink(part);
    return code < 0 ? code : sync_directory_of(path, e);
}

int sqlite_backup(const struct conf *conf, const char *path, struct store_state *out, struct err *e)
{
    struct sqlite_store from;

    if (access(conf->store.path, F_OK) < 0 && errno == ENOENT)
        return err_set(e, ERR_AGAIN, "no counts yet: %s does not exist", conf->store.path);
    init(&from, conf->store.path);
    int code = sqlite_connect(&from, 0, e);
    if (code == 0)
        code = sqlite_schema(&from, 0, e);
    if (code == 0)
        code = copy_to_file(&from, path, out, e);
    fini(&from);
    return code;
}

/* --- restore ------------------------------------------------------------------------------------
 */

static int open_backup(struct sqlite_store *from, const char *store_path, struct store_state *out,
                       struct err *e)
{
    struct stat file, store;

    if (stat(from->path, &file) < 0)
        return err_set(e, ERR_CONFIG, "%s: %s", from->path, strerror(errno));
    if (!S_ISREG(file.st_mode))
        return err_set(e, ERR_CONFIG, "%s is not a file", from->path);
    if (stat(store_path, &store) == 0 && store.st_dev == file.st_dev && store.st_ino == file.st_ino)
        return err_set(e, ERR_CONFIG, "%s is the store itself", from->path);
    if (sqlite_connect(from, 0, e) < 0 || sqlite_schema(from, 0, e) < 0 || check_pages(from, e) < 0)
        return e->code;
    return read_state(from, out, e);
}

/* Batches that are marked as counted here and not in the backup. */
static int count_lost(struct sqlite_store *now, const char *backup, uint64_t *out, struct err *e)
{
    char *attach = sqlite3_mprintf("ATTACH %Q AS backup", backup);
    int64_t lost = 0;

    if (!attach)
        panic("out of memory for a statement");
    int code =
        sqlite3_exec(now->db, attach, NULL, NULL, NULL) == SQLITE_OK ? 0 : sqlite_error(now, e);
    sqlite3_free(attach);
    if (code == 0)
        code = query_number(now,
                            "SELECT count(*) FROM main.applied WHERE NOT EXISTS (SELECT 1 FROM"
                            " backup.applied b WHERE b.batch_id = main.applied.batch_id)",
                            &lost, e);
    *out = (uint64_t)lost;
    return code;
}

static void name_kept(const char *path, char out[STORE_MAX_PATH_BYTES])
{
    struct timespec now;
    struct tm tm;
    char text[32];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    strftime(text, sizeof text, "%Y%m%dT%H%M%S", &tm);
    snprintf(out, STORE_MAX_PATH_BYTES, "%s.before-restore-%s.%03ldZ", path, text,
             now.tv_nsec / 1000000);
}

/* What SQLite cannot open goes out of the way as it is, its log first: it must not be played into a
 * new file of the same name. The new one, empty so far, gets the old one's owner. */
static int move_away(const char *path, const char *kept, struct err *e)
{
    static const char *const ends[] = {"-wal", "-shm", ""};
    char from[STORE_MAX_PATH_BYTES + 8], to[STORE_MAX_PATH_BYTES + 8];
    struct stat status;

    if (stat(path, &status) < 0)
        return err_set(e, ERR_AGAIN, "%s: %s", path, strerror(errno));
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(from, sizeof from, "%s%s", path, ends[i]);
        snprintf(to, sizeof to, "%s%s", kept, ends[i]);
        if (rename(from, to) < 0 && errno != ENOENT)
            return err_set(e, ERR_AGAIN, "%s: %s", from, strerror(errno));
    }
    if (sqlite_make_file(path, e) < 0)
        return e->code;
    if (geteuid() == 0 &&
        (chown(path, status.st_uid, status.st_gid) < 0 || chmod(path, status.st_mode & 0777) < 0))
        return err_set(e, ERR_AGAIN, "%s: %s", path, strerror(errno));
    return 0;
}

/* Keeps what is there now, and finds out what of it the backup has not. */
static int keep(const char *path, const char *backup, struct store_restored *out, struct err *e)
{
    struct sqlite_store now;
    struct store_state ignored;

    if (access(path, F_OK) < 0 && errno == ENOENT) {
        *out->kept = 0;
        return sqlite_make_file(path, e);
    }
    init(&now, path);
    int code = sqlite_connect(&now, 0, e);
    if (code == 0)
        code = sqlite_schema(&now, 0, e);
    if (code == ERR_AGAIN && sqlite3_errcode(now.db) == SQLITE_OK) { /* a database without tables */
        fini(&now);
        *out->kept = 0;
        return 0;
    }
    if (code == 0)
        code = read_state(&now, &out->before, e);
    if (code == 0)
        code = count_lost(&now, backup, &out->lost_batches, e);
    int reason = now.db ? sqlite3_errcode(now.db) & 0xff : SQLITE_OK;
    if (code == 0 && copy_to_file(&now, out->kept, &ignored, e) < 0)
        code = e->code;
    fini(&now);
    if (code < 0 && (reason == SQLITE_NOTADB || reason == SQLITE_CORRUPT)) {
        out->before = (struct store_state){.known = false};
        code = move_away(path, out->kept, e);
    }
    return code;
}

int sqlite_restore(const struct conf *conf, const char *path, struct store_restored *out,
                   struct err *e)
{
    struct sqlite_store from, to;

    *out = (struct store_restored){.lost_batches = 0};
    if (strlen(conf->store.path) + 64 > sizeof out->kept)
        return err_set(e, ERR_CONFIG, "store.path is too long for a copy beside it");
    name_kept(conf->store.path, out->kept);
    init(&from, path);
    init(&to, conf->store.path);
    int code = open_backup(&from, conf->store.path, &out->after, e);
    if (code == 0)
        code = keep(conf->store.path, path, out, e);
    if (code == 0)
        code = sqlite_connect(&to, 1, e);
    if (code == 0)
        code = sqlite_use_wal(&to, e);
    if (code == 0)
        code = copy(&to, &from, e);
    fini(&to);
    fini(&from);
    return code;
}
