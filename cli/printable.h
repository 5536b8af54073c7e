/* printable: text from elsewhere made fit for a terminal. */
#ifndef NEWSMILL_PRINTABLE_H
#define NEWSMILL_PRINTABLE_H

#include <stddef.h>

#include "common/buf.h"

/* Appends the text as one line: control characters (C0, DEL, C1 and the direction marks of UAX #9)
 * become spaces, bytes that are not UTF-8 question marks. Returns 0 or ERR_LIMIT. */
int printable_append(struct buf *out, const char *text, size_t length);

#endif
