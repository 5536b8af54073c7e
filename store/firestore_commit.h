/* firestore_commit: batches into the body of one commit. */
#ifndef NEWSMILL_FIRESTORE_COMMIT_H
#define NEWSMILL_FIRESTORE_COMMIT_H

#include <stdbool.h>

#include "common/batch.h"
#include "common/buf.h"

/* How long a marker is kept, from the batch's own time on, which is Redis'. */
#define FIRESTORE_MARKER_MS (30 * 86400000ll)

/* Writes {"writes":[…]} for all of the batches: a marker for each, an increment for each document.
 * What several batches add to one document is one write. `root` is "projects/…/documents".
 * Without `expires` the markers are kept for ever: nobody knows what Redis' time is worth.
 * *writes is the number of documents written. Returns 0, or ERR_LIMIT: `out` is full, or a document
 * would get more field transforms than Firestore takes in a commit, or a sum is out of range. */
int firestore_commit(const char *root, const struct batch *batches, size_t count, bool expires,
                     struct buf *out, size_t *writes);

#endif
