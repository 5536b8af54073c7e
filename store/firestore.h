/* firestore: the parts of the Firestore store as they see each other; private to store/. */
#ifndef NEWSMILL_STORE_FIRESTORE_H
#define NEWSMILL_STORE_FIRESTORE_H

#include "firestore_auth.h"
#include "http_client.h"
#include "kind.h"
#include "ramp.h"

struct firestore_store {
    struct store base;
    struct http_client *http;
    struct firestore_auth *auth;
    char *root;     /* "projects/P/databases/D/documents": the front of every document's name */
    char *base_url; /* what stands before it in an address */
    bool emulator;
    int timeout_ms;
    struct ramp ramp;
    int64_t not_before_ms; /* clock_ms() that the server's Retry-After named */
    uint64_t writes;       /* documents written in commits that were answered with 200 */
};

/* Posts `body` to the document path `parent` (encoded for an address, "" for the root) with the
 * method ":commit" or ":runQuery". A 401 renews the token and asks once more. *reply is to be ended
 * by http_reply_fini() whatever is returned: 0 when there is an answer, else ERR_AGAIN or
 * ERR_LIMIT. */
int firestore_post(struct firestore_store *s, const char *parent, const char *method,
                   const struct buf *body, size_t max_answer_bytes, struct http_reply *reply,
                   struct err *e);

enum store_outcome firestore_apply(struct store *store, const struct batch *batch, struct err *why);
size_t firestore_apply_many(struct store *store, const struct batch *batches, size_t count,
                            enum store_outcome *outcomes, struct err *why);
int64_t firestore_pause_ms(struct store *store);

int firestore_publications(struct store *store,
                           int (*row)(void *, const struct store_publication *), void *context,
                           struct err *e);
int firestore_frequencies(struct store *store, const char *publication,
                          const struct store_cursor *after, uint64_t limit,
                          int (*row)(void *, const struct store_frequency *), void *context,
                          struct err *e);

#endif
