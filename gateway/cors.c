/* cors: see cors.h. */
#include "cors.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "http.h"

#define MAX_ORIGIN_LENGTH 255
#define REQUEST_HEADERS                                                                            \
    "Authorization, Content-Encoding, Content-Type, Idempotency-Key, X-Request-Id, access_token"
#define ANSWER_HEADERS "Idempotency-Replayed, Retry-After, X-Request-Id"

static bool is_origin(const char *text, size_t length)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-._~%[]:";
    size_t scheme = strncmp(text, "http://", 7) == 0    ? 7
                    : strncmp(text, "https://", 8) == 0 ? 8
                                                        : 0;

    return scheme > 0 && length > scheme && length <= MAX_ORIGIN_LENGTH &&
           strspn(text + scheme, allowed) >= length - scheme;
}

int cors_check(const char *origins, struct err *e)
{
    if (strcmp(origins, "*") == 0)
        return 0;
    for (const char *at = origins + strspn(origins, " "); *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        if (!is_origin(at, length))
            return err_set(e, ERR_CONFIG,
                           "gateway.cors_origins: %.*s is not * alone, nor an origin as browsers "
                           "send it (http[s]://host[:port], lower case, no path)",
                           (int)(length < 300 ? length : 300), at);
        at += length;
    }
    return 0;
}

static bool allows(const char *origins, const char *origin)
{
    size_t wanted = strlen(origin);

    for (const char *at = origins + strspn(origins, " "); *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        if (length == wanted && memcmp(at, origin, length) == 0)
            return true;
        at += length;
    }
    return false;
}

void cors_add_headers(const char *origins, struct http_exchange *x, const char *methods)
{
    const struct head *head = http_head(x);
    const char *origin = head_find(head, "Origin");
    bool any = strcmp(origins, "*") == 0;
    char text[MAX_ORIGIN_LENGTH + 512];

    if (!*origins)
        return;
    if (!any)
        http_add_headers(x, "Vary: Origin\r\n"); /* also where it is not allowed: for caches */
    if (!origin || (!any && !allows(origins, origin)))
        return;
    snprintf(text, sizeof text,
             "Access-Control-Allow-Origin: %s\r\nAccess-Control-Expose-Headers: " ANSWER_HEADERS
             "\r\n",
             any ? "*" : origin);
    http_add_headers(x, text);
    if (strcmp(head->method, "OPTIONS") != 0 || !head_find(head, "Access-Control-Request-Method"))
        return;
    snprintf(text, sizeof text,
             "Access-Control-Allow-Methods: %s\r\nAccess-Control-Allow-Headers: " REQUEST_HEADERS
             "\r\nAccess-Control-Max-Age: 600\r\n",
             methods);
    http_add_headers(x, text);
}
