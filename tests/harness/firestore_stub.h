/* firestore_stub: a Firestore to test against, in a process of its own: keeps documents, applies
 * commits, answers the queries, gives out and checks tokens, and fails as it is told. */
#ifndef NEWSMILL_FIRESTORE_STUB_H
#define NEWSMILL_FIRESTORE_STUB_H

#include <sys/types.h>

struct firestore_stub {
    pid_t pid;
    int port;
    char host[32];  /* "127.0.0.1:PORT", for FIRESTORE_EMULATOR_HOST */
    int plain_port; /* HTTP in any case: our control requests, the metadata server */
};

struct firestore_stub_options {
    const char *certificate, *key; /* PEM files for HTTPS, or NULL */
    const char *jwt_key;           /* PEM of a public key: bearer tokens are JWTs it verifies */
    int wants_token;               /* else bearer tokens are those of its token endpoint */
};

/* It dies with this process; firestore_stub_stop() ends it earlier. `options` may be NULL. */
void firestore_stub_start(struct firestore_stub *s, const struct firestore_stub_options *options);
void firestore_stub_stop(struct firestore_stub *s);

/* What happens to commits from now on: words "KIND=SHARE" separated by spaces, and "seed=N".
 *
 *   drop       the connection is cut, nothing applied
 *   lost       applied, then the connection is cut
 *   status     not applied; each code of a list in turn, sometimes no JSON at all
 *   unsure     applied, then 503 UNAVAILABLE
 *   stall      not applied, never answered
 *   late       applied, never answered
 *   half       applied, and half of an answer
 *   garbage    not applied, 200 with a page that is not Firestore's
 *   shared     as `lost`, but only commits with several markers
 *   huge       applied, and 20 MiB of white space before the answer
 *   invalid    not applied, 400 INVALID_ARGUMENT
 *   retry      not applied, 503 with "Retry-After: 1"
 *   NAME=NUMBER with a whole number of at least 1: the next NUMBER commits, whatever the shares
 */
void firestore_stub_fail(struct firestore_stub *s, const char *faults);

/* A number: "requests", "commits" (asked for), "applied", "writes" (documents in them), "markers"
 * (in them), "ledger" (refused because a marker was there), "failed", "tokens" (given out),
 * "unauthorized". */
long firestore_stub_number(struct firestore_stub *s, const char *name);

/* From now on the tokens given out so far are not taken any more. */
void firestore_stub_revoke(struct firestore_stub *s);

#endif
