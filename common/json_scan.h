/* json_scan: a strict reading of RFC 8259 that builds nothing.
 *
 * cJSON takes raw control characters in strings, bytes below 0x20 as white space and numbers like
 * 01, and spends some 80 bytes on every value, so that six megabytes of "1," become half a
 * gigabyte. What strangers send goes through here first; only the few strings that are wanted go to
 * cJSON. */
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

#endif
