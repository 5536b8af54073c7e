/* sqlite_wal: the write-ahead log of the SQLite store: that it is used, stays for those who may
 * only read, and stays small. SQLite begins a log anew only when all of it is in the file and
 * nobody reads from it, which it never is while somebody reads one moment for long. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "sqlite.h"

/* Pages are of 4 KiB. From the first number on a commit moves them into the file. The second is
 * only reached where somebody was in the way; once that has ended the log is cut, for which all
 * writers may be held up for so long. What may stay (32 MiB): to grow a file anew costs time. */
#define CHECKPOINT_PAGES    4000
#define TRUNCATE_PAGES      16000
#define TRUNCATE_TIMEOUT_MS 100
#define KEPT_BYTES          "33554432"

/* After a commit; `pages` are in the log then. What fails here is tried after the next one. */
static int on_commit(void *context, sqlite3 *db, const char *name, int pages)
{
    int all = 0, moved = 0;

    (void)context;
    if (pages < CHECKPOINT_PAGES)
        return SQLITE_OK;
    sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, &all, &moved);
    /* Where much is left, somebody still reads an old moment: waiting would be of no use. */
    if (all < TRUNCATE_PAGES || all - moved > CHECKPOINT_PAGES)
        return SQLITE_OK;
    sqlite3_busy_timeout(db, TRUNCATE_TIMEOUT_MS);
    sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_timeout(db, SQLITE_BUSY_TIMEOUT_MS);
    return SQLITE_OK;
}

static int switch_on(struct sqlite_store *s, struct err *e)
{
    sqlite3_stmt *statement;
    int is_wal = 0;

    if (sqlite3_prepare_v2(s->db, "PRAGMA journal_mode = WAL", -1, &statement, NULL) != SQLITE_OK)
        return sqlite_error(s, e);
    if (sqlite3_step(statement) == SQLITE_ROW)
        is_wal = strcmp((const char *)sqlite3_column_text(statement, 0), "wal") == 0;
    if (sqlite3_finalize(statement) != SQLITE_OK)
        return sqlite_error(s, e);
    if (!is_wal)
        return err_set(e, ERR_CONFIG,
                       "store.path %s: SQLite cannot share memory on this file system", s->path);
    return 0;
}

int sqlite_use_wal(struct sqlite_store *s, struct err *e)
{
    int keep = 1;

    if (switch_on(s, e) < 0)
        return e->code;
    if (sqlite3_exec(s->db,
                     "PRAGMA synchronous = FULL; PRAGMA cache_size = -32768;"
                     "PRAGMA journal_size_limit = " KEPT_BYTES,
                     NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_error(s, e);
    sqlite3_wal_hook(s->db, on_commit, NULL);
    /* The last to close leaves the -wal (empty: there is a limit) and -shm files behind: who may
     * only read cannot make them, and without them cannot read. */
    if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep) != SQLITE_OK)
        return sqlite_error(s, e);
    return 0;
}

int64_t sqlite_wal_bytes(const struct conf *conf)
{
    struct stat status;
    char path[STORE_MAX_PATH_BYTES + 8];

    snprintf(path, sizeof path, "%s-wal", conf->store.path);
    return stat(path, &status) == 0 ? (int64_t)status.st_size : -1;
}
