/* sqlite_schema: the tables of the SQLite store and their version. */
#include <sqlite3.h>

#include "sqlite.h"

#define VERSION 1

/* Word texts stand in `word` and in the two indexes that find and order them; labels refer to them
 * by id. STRICT makes a sum that left 64 bits an error instead of a rounded number. */
static const char create[] =
    "CREATE TABLE publication ("
    " id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL,"
    " articles INTEGER NOT NULL) STRICT;"
    "CREATE INDEX publication_by_articles ON publication (articles DESC, key);"
    "CREATE TABLE word ("
    " id INTEGER PRIMARY KEY, publication INTEGER NOT NULL REFERENCES publication (id),"
    " word TEXT NOT NULL, count INTEGER NOT NULL, UNIQUE (publication, word)) STRICT;"
    "CREATE INDEX word_by_count ON word (publication, count DESC, word);"
    "CREATE TABLE label ("
    " word INTEGER NOT NULL REFERENCES word (id), label TEXT NOT NULL, count INTEGER NOT NULL,"
    " PRIMARY KEY (word, label)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE applied ("
    " batch_id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, applied_ms INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE INDEX applied_by_at ON applied (at_ms);"
    "PRAGMA user_version = 1;";

/* Both numbers come from one SELECT, so from one moment. */
static int read_version(struct sqlite_store *s, int *version, int *tables, struct err *e)
{
    sqlite3_stmt *statement;
    static const char sql[] = "SELECT (SELECT user_version FROM pragma_user_version),"
                              " (SELECT count(*) FROM sqlite_schema)";

    if (sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL) != SQLITE_OK)
        return sqlite_error(s, e);
    if (sqlite3_step(statement) == SQLITE_ROW) {
        *version = sqlite3_column_int(statement, 0);
        *tables = sqlite3_column_int(statement, 1);
    }
    return sqlite3_finalize(statement) == SQLITE_OK ? 0 : sqlite_error(s, e);
}

static int check_version(struct sqlite_store *s, int version, int tables, struct err *e)
{
    if (version > VERSION)
        return err_set(e, ERR_CONFIG,
                       "%s was written by a newer newsmill (schema %d, this one knows %d)", s->path,
                       version, VERSION);
    if (version < VERSION && tables > 0)
        return err_set(e, ERR_CONFIG, "%s is an SQLite file, but not newsmill's", s->path);
    return 0;
}

static int execute(struct sqlite_store *s, const char *sql, struct err *e)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sqlite_error(s, e);
}

/* Several savers may come here at once: the first to get the lock creates, the others find it. */
static int create_tables(struct sqlite_store *s, struct err *e)
{
    int version = 0, tables = 0;

    if (execute(s, "BEGIN IMMEDIATE", e) < 0)
        return e->code;
    int code = read_version(s, &version, &tables, e);
    if (code == 0)
        code = check_version(s, version, tables, e);
    if (code == 0 && version == 0)
        code = execute(s, create, e);
    if (code == 0)
        code = execute(s, "COMMIT", e);
    if (code < 0)
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

int sqlite_schema(struct sqlite_store *s, int writable, struct err *e)
{
    int version = 0, tables = 0;

    if (read_version(s, &version, &tables, e) < 0 || check_version(s, version, tables, e) < 0)
        return e->code;
    if (version == VERSION)
        return 0;
    if (!writable)
        return err_set(e, ERR_AGAIN, "no counts yet: %s is empty", s->path);
    return create_tables(s, e);
}
