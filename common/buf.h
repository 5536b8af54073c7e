/* buf: growable bytes with a ceiling. Passing the ceiling is an ordinary error (ERR_LIMIT); until
 * buf_clear() every further append is refused too, so a caller may append many times and check
 * once with buf_failed(). The bytes always end in a NUL that is not counted. */
#ifndef NEWSMILL_BUF_H
#define NEWSMILL_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *bytes; /* NULL until the first append */
    size_t length;
    size_t capacity;
    size_t max_bytes;
    bool failed;
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_fini(struct buf *b);
void buf_clear(struct buf *b); /* length 0, memory kept */

/* Bytes of the buffer itself are none to append: growing moves them. That is a panic. */
int buf_append(struct buf *b, const void *bytes, size_t length);
int buf_append_text(struct buf *b, const char *text);
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Makes room for `length` more bytes and returns where they go (NULL past the ceiling); the caller
 * writes them and adds what it wrote to b->length. */
char *buf_reserve(struct buf *b, size_t length);

static inline bool buf_failed(const struct buf *b)
{
    return b->failed;
}

#endif
