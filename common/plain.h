/* plain: how far a text goes without anything that JSON would have us look at. Most bytes of most
 * articles are passed over here, sixteen at a time. */
#ifndef NEWSMILL_PLAIN_H
#define NEWSMILL_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

static inline bool plain_is(char c)
{
    return (signed char)c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
}

/* As plain_run(), for a text that begins plain. */
size_t plain_run_on(const char *bytes, size_t length);

/* Length of the part in front that is visible ASCII and spaces, without quotes and backslashes. */
static inline size_t plain_run(const char *bytes, size_t length)
{
    return length && plain_is(*bytes) ? plain_run_on(bytes, length) : 0;
}

#endif
