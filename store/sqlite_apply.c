/* sqlite_apply: one batch or several in one transaction, each with its marker. */
#include <sqlite3.h>
#include <stdbool.h>

#include "sqlite.h"

/* A marker is kept so long; an older batch is refused, or it could be counted twice once its marker
 * is gone. Markers go a day later than batches are refused: two savers look at different moments.
 */
#define DAY_MS            86400000ll
#define MAX_BATCH_AGE_MS  (30 * DAY_MS)
#define MARKER_AGE_MS     (31 * DAY_MS)
#define BATCHES_PER_PRUNE 256
#define MARKERS_PER_PRUNE "1024"

static const char *const sql[STATEMENTS] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_MARK] = "INSERT INTO applied (batch_id, at_ms, applied_ms) VALUES (?1, ?2, ?3)"
                       " ON CONFLICT DO NOTHING",
    [STATEMENT_PRUNE] = "DELETE FROM applied WHERE batch_id IN (SELECT batch_id FROM applied"
                        " WHERE at_ms < ?1 ORDER BY at_ms LIMIT " MARKERS_PER_PRUNE ")",
    [STATEMENT_COUNT_ARTICLES] =
        "INSERT INTO publication (key, name, articles) VALUES (?1, ?2, ?3)"
        " ON CONFLICT (key) DO UPDATE SET articles = articles + excluded.articles RETURNING id",
    [STATEMENT_COUNT_WORD] =
        "INSERT INTO word (publication, word, count) VALUES (?1, ?2, ?3)"
        " ON CONFLICT (publication, word) DO UPDATE SET count = count + excluded.count"
        " RETURNING id",
    [STATEMENT_COUNT_LABEL] =
        "INSERT INTO label (word, label, count) VALUES (?1, ?2, ?3)"
        " ON CONFLICT (word, label) DO UPDATE SET count = count + excluded.count",
};

int sqlite_prepare(struct sqlite_store *s, struct err *e)
{
    for (int i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i],
                               NULL) != SQLITE_OK)
            return sqlite_error(s, e);
    return 0;
}

/* Runs a statement whose parameters are bound. *id, if wanted, is what it returns. The result of a
 * failed step is given by the reset. */
static int run(sqlite3_stmt *statement, int64_t *id)
{
    if (sqlite3_step(statement) == SQLITE_ROW && id)
        *id = sqlite3_column_int64(statement, 0);
    return sqlite3_reset(statement);
}

/* Texts outlive the step, so SQLite need not copy them. */
static void bind_text(sqlite3_stmt *statement, int parameter, const char *text)
{
    sqlite3_bind_text(statement, parameter, text, -1, SQLITE_STATIC);
}

static int count_entity(struct sqlite_store *s, int64_t publication,
                        const struct batch_entity *entity)
{
    sqlite3_stmt *word = s->statements[STATEMENT_COUNT_WORD];
    sqlite3_stmt *label = s->statements[STATEMENT_COUNT_LABEL];
    int64_t word_id = 0;

    sqlite3_bind_int64(word, 1, publication);
    bind_text(word, 2, entity->word);
    sqlite3_bind_int64(word, 3, (int64_t)entity->count);
    int code = run(word, &word_id);
    for (size_t i = 0; i < entity->label_count && code == SQLITE_OK; i++) {
        sqlite3_bind_int64(label, 1, word_id);
        bind_text(label, 2, entity->labels[i].label);
        sqlite3_bind_int64(label, 3, (int64_t)entity->labels[i].count);
        code = run(label, NULL);
    }
    return code;
}

static int count_batch(struct sqlite_store *s, const struct batch *batch)
{
    sqlite3_stmt *articles = s->statements[STATEMENT_COUNT_ARTICLES];
    int64_t publication = 0;

    bind_text(articles, 1, batch->publication);
    bind_text(articles, 2, batch->name);
    sqlite3_bind_int64(articles, 3, (int64_t)batch->articles);
    int code = run(articles, &publication);
    for (size_t i = 0; i < batch->entity_count && code == SQLITE_OK; i++)
        code = count_entity(s, publication, &batch->entities[i]);
    return code;
}

static bool is_too_old(const struct batch *batch, int64_t now_ms)
{
    return now_ms && batch->at_ms < now_ms - MAX_BATCH_AGE_MS;
}

