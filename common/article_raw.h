/* article_raw: one item checked and copied to the list without being decoded. For the gateway,
 * which has many of them to pass on and none to understand. */
#ifndef NEWSMILL_ARTICLE_RAW_H
#define NEWSMILL_ARTICLE_RAW_H

#include <stddef.h>

#include "json_scan.h"

enum {
    ARTICLE_RAW_CONTENT,
    ARTICLE_RAW_PUBLICATION,
    ARTICLE_RAW_ID,
    ARTICLE_RAW_URL,
    ARTICLE_RAW_TITLE,
    ARTICLE_RAW_PUBLISHED,
    ARTICLE_RAW_FIELDS
};

/* Where the wanted members stand in an item, each a JSON string with its quotes; bytes is NULL of
 * one that is absent or null. */
struct article_raw {
    struct json_span values[ARTICLE_RAW_FIELDS];
};

enum article_raw_result {
    ARTICLE_RAW_GOOD,    /* what article_parse() would accept, and article_raw_write() may copy */
    ARTICLE_RAW_UNCLEAR, /* JSON; only article_parse() can tell whether it is an article */
    ARTICLE_RAW_BROKEN,  /* not JSON: *fault is set */
};

/* Looks at the JSON value at the front of the bytes; *consumed is its length, white space before it
 * included, what follows it is not looked at. The id of an unclear item is in `out` if it is a
 * string. The result borrows from the bytes. */
enum article_raw_result article_raw_scan(const char *json, size_t length, size_t max_content_bytes,
                                         struct article_raw *out, size_t *consumed,
                                         struct json_scan_fault *fault);

/* Bytes that article_raw_write() writes. `id_length`: with the quotes. */
size_t article_raw_length(const struct article_raw *a, size_t id_length);

/* Writes the item as article_write() does, strings as they came: `id`, a JSON string with its
 * quotes, takes the place of its own. Returns the end of what it wrote. */
char *article_raw_write(const struct article_raw *a, const char *id, size_t id_length, char *out);

#endif
