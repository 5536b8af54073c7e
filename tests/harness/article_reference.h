/* article_reference: common/article.c once more, slow and simple, to compare it with. */
#ifndef NEWSMILL_ARTICLE_REFERENCE_H
#define NEWSMILL_ARTICLE_REFERENCE_H

#include <stddef.h>

/* Reads the bytes with article_parse() and with the reference: both must refuse them in the same
 * words, or take them with the same fields and write the same item; and what article_raw.h takes
 * must be the same article too. Returns NULL, or in what they differ. */
const char *article_reference_differs(const char *json, size_t length, size_t max_content_bytes);

#endif
