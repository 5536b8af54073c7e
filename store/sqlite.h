/* sqlite: the parts of the SQLite store as they see each other; private to store/. */
#ifndef NEWSMILL_STORE_SQLITE_H
#define NEWSMILL_STORE_SQLITE_H

#include "kind.h"

struct sqlite3;
struct sqlite3_stmt;

#define SQLITE_BUSY_TIMEOUT_MS 1000 /* then the saver tries again by itself, and can be stopped */

enum sqlite_statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_MARK,
    STATEMENT_PRUNE,
    STATEMENT_COUNT_ARTICLES,
    STATEMENT_COUNT_WORD,
    STATEMENT_COUNT_LABEL,
    STATEMENTS, /* their number */
};

struct sqlite_store {
    struct store base;
    struct sqlite3 *db;
    char *path;                                  /* as in the settings */
    struct sqlite3_stmt *statements[STATEMENTS]; /* of a writable store */
    unsigned applied;                            /* batches, since the last prune */
};

/* SQLite's last error as ours: ERR_CONFIG for a file that is not a database, else ERR_AGAIN. */
int sqlite_error(const struct sqlite_store *s, struct err *e);

/* Opens s->path, which is there. Returns 0 or a code; s->db is to be closed in either case. */
int sqlite_connect(struct sqlite_store *s, int writable, struct err *e);

/* Creates an empty file where there is none, and its directories. Returns 0 or a code. */
int sqlite_make_file(const char *path, struct err *e);

/* Makes a writable store use a write-ahead log, in a way that is durable when a commit returns.
 * Returns 0 or a code. */
int sqlite_use_wal(struct sqlite_store *s, struct err *e);
int64_t sqlite_wal_bytes(const struct conf *conf);

/* Creates the tables in an empty database, or checks that they are ours. `writable` 0 only checks,
 * and an empty database is ERR_AGAIN. Returns 0, ERR_AGAIN or ERR_CONFIG. */
int sqlite_schema(struct sqlite_store *s, int writable, struct err *e);

/* Prepares what sqlite_apply() needs. Returns 0 or a code. */
int sqlite_prepare(struct sqlite_store *s, struct err *e);
enum store_outcome sqlite_apply(struct store *store, const struct batch *batch, struct err *why);
size_t sqlite_apply_many(struct store *store, const struct batch *batches, size_t count,
                         enum store_outcome *outcomes, struct err *why);

int sqlite_publications(struct store *store, int (*row)(void *, const struct store_publication *),
                        void *context, struct err *e);
int sqlite_frequencies(struct store *store, const char *publication,
                       const struct store_cursor *after, uint64_t limit,
                       int (*row)(void *, const struct store_frequency *), void *context,
                       struct err *e);

int sqlite_backup(const struct conf *conf, const char *path, struct store_state *out,
                  struct err *e);
int sqlite_restore(const struct conf *conf, const char *path, struct store_restored *out,
                   struct err *e);

#endif
