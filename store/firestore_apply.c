/* firestore_apply: batches into commits, and answers into outcomes. */
#include <string.h>

#include "common/clock.h"
#include "firestore.h"
#include "firestore_commit.h"
#include "firestore_status.h"

/* What a request may have: Firestore takes 10 MiB, its emulator 4 MiB. */
#define MAX_BODY_BYTES          (10000u << 10)
#define MAX_EMULATOR_BODY_BYTES (4000u << 10)
/* An answer repeats every counter; with fields=commitTime production leaves that out. */
#define MAX_ANSWER_BYTES (16u << 20)
#define COMMIT           ":commit?fields=commitTime&prettyPrint=false"
/* Several batches share a commit up to so many documents. The emulator shows no clear
 * difference above it, and for long Firestore took no more than these. */
#define MAX_SHARED_WRITES 500
/* A batch is refused that much before its marker expires: Google's clock is another one. */
#define CLOCK_MARGIN_MS 3600000

/* `now_ms`: see store_set_time(). */
static bool is_too_old(const struct batch *batch, int64_t now_ms, struct err *why)
{
    if (!now_ms || batch->at_ms >= now_ms - FIRESTORE_MARKER_MS + CLOCK_MARGIN_MS)
        return false;
    err_set(why, ERR_INPUT, "batch: older than 30 days, its marker may be forgotten");
    return true;
}

static enum store_outcome send(struct firestore_store *s, const struct buf *body, size_t documents,
                               struct err *why)
{
    struct http_reply reply;
    enum store_outcome outcome = STORE_AGAIN;

    ramp_take(&s->ramp, documents, clock_ms());
    if (firestore_post(s, "", COMMIT, body, MAX_ANSWER_BYTES, &reply, why) == 0)
        outcome = firestore_outcome(reply.status, reply.body.bytes, reply.body.length, why);
    http_reply_fini(&reply);
    if (outcome == STORE_APPLIED)
        s->writes += documents;
    return outcome;
}

static void init_body(const struct firestore_store *s, struct buf *body)
{
    buf_init(body, s->emulator ? MAX_EMULATOR_BODY_BYTES : MAX_BODY_BYTES);
}

enum store_outcome firestore_apply(struct store *store, const struct batch *batch, struct err *why)
{
    struct firestore_store *s = (struct firestore_store *)store;
    enum store_outcome outcome = STORE_REJECTED;
    struct buf body;
    size_t documents;

    if (is_too_old(batch, store->redis_ms, why))
        return STORE_REJECTED;
    init_body(s, &body);
    if (firestore_commit(s->root, batch, 1, store->redis_ms != 0, &body, &documents) == 0)
        outcome = send(s, &body, documents, why);
    else
        err_set(why, ERR_INPUT, "batch: does not fit one commit of Firestore");
    buf_fini(&body);
    return outcome;
}

/* Tries the first batches in one commit, as many as fit, but at least two. Returns how many were
 * applied by it; 0: one by one, please. *again is set when nobody knows, or not now. */
static size_t apply_shared(struct firestore_store *s, const struct batch *batches, size_t count,
                           bool *again, struct err *why)
{
    enum store_outcome outcome = STORE_REJECTED;
    struct buf body;
    size_t documents;

    init_body(s, &body);
    for (; count > 1; count /= 2) {
        buf_clear(&body);
        if (firestore_commit(s->root, batches, count, s->base.redis_ms != 0, &body, &documents) ==
                0 &&
            documents <= MAX_SHARED_WRITES)
            break;
    }
    if (count > 1)
        outcome = send(s, &body, documents, why);
    buf_fini(&body);
    *again = outcome == STORE_AGAIN;
    return outcome == STORE_APPLIED ? count : 0;
}

/* Batches that may share a commit, from the first on. */
static size_t count_young(const struct batch *batches, size_t count, int64_t now_ms)
{
    struct err ignored;
    size_t young = 0;

    while (young < count && !is_too_old(&batches[young], now_ms, &ignored))
        young++;
    return young;
}

size_t firestore_apply_many(struct store *store, const struct batch *batches, size_t count,
                            enum store_outcome *outcomes, struct err *why)
{
    struct firestore_store *s = (struct firestore_store *)store;
    size_t done = 0, alone = 0; /* `alone`: up to here one by one */

    while (done < count && !(done && firestore_pause_ms(store))) {
        size_t young =
            done < alone ? 0 : count_young(batches + done, count - done, store->redis_ms);
        if (young > 1) {
            bool again;
            size_t shared = apply_shared(s, batches + done, young, &again, why);
            if (again) {
                outcomes[done] = STORE_AGAIN;
                return done + 1;
            }
            if (!shared)
                alone = done + young; /* some marker was there, or some batch is not taken */
            for (size_t i = 0; i < shared; i++)
                outcomes[done++] = STORE_APPLIED;
        } else {
            outcomes[done] = firestore_apply(store, &batches[done], why);
            if (outcomes[done++] != STORE_APPLIED && outcomes[done - 1] != STORE_ALREADY)
                return done;
        }
    }
    return done;
}
