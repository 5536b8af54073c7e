/* firestore_status: what an answer of Firestore means for a batch. */
#ifndef NEWSMILL_FIRESTORE_STATUS_H
#define NEWSMILL_FIRESTORE_STATUS_H

#include <stddef.h>

#include "store.h"

/* The outcome of a commit answered with this HTTP status and body. `why` gets the answer's own
 * words for all but STORE_APPLIED. Only Google's error object may reject a batch or call it
 * applied: what a proxy on the way says about it proves nothing. */
enum store_outcome firestore_outcome(long http_status, const char *body, size_t length,
                                     struct err *why);

/* Puts an error answer of a read into *e, as ERR_AGAIN. Returns that. */
int firestore_read_error(long http_status, const char *body, size_t length, struct err *e);

#endif
