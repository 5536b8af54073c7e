/* digest: SHA-256 and random numbers as hex digits, for ids, Idempotency-Keys and the window of
 * duplicates. */
#ifndef NEWSMILL_GATEWAY_DIGEST_H
#define NEWSMILL_GATEWAY_DIGEST_H

#include <stddef.h>

#define DIGEST_HEX_LENGTH     64
#define DIGEST_ARTICLE_LENGTH 32 /* 128 bits: nobody finds two articles with one digest */

struct article;
struct digest; /* one that is being made */

struct digest *digest_new(void);
void digest_add(struct digest *d, const void *bytes, size_t length);
/* Writes the hex digits and a NUL, and begins anew. */
void digest_take(struct digest *d, char hex[DIGEST_HEX_LENGTH + 1]);
void digest_free(struct digest *d); /* NULL is fine */

/* All at once. */
void digest_hex(const void *bytes, size_t length, char hex[DIGEST_HEX_LENGTH + 1]);

/* Of the publication, as counts are kept under it, and the content. `d` has nothing added. */
void digest_article(struct digest *d, const struct article *a, char hex[DIGEST_ARTICLE_LENGTH + 1]);

/* `digits` (even, at most 64) random hex digits and a NUL. */
void digest_random(char *hex, size_t digits);

#endif
