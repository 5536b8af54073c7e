/* store: where counts are kept. One implementation per file behind one table of functions. */
#ifndef NEWSMILL_STORE_H
#define NEWSMILL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/batch.h"
#include "common/conf.h"
#include "common/err.h"

struct store;

enum store_outcome {
    STORE_APPLIED,  /* counted now */
    STORE_ALREADY,  /* its marker was there: counted before */
    STORE_AGAIN,    /* not known or not now: send the same batch again later */
    STORE_REJECTED, /* will never be taken: to the dead list with the reason */
};

/* Checks what can be checked without opening anything (kind, path). 0 or ERR_CONFIG. */
int store_check(const struct conf *conf, struct err *e);

/* Opens the store for writing (creates what is missing) or only for reading. After a fork, never
 * before. Returns 0, ERR_AGAIN or ERR_CONFIG. */
int store_open(const struct conf *conf, int writable, struct store **out, struct err *e);
void store_close(struct store *s);

/* Tells a store what time it is for its next batches: Redis' time, by which batches are dated, in
 * ms. 0, as after the open: nobody knows, so that no batch is refused for its age and no marker is
 * forgotten. */
void store_set_time(struct store *s, int64_t redis_ms);

/* Applies a batch in one transaction together with a marker of its id. `why` explains AGAIN and
 * REJECTED. */
enum store_outcome store_apply(struct store *s, const struct batch *batch, struct err *why);

/* Applies the first of these batches, several in one transaction where the store can, each with its
 * own marker. Returns how many of the first have an outcome now: at least one, and perhaps not all,
 * so that the caller goes on with the rest. Only the last of them may be AGAIN or REJECTED; `why`
 * explains that one. */
size_t store_apply_many(struct store *s, const struct batch *batches, size_t count,
                        enum store_outcome *outcomes, struct err *why);

/* Milliseconds the store asks to be left alone before the next batch (a limit on its rate, a
 * server's Retry-After); 0 most of the time. */
int64_t store_pause_ms(struct store *s);

/* True where a store mends what is open by itself after AGAIN; others are closed and opened anew.
 */
bool store_mends(const struct store *s);

/* Documents written since the store was opened, where each has its price; else 0. */
uint64_t store_writes(const struct store *s);

/* Bytes of the write-ahead log that the store of these settings has beside it; -1: it has none. The
 * log grows as long as somebody reads one moment. Opens nothing. */
int64_t store_wal_bytes(const struct conf *conf);

/* --- backup and restore: of a store that is a file of ours ---------------------------------------
 */

#define STORE_MAX_PATH_BYTES 4096

struct store_state {
    bool known; /* false: it could not be read, and all else is 0 */
    uint64_t articles;
    uint64_t batches; /* that it remembers: those of a month */
    int64_t last_ms;  /* when it counted the last batch, in ms since 1970; 0: none */
};

/* Writes one moment of the store to a new file `path`, while savers run. Returns 0, ERR_AGAIN or
 * ERR_CONFIG (there is such a file; the kind of store has no backup; the store is damaged). */
int store_backup(const struct conf *conf, const char *path, struct store_state *out, struct err *e);

struct store_restored {
    struct store_state before, after;
    uint64_t lost_batches;           /* counted before and not in the backup; 0 if not known */
    char kept[STORE_MAX_PATH_BYTES]; /* the file of before; "": there was none */
};

/* Makes the counts and markers those of the backup `path`, in one transaction. What was there is
 * kept beside it first. Savers must not run: a batch that one of them counts meanwhile would be
 * lost. Returns 0, ERR_AGAIN or ERR_CONFIG; then the store is as before. */
int store_restore(const struct conf *conf, const char *path, struct store_restored *out,
                  struct err *e);

/* The file with the secret by which the store of these settings is reached; false: there is none.
 * Opens nothing. */
bool store_key_path(const struct conf *conf, char *path, size_t size);

struct store_publication {
    const char *key, *name;
    uint64_t articles;
};

struct store_frequency {
    const char *word;
    uint64_t count;
    const struct batch_label *labels; /* ordered by count descending, then label */
    size_t label_count;
};

/* Continues a list after its last row; word NULL starts at the top. */
struct store_cursor {
    const char *word;
    uint64_t count;
};

/* Calls `row` for each publication, order: articles descending, then key. A row that returns
 * non-zero ends the walk. Rows are borrowed for the call. Returns 0, ERR_AGAIN or what row
 * returned. */
int store_publications(struct store *s, int (*row)(void *context, const struct store_publication *),
                       void *context, struct err *e);

/* Calls `row` for up to `limit` words (0: all) of one publication, order: count descending, then
 * word (by bytes), from after the cursor. */
int store_frequencies(struct store *s, const char *publication, const struct store_cursor *after,
                      uint64_t limit, int (*row)(void *context, const struct store_frequency *),
                      void *context, struct err *e);

#endif
