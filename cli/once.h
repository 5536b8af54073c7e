/* once: a stream that may begin anew in the middle (a download from a server without ranges) and
 * yet comes out once: what came out before is compared, by SHA-256, and left out. */
#ifndef NEWSMILL_ONCE_H
#define NEWSMILL_ONCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct once;

struct once *once_new(void);
void once_free(struct once *o); /* NULL is fine */

/* The stream begins anew with the next bytes. */
void once_again(struct once *o);
/* It goes on where it was after all: what is compared since once_again() is forgotten. */
void once_go_on(struct once *o);

/* Narrows the next bytes of the stream to those that come out. Returns 0, or ERR_INPUT when the
 * stream is not the one it was. */
int once_take(struct once *o, const char **bytes, size_t *length);

/* Since it began anew, less has come than before. */
bool once_is_behind(const struct once *o);
/* Bytes that came out. */
uint64_t once_given(const struct once *o);

#endif
