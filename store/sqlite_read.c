/* sqlite_read: the ordered lists, as walks along an index. Statements are prepared for each call,
 * so that a row function may itself ask for another list. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite.h"

static sqlite3_stmt *prepare(struct sqlite_store *s, const char *sql, struct err *e)
{
    sqlite3_stmt *statement;

    if (sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL) == SQLITE_OK)
        return statement;
    sqlite_error(s, e);
    return NULL;
}

static const char *text(sqlite3_stmt *statement, int column)
{
    const char *bytes = (const char *)sqlite3_column_text(statement, column);

    return bytes ? bytes : "";
}

int sqlite_publications(struct store *store, int (*row)(void *, const struct store_publication *),
                        void *context, struct err *e)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    int code = 0;
    sqlite3_stmt *statement =
        prepare(s, "SELECT key, name, articles FROM publication ORDER BY articles DESC, key", e);

    if (!statement)
        return e->code;
    while (code == 0 && sqlite3_step(statement) == SQLITE_ROW) {
        struct store_publication p = {.key = text(statement, 0),
                                      .name = text(statement, 1),
                                      .articles = (uint64_t)sqlite3_column_int64(statement, 2)};
        code = row(context, &p);
    }
    if (sqlite3_finalize(statement) != SQLITE_OK && code == 0)
        code = sqlite_error(s, e);
    return code;
}

/* --- words --------------------------------------------------------------------------------------
 */

struct walk {
    struct sqlite_store *store;
    int64_t publication;
    uint64_t left; /* rows */
    int (*row)(void *, const struct store_frequency *);
    void *context;
    sqlite3_stmt *labels_of_word;
    struct batch_label *labels;
    char **names; /* owned texts of `labels` */
    size_t label_capacity;
    struct err *e;
};

static void grow_labels(struct walk *w)
{
    size_t old = w->label_capacity;

    w->label_capacity = old ? 2 * old : 8;
    w->labels = xrealloc(w->labels, w->label_capacity * sizeof *w->labels);
    w->names = xrealloc(w->names, w->label_capacity * sizeof *w->names);
    for (size_t i = old; i < w->label_capacity; i++)
        w->names[i] = NULL;
}

static int read_labels(struct walk *w, int64_t word_id, struct store_frequency *f)
{
    sqlite3_bind_int64(w->labels_of_word, 1, word_id);
    while (sqlite3_step(w->labels_of_word) == SQLITE_ROW) {
        if (f->label_count == w->label_capacity)
            grow_labels(w);
        free(w->names[f->label_count]);
        w->names[f->label_count] = xstrdup(text(w->labels_of_word, 0));
        w->labels[f->label_count] = (struct batch_label){
            .label = w->names[f->label_count],
            .count = (uint64_t)sqlite3_column_int64(w->labels_of_word, 1),
        };
        f->label_count++;
    }
    f->labels = w->labels;
    return sqlite3_reset(w->labels_of_word) == SQLITE_OK ? 0 : sqlite_error(w->store, w->e);
}

/* Gives the rows of a statement (id, word, count; parameter 1 is the publication). */
static int give_rows(struct walk *w, sqlite3_stmt *statement)
{
    int code = 0;

    sqlite3_bind_int64(statement, 1, w->publication);
    while (code == 0 && w->left && sqlite3_step(statement) == SQLITE_ROW) {
        struct store_frequency f = {.word = text(statement, 1),
                                    .count = (uint64_t)sqlite3_column_int64(statement, 2)};
        code = read_labels(w, sqlite3_column_int64(statement, 0), &f);
        if (code == 0)
            code = w->row(w->context, &f);
        w->left--;
    }
    if (sqlite3_finalize(statement) != SQLITE_OK && code == 0)
        code = sqlite_error(w->store, w->e);
    return code;
}

static int64_t to_sqlite(uint64_t count)
{
    return count < INT64_MAX ? (int64_t)count : INT64_MAX;
}

/* Two walks where there is a cursor: the rest of its ties, then what comes less often. One
 * condition for both would make SQLite pass over all the ties before it, on every page. */
static int give_all(struct walk *w, const struct store_cursor *after)
{
    sqlite3_stmt *statement;

    if (after && after->word) {
        statement = prepare(w->store,
                            "SELECT id, word, count FROM word WHERE publication = ?1"
                            " AND count = ?2 AND word > ?3 ORDER BY word",
                            w->e);
        if (!statement)
            return w->e->code;
        sqlite3_bind_int64(statement, 2, to_sqlite(after->count));
        sqlite3_bind_text(statement, 3, after->word, -1, SQLITE_STATIC);
        int code = give_rows(w, statement);
        if (code != 0 || !w->left)
            return code;
    }
    statement = prepare(w->store,
                        "SELECT id, word, count FROM word WHERE publication = ?1"
                        " AND count <= ?2 ORDER BY count DESC, word",
                        w->e);
    if (!statement)
        return w->e->code;
    sqlite3_bind_int64(statement, 2,
                       after && after->word ? to_sqlite(after->count) - 1 : INT64_MAX);
    return give_rows(w, statement);
}

static int find_publication(struct sqlite_store *s, const char *key, int64_t *id, struct err *e)
{
    sqlite3_stmt *statement = prepare(s, "SELECT id FROM publication WHERE key = ?1", e);

    *id = 0;
    if (!statement)
        return e->code;
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    if (sqlite3_step(statement) == SQLITE_ROW)
        *id = sqlite3_column_int64(statement, 0);
    return sqlite3_finalize(statement) == SQLITE_OK ? 0 : sqlite_error(s, e);
}

static int walk_words(struct walk *w, const char *publication, const struct store_cursor *after)
{
    if (find_publication(w->store, publication, &w->publication, w->e) < 0)
        return w->e->code;
    if (!w->publication)
        return 0;
    w->labels_of_word =
        prepare(w->store,
                "SELECT label, count FROM label WHERE word = ?1 ORDER BY count DESC, label", w->e);
    if (!w->labels_of_word)
        return w->e->code;
    int code = give_all(w, after);
    sqlite3_finalize(w->labels_of_word);
    for (size_t i = 0; i < w->label_capacity; i++)
        free(w->names[i]);
    free(w->names);
    free(w->labels);
    return code;
}

int sqlite_frequencies(struct store *store, const char *publication,
                       const struct store_cursor *after, uint64_t limit,
                       int (*row)(void *, const struct store_frequency *), void *context,
                       struct err *e)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct walk w = {
        .store = s, .left = limit ? limit : UINT64_MAX, .row = row, .context = context, .e = e};
    /* All statements must see one moment; inside another list's row they do already. */
    int alone = sqlite3_get_autocommit(s->db);

    if (alone && sqlite3_exec(s->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_error(s, e);
    int code = walk_words(&w, publication, after);
    if (alone)
        sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
    return code;
}
