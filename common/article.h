/* article: one queue item <-> struct article. The gateway and the workers validate with the same
 * function, so that a raw LPUSH is an entrance equal to HTTP. */
#ifndef NEWSMILL_ARTICLE_H
#define NEWSMILL_ARTICLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"

/* Most bytes of one item's JSON: escapes can make six bytes of one, and the other fields need room.
 * Anything longer is refused before it is parsed. */
#define ARTICLE_MAX_ITEM_BYTES(max_content_bytes) (6 * (size_t)(max_content_bytes) + 65536)

/* Ceilings of the small fields, in bytes. */
#define ARTICLE_MAX_PUBLICATION_BYTES 1024
#define ARTICLE_MAX_OTHER_BYTES       8192

/* Most bytes that article_write() makes of an article that article_parse() took, each byte escaped.
 */
#define ARTICLE_MAX_WRITTEN_BYTES(max_content_bytes)                                               \
    (6 * ((size_t)(max_content_bytes) + ARTICLE_MAX_PUBLICATION_BYTES +                            \
          4 * ARTICLE_MAX_OTHER_BYTES) +                                                           \
     256)

struct article {
    const char *content; /* UTF-8, may be empty */
    size_t content_length;
    const char *publication; /* as written, trimmed; never empty */
    char *key;               /* publication trimmed and lower-cased: what counts are kept under */
    const char *id, *url, *title, *published; /* NULL where absent */
    char *memory;                             /* what the views above point into */
};

/* What was wrong, in the words of the two entrances. */
struct article_fault {
    char field[32];      /* "content", "publication", …; empty when the item as a whole is bad */
    const char *type;    /* FastAPI's error type: "missing", "string_type", "json_invalid", … */
    bool too_large;      /* HTTP says 413 */
    size_t offset;       /* of "json_invalid": the byte where the text stops being JSON */
    char text[256];      /* a sentence for people, also the reason in the dead list */
    const char *message; /* FastAPI's msg for this type ("Field required", …); points to a constant
                            or to `text` */
};

/* Parses and validates one item: UTF-8, JSON object without text after it, no U+0000, fields
 * `content` and `publication` strings (names case-sensitive, unknown fields ignored), publication
 * not empty after trimming, content of at most `max_content_bytes`.
 * Returns 0, and the article is to be freed with article_fini(); or ERR_INPUT with *fault set. */
int article_parse(const char *json, size_t length, size_t max_content_bytes, struct article *out,
                  struct article_fault *fault);
void article_fini(struct article *a);

/* Appends the item that goes on the list: the known fields of `a` as one JSON object, with `id` in
 * place of its own id unless that is NULL. Returns 0 or ERR_LIMIT. */
int article_write(const struct article *a, const char *id, struct buf *out);

/* Appends a dead list entry {at, reason, attempts, item | item_base64}. */
int article_write_dead(int64_t at_ms, const char *reason, unsigned attempts, const char *item,
                       size_t item_length, struct buf *out);

#endif
