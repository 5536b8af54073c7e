/* json_scan: a strict reading of RFC 8259 that builds nothing.
 *
 * cJSON takes raw control characters in strings, bytes below 0x20 as white space and numbers like
 * 01, and spends some 80 bytes on every value, so that six megabytes of "1," become half a
 * gigabyte. What strangers send goes through here first; an article is read with nothing else. */
#ifndef NEWSMILL_JSON_SCAN_H
#define NEWSMILL_JSON_SCAN_H

#include <stddef.h>

#define JSON_SCAN_MAX_DEPTH 64

/* A piece of the text scanned: a string with its quotes, or any other value. */
struct json_span {
    const char *bytes;
    size_t length;
};

enum json_scan_result { JSON_SCAN_OK, JSON_SCAN_NO_OBJECT, JSON_SCAN_BROKEN };

struct json_scan_fault {
    size_t offset;   /* byte at which the text stops being JSON */
    const char *why; /* a constant for people */
};

/* Checks that the bytes are UTF-8 and one JSON value without text after it, with no U+0000 and no
 * lone surrogate in any string. If the value is an object, calls `member` for each of its members,
 * in order, before all of the text has been checked: what it collects counts only if the result is
 * JSON_SCAN_OK. *fault is set when it is JSON_SCAN_BROKEN. */
enum json_scan_result json_scan(const char *bytes, size_t length,
                                void (*member)(void *context, struct json_span name,
                                               struct json_span value),
                                void *context, struct json_scan_fault *fault);

/* The same for the value at the front of the bytes, whatever follows it: *consumed is its length,
 * white space before it included. */
enum json_scan_result
json_scan_value(const char *bytes, size_t length,
                void (*member)(void *context, struct json_span name, struct json_span value),
                void *context, size_t *consumed, struct json_scan_fault *fault);

/* Writes what a string that was scanned and found good stands for, and a NUL. `out` has room for
 * string.length - 1 bytes. Returns its length; it has no NUL within. */
size_t json_unescape(struct json_span string, char *out);

#endif
