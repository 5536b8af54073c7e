/* sqlite: counts in one SQLite file, opened here. Several processes write to it; each batch is one
 * transaction, durable when it returns (WAL with synchronous=FULL). */
#include "sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check(const struct conf *conf, struct err *e)
{
    struct stat status;
    const char *path = conf->store.path;

    if (!*path)
        return err_set(e, ERR_CONFIG, "store.path is empty");
    if (strlen(path) >= STORE_MAX_PATH_BYTES)
        return err_set(e, ERR_CONFIG, "store.path has more than %d bytes",
                       STORE_MAX_PATH_BYTES - 1);
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return err_set(e, ERR_CONFIG, "store.path %s is not a file", path);
    return 0;
}

int sqlite_error(const struct sqlite_store *s, struct err *e)
{
    int code = sqlite3_errcode(s->db) & 0xff;

    if (code == SQLITE_NOTADB)
        return err_set(e, ERR_CONFIG, "%s is damaged or not an SQLite file", s->path);
    if (code == SQLITE_READONLY && sqlite3_db_readonly(s->db, "main") == 1)
        return err_set(e, ERR_AGAIN,
                       "%s: its -shm file is missing, and this user may not make it: start the"
                       " savers, or read as their user",
                       s->path);
    return err_set(e, ERR_AGAIN, "%s: %s", s->path, sqlite3_errmsg(s->db));
}

/* No permission is nothing that another try would mend; a full disk may be. */
static int system_error(const char *path, int number, struct err *e)
{
    int code = number == EACCES || number == EPERM || number == ENOTDIR || number == EROFS ||
                       number == EISDIR || number == ENAMETOOLONG
                   ? ERR_CONFIG
                   : ERR_AGAIN;

    return err_set(e, code, "store.path %s: %s", path, strerror(number));
}

static int make_directories(const char *path, struct err *e)
{
    char *copy = xstrdup(path);
    int code = 0;

    for (char *slash = strchr(copy + 1, '/'); slash && code == 0; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(copy, 0755) < 0 && errno != EEXIST)
            code = system_error(copy, errno, e);
        *slash = '/';
    }
    free(copy);
    return code;
}

/* SQLite would make the file readable for everyone. Its -wal and -shm files take after it. Never
 * opens a file that exists: closing it again would drop this process's SQLite locks on it (POSIX).
 */
int sqlite_make_file(const char *path, struct err *e)
{
    struct stat status;

    if (stat(path, &status) == 0)
        return 0;
    if (make_directories(path, e) < 0)
        return e->code;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0)
        return errno == EEXIST ? 0 : system_error(path, errno, e);
    close(fd);
    return 0;
}

int sqlite_connect(struct sqlite_store *s, int writable, struct err *e)
{
    /* In front of a relative path, "./" keeps "file:x" and ":memory:" names of files. */
    const char *front = s->path[0] == '/' ? "" : "./";
    char *name = sqlite3_mprintf("%s%s", front, s->path);
    int flags = (writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;

    if (!name)
        panic("out of memory for the name of a file");
    int code = sqlite3_open_v2(name, &s->db, flags, NULL);
    sqlite3_free(name);
    if (!s->db)
        panic("out of memory for an SQLite connection");
    if (code == SQLITE_CANTOPEN && sqlite3_system_errno(s->db))
        return system_error(s->path, sqlite3_system_errno(s->db), e);
    if (code != SQLITE_OK)
        return sqlite_error(s, e);
    if (writable && sqlite3_db_readonly(s->db, "main") == 1)
        return err_set(e, ERR_CONFIG, "store.path %s: no permission to write", s->path);
    sqlite3_busy_timeout(s->db, SQLITE_BUSY_TIMEOUT_MS);
    return 0;
}

static int prepare_file(struct sqlite_store *s, int writable, struct err *e)
{
    if (sqlite_connect(s, writable, e) < 0)
        return e->code;
    if (!writable)
        return sqlite_schema(s, 0, e);
    if (sqlite_use_wal(s, e) < 0 || sqlite_schema(s, 1, e) < 0)
        return e->code;
    return sqlite_prepare(s, e);
}

static void close_sqlite(struct store *store)
{
    struct sqlite_store *s = (struct sqlite_store *)store;

    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(s->statements[i]);
    sqlite3_close_v2(s->db);
    free(s->path);
    free(s);
}

static int open_sqlite(const struct conf *conf, int writable, struct store **out, struct err *e)
{
    const char *path = conf->store.path;
    struct stat status;

    if (check(conf, e) < 0)
        return e->code;
    if (writable) {
        if (sqlite_make_file(path, e) < 0)
            return e->code;
    } else if (stat(path, &status) < 0 && errno == ENOENT) {
        return err_set(e, ERR_AGAIN, "no counts yet: %s does not exist", path);
    }
    struct sqlite_store *s = xcalloc(1, sizeof *s);
    s->base.kind = &store_sqlite;
    s->path = xstrdup(path);
    if (prepare_file(s, writable, e) < 0) {
        close_sqlite(&s->base);
        return e->code;
    }
    *out = &s->base;
    return 0;
}

const struct store_kind store_sqlite = {
    .name = "sqlite",
    .check = check,
    .open = open_sqlite,
    .close = close_sqlite,
    .apply = sqlite_apply,
    .apply_many = sqlite_apply_many,
    .wal_bytes = sqlite_wal_bytes,
    .backup = sqlite_backup,
    .restore = sqlite_restore,
    .publications = sqlite_publications,
    .frequencies = sqlite_frequencies,
};
