/* err: see err.h. */
#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int err_set(struct err *e, int code, const char *format, ...)
{
    char text[sizeof e->text];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(e->text, text, sizeof text);
    e->code = code;
    return code;
}

int err_prefix(struct err *e, const char *format, ...)
{
    char front[sizeof e->text], old[sizeof e->text];
    va_list args;

    va_start(args, format);
    vsnprintf(front, sizeof front, format, args);
    va_end(args);
    memcpy(old, e->text, sizeof old);
    return err_set(e, e->code, "%s: %s", front, old);
}

void panic(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "panic: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    abort();
}

void *xmalloc(unsigned long size)
{
    void *block = malloc(size ? size : 1);

    if (!block)
        panic("out of memory for %lu bytes", size);
    return block;
}

void *xcalloc(unsigned long count, unsigned long size)
{
    void *block = calloc(count ? count : 1, size ? size : 1);

    if (!block)
        panic("out of memory for %lu x %lu bytes", count, size);
    return block;
}

void *xrealloc(void *block, unsigned long size)
{
    void *moved = realloc(block, size ? size : 1);

    if (!moved)
        panic("out of memory for %lu bytes", size);
    return moved;
}

char *xstrdup(const char *text)
{
    unsigned long size = strlen(text) + 1;

    return memcpy(xmalloc(size), text, size);
}
