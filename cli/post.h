/* post: one POST of articles, one a line, by libcurl, and what came of it. Only sender.c uses it.
 */
#ifndef NEWSMILL_POST_H
#define NEWSMILL_POST_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/answer.h"
#include "common/buf.h"
#include "common/err.h"

struct post {
    CURL *easy; /* CURLINFO_PRIVATE is the owner */
    struct curl_slist *headers;
    struct buf reply;
    unsigned requests; /* begun for this load, also those that libcurl repeats by itself */
    char error[CURL_ERROR_SIZE];
};

/* Where to post to. */
struct post_target {
    char *url;     /* owned */
    char *key;     /* owned; NULL: none */
    char *ca_file; /* owned; NULL: the system's */
    bool no_proxy; /* this machine, or a key that goes in clear */
};

struct post_result {
    enum answer_kind kind;
    char text[400];         /* one line for people; empty for ANSWER_ACCEPTED */
    bool replayed;          /* the gateway had it before any request of this load */
    bool key_is_taken;      /* refused, as the Idempotency-Key came with another body before */
    bool own_fault;         /* the body itself may be why it failed */
    int64_t retry_after_ms; /* asked for by the gateway, 0 if not */
};

/* `url` is the gateway's, without the path. A key goes to another machine without TLS only with
 * `plain_key`. Returns 0 (free with post_target_fini()) or ERR_INPUT. */
int post_target_init(struct post_target *t, const char *url, const char *key, bool plain_key,
                     const char *ca_file, struct err *e);
void post_target_fini(struct post_target *t);

void post_init(struct post *p, const struct post_target *to, void *owner);
void post_fini(struct post *p);

/* Makes the next request ready; the body is borrowed until post_unload(). */
void post_load(struct post *p, const struct post_target *to, const char *idempotency_key,
               const char *body, size_t length);
void post_unload(struct post *p);

/* What came of the transfer that ended with `code`. */
void post_judge(struct post *p, const struct post_target *to, CURLcode code,
                struct post_result *out);

#endif