static int prune(struct sqlite_store *s, int64_t now_ms)
{
    sqlite3_stmt *statement = s->statements[STATEMENT_PRUNE];

    if (!now_ms || s->applied++ % BATCHES_PER_PRUNE != 0)
        return SQLITE_OK;
    sqlite3_bind_int64(statement, 1, now_ms - MARKER_AGE_MS);
    return run(statement, NULL);
}

/* Inside the transaction. Returns SQLite's code; SQLITE_DONE when the marker was there. */
static int mark_and_count(struct sqlite_store *s, const struct batch *batch, int64_t now_ms)
{
    sqlite3_stmt *mark = s->statements[STATEMENT_MARK];

    bind_text(mark, 1, batch->id);
    sqlite3_bind_int64(mark, 2, batch->at_ms);
    sqlite3_bind_int64(mark, 3, now_ms);
    int code = run(mark, NULL);
    if (code != SQLITE_OK)
        return code;
    if (sqlite3_changes(s->db) == 0)
        return SQLITE_DONE;
    code = count_batch(s, batch);
    return code == SQLITE_OK ? prune(s, now_ms) : code;
}

/* A batch that can never fit is refused; anything else is the file's trouble, not the batch's. */
static enum store_outcome explain(struct sqlite_store *s, struct err *why)
{
    int code = sqlite3_errcode(s->db) & 0xff;

    sqlite_error(s, why);
    if (code == SQLITE_CONSTRAINT || code == SQLITE_TOOBIG || code == SQLITE_MISMATCH) {
        why->code = ERR_INPUT;
        return STORE_REJECTED;
    }
    why->code = ERR_AGAIN;
    return STORE_AGAIN;
}

/* Counts would go into a file that has no name any more. */
static bool is_moved(struct sqlite_store *s)
{
    int moved = 0;

    return sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
           moved;
}

static void roll_back(struct sqlite_store *s)
{
    if (!sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

enum store_outcome sqlite_apply(struct store *store, const struct batch *batch, struct err *why)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    int64_t now_ms = store->redis_ms;

    if (is_too_old(batch, now_ms)) {
        err_set(why, ERR_INPUT, "batch: older than 30 days, its marker may be forgotten");
        return STORE_REJECTED;
    }
    if (is_moved(s)) {
        err_set(why, ERR_AGAIN, "%s was moved or deleted", s->path);
        return STORE_AGAIN;
    }
    if (run(s->statements[STATEMENT_BEGIN], NULL) != SQLITE_OK)
        return explain(s, why);
    int code = mark_and_count(s, batch, now_ms);
    if (code == SQLITE_OK)
        code = run(s->statements[STATEMENT_COMMIT], NULL);
    if (code == SQLITE_OK)
        return STORE_APPLIED;
    enum store_outcome outcome = code == SQLITE_DONE ? STORE_ALREADY : explain(s, why);
    roll_back(s);
    return outcome;
}

/* One transaction for all, as long as nothing is wrong with any of them. */
static bool apply_together(struct sqlite_store *s, const struct batch *batches, size_t count,
                           enum store_outcome *outcomes)
{
    int64_t now_ms = s->base.redis_ms;
    int code = SQLITE_OK;

    if (is_moved(s) || run(s->statements[STATEMENT_BEGIN], NULL) != SQLITE_OK)
        return false;
    for (size_t i = 0; i < count && code == SQLITE_OK; i++) {
        if (is_too_old(&batches[i], now_ms))
            code = SQLITE_ERROR;
        else
            code = mark_and_count(s, &batches[i], now_ms);
        outcomes[i] = code == SQLITE_DONE ? STORE_ALREADY : STORE_APPLIED;
        code = code == SQLITE_DONE ? SQLITE_OK : code;
    }
    if (code == SQLITE_OK)
        code = run(s->statements[STATEMENT_COMMIT], NULL);
    if (code != SQLITE_OK)
        roll_back(s);
    return code == SQLITE_OK;
}

size_t sqlite_apply_many(struct store *store, const struct batch *batches, size_t count,
                         enum store_outcome *outcomes, struct err *why)
{
    if (apply_together((struct sqlite_store *)store, batches, count, outcomes))
        return count;
    outcomes[0] = sqlite_apply(store, &batches[0], why);
    return 1;
}
