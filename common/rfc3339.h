/* rfc3339: a date and time as text, "2030-12-31T23:59:59Z". */
#ifndef NEWSMILL_RFC3339_H
#define NEWSMILL_RFC3339_H

#include <stdbool.h>
#include <stdint.h>

/* date-time of RFC 3339, section 5.6, and nothing behind it; fractions of a second are dropped.
 * *seconds gets the time since 1970. */
bool rfc3339_parse(const char *text, int64_t *seconds);

#endif
