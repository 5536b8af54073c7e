/* post: see post.h. What is remembered for an Idempotency-Key, and when, is in common/enqueue.lua
 * and common/bulk.lua. */
#include "post.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/log.h"
#include "common/rds_advice.h"
#include "digest.h"
#include "fault.h"

#define KEY_HEADER     "Idempotency-Key"
#define MAX_KEY_LENGTH 255
#define RETRY_SOON     "Retry-After: 1\r\n"
#define RETRY_LATER    "Retry-After: 10\r\n" /* when Redis is full, which may take a while */

bool post_is_type(const struct http_exchange *x, const char *type)
{
    const char *given = head_find(http_head(x), "Content-Type");
    size_t length = strlen(type);

    if (!given || strncasecmp(given, type, length) != 0)
        return false;
    given += length;
    given += strspn(given, " \t");
    return *given == 0 || *given == ';';
}

bool post_check_key(struct http_exchange *x)
{
    const char *key = head_find(http_head(x), KEY_HEADER);
    size_t length = 0;

    if (!key)
        return true;
    while (key[length] > 0x20 && key[length] < 0x7f)
        length++;
    if (length > 0 && length <= MAX_KEY_LENGTH && !key[length])
        return true;
    http_answer_detail(x, 400, NULL, KEY_HEADER " must be 1 to 255 visible ASCII characters");
    return false;
}

char *post_memory(const struct gateway *g, struct http_exchange *x)
{
    const char *key = head_find(http_head(x), KEY_HEADER);
    const struct board_client *client = http_tag(x)->client;
    char hex[DIGEST_HEX_LENGTH + 1];

    if (!key)
        return NULL;
    size_t size = strlen(g->idempotency) + sizeof hex;
    char *name = xmalloc(size);
    struct digest *digest = digest_new();
    if (client && *client->name) {
        digest_add(digest, client->name, strlen(client->name));
        digest_add(digest, "\n", 1); /* neither can have one */
    }
    digest_add(digest, key, strlen(key));
    digest_take(digest, hex);
    digest_free(digest);
    snprintf(name, size, "%s%s", g->idempotency, hex);
    return name;
}

void post_answer_reused(struct http_exchange *x)
{
    struct buf json;

    buf_init(&json, FAULT_MAX_BYTES);
    buf_append_text(&json, "{");
    fault_append_body("idempotency_key_reused", -1,
                      "this " KEY_HEADER " came with another body before", NULL, &json);
    buf_append_text(&json, "}");
    http_answer(x, 422, NULL, json.bytes, json.length);
    buf_fini(&json);
}

void post_answer_full(const struct gateway *g, struct http_exchange *x, int64_t depth,
                      int64_t count)
{
    char header[48];

    snprintf(header, sizeof header, "Retry-After: %d\r\n",
             drain_seconds(&g->drain, depth + count - g->conf->gateway.max_backlog));
    http_answer_detail(x, 503, header, "too many articles are waiting");
}

/* `why` starts with Redis' code; only that is for strangers, the rest is for the log. */
void post_answer_unready(struct http_exchange *x, const char *why)
{
    char text[128];
    int code_length = (int)strcspn(why, " :");
    bool full = strncmp(why, "OOM", 3) == 0;

    snprintf(text, sizeof text, "the queue takes no article now (%.*s)",
             code_length < 32 ? code_length : 32, why);
    http_answer_detail(x, 503, full ? RETRY_LATER : RETRY_SOON, text);
}

void post_answer_refused(struct http_exchange *x, const char *why)
{
    log_warn("enqueue.refused", "request=%s reason=\"%s\" advice=\"%s\"", http_request_id(x), why,
             rds_advice(why));
    post_answer_unready(x, why);
}
