/* json: writing strings. Reading strictly is json_scan's. */
#ifndef NEWSMILL_JSON_H
#define NEWSMILL_JSON_H

#include <stddef.h>

#include "buf.h"

/* Appends a string of valid UTF-8 in quotes. Control characters, DEL and C1 included, and the marks
 * that turn the direction of text become \u escapes, so that no terminal acts on them. Returns 0 or
 * ERR_LIMIT. */
int json_append_string(struct buf *out, const char *bytes, size_t length);

#endif
