/* buf: see buf.h. */
#include "buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){.max_bytes = max_bytes};
}

void buf_fini(struct buf *b)
{
    free(b->bytes);
    *b = (struct buf){.max_bytes = b->max_bytes};
}

void buf_clear(struct buf *b)
{
    b->length = 0;
    b->failed = false;
}

char *buf_reserve(struct buf *b, size_t length)
{
    if (b->failed || length > b->max_bytes - b->length) {
        b->failed = true;
        return NULL;
    }
    if (b->length + length + 1 > b->capacity) {
        size_t capacity = b->capacity ? b->capacity : 64;
        while (capacity < b->length + length + 1)
            capacity *= 2;
        b->bytes = xrealloc(b->bytes, capacity);
        b->capacity = capacity;
    }
    return b->bytes + b->length;
}

int buf_append(struct buf *b, const void *bytes, size_t length)
{
    /* They would move under the copy. Unsigned, so one comparison is both. */
    if ((uintptr_t)bytes - (uintptr_t)b->bytes < b->capacity)
        panic("a buffer appended to itself");
    char *room = buf_reserve(b, length);

    if (!room)
        return ERR_LIMIT;
    if (length)
        memcpy(room, bytes, length);
    b->length += length;
    b->bytes[b->length] = 0;
    return 0;
}

int buf_append_text(struct buf *b, const char *text)
{
    return buf_append(b, text, strlen(text));
}

int buf_printf(struct buf *b, const char *format, ...)
{
    va_list args, again;
    int length;

    va_start(args, format);
    va_copy(again, args);
    length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *room = length < 0 ? NULL : buf_reserve(b, (size_t)length);
    if (room) {
        vsnprintf(room, (size_t)length + 1, format, again);
        b->length += (size_t)length;
    }
    va_end(again);
    return room ? 0 : ERR_LIMIT;
}
