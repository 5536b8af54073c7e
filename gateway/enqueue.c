/* enqueue: see enqueue.h. From here follow an article to common/enqueue.lua, then to the worker
 * that claims it (common/queue.c). */
#include "enqueue.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "common/article.h"
#include "common/json.h"
#include "common/log.h"
#include "common/rds_advice.h"
#include "enqueue_lua.h"
#include "gateway.h"

#define ID_LENGTH        32
#define HEX_LENGTH       (2 * SHA256_DIGEST_LENGTH)
#define MAX_KEY_LENGTH   255 /* of an Idempotency-Key */
#define REMEMBER_SECONDS "86400"
#define RETRY_SOON       "Retry-After: 1\r\n"
#define RETRY_LATER      "Retry-After: 10\r\n" /* the workers need a while to make room */

/* One article on its way to Redis. Belongs to the callback of the script. */
struct enqueue {
    struct http_exchange *exchange;
    struct buf id;
    struct buf item;
    char *memory; /* Redis key that remembers the Idempotency-Key, or NULL */
    char body_hash[HEX_LENGTH + 1];
    char max_backlog[24];
    const char *argv[9]; /* of the script; they point into the above */
    size_t lengths[9];
    int argc;
};

const char *const enqueue_script = enqueue_lua;

static void write_hex(const unsigned char *bytes, size_t length, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < length; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * length] = 0;
}

static void hash_hex(const char *bytes, size_t length, char hex[HEX_LENGTH + 1])
{
    unsigned char hash[SHA256_DIGEST_LENGTH];

    SHA256((const unsigned char *)bytes, length, hash);
    write_hex(hash, sizeof hash, hex);
}

/* application/json, with any parameters. */
static bool is_json(const char *type)
{
    static const char wanted[] = "application/json";

    if (!type || strncasecmp(type, wanted, sizeof wanted - 1) != 0)
        return false;
    type += sizeof wanted - 1;
    type += strspn(type, " \t");
    return *type == 0 || *type == ';';
}

static bool is_idempotency_key(const char *key)
{
    size_t length = 0;

    while (key[length] > 0x20 && key[length] < 0x7f)
        length++;
    return length > 0 && length <= MAX_KEY_LENGTH && !key[length];
}

bool enqueue_begin(struct gateway *g, struct http_exchange *x)
{
    const struct head *head = http_head(x);
    const char *key = head_find(head, "Idempotency-Key");
    const char *coding = head_find(head, "Content-Encoding");

    (void)g;
    if (!is_json(head_find(head, "Content-Type")))
        http_answer_detail(x, 415, NULL, "the Content-Type must be application/json");
    else if (coding && strcasecmp(coding, "identity") != 0)
        http_answer_detail(x, 415, "Accept-Encoding: identity\r\n",
                           "no Content-Encoding is understood here");
    else if (key && !is_idempotency_key(key))
        http_answer_detail(x, 400, NULL,
                           "Idempotency-Key must be 1 to 255 visible ASCII characters");
    else
        return true;
    return false;
}

/* One error in the shape of FastAPI's. `offset` < 0: none; `error` NULL: msg says it all. */
static void answer_invalid(struct http_exchange *x, const char *field, long offset,
                           const char *type, const char *message, const char *error)
{
    struct buf json;

    buf_init(&json, 4096);
    buf_printf(&json, "{\"detail\":[{\"type\":\"%s\",\"loc\":[\"body\"", type);
    if (*field)
        buf_printf(&json, ",\"%s\"", field);
    if (offset >= 0)
        buf_printf(&json, ",%ld", offset);
    buf_append_text(&json, "],\"msg\":");
    json_append_string(&json, message, strlen(message));
    if (error) {
        buf_append_text(&json, ",\"ctx\":{\"error\":");
        json_append_string(&json, error, strlen(error));
        buf_append_text(&json, "}");
    }
    buf_append_text(&json, "}]}");
    if (buf_failed(&json))
        panic("an answer of more than %zu bytes", json.max_bytes);
    http_answer(x, 422, NULL, json.bytes, json.length);
    buf_fini(&json);
}

static void answer_fault(struct http_exchange *x, const struct article_fault *fault)
{
    if (fault->too_large)
        http_answer_detail(x, 413, NULL, fault->text);
    else if (strcmp(fault->type, "json_invalid") == 0)
        answer_invalid(x, "", (long)fault->offset, fault->type, fault->message, fault->text);
    else
        answer_invalid(x, fault->field, -1, fault->type, fault->message, NULL);
}

static void answer_created(struct http_exchange *x, const char *id, size_t id_length, bool replayed)
{
    struct buf json;

    buf_init(&json, 6 * ARTICLE_MAX_OTHER_BYTES + 64);
    buf_append_text(&json, "{\"id\":");
    json_append_string(&json, id, id_length);
    buf_append_text(&json, "}");
    if (buf_failed(&json))
        panic("an id of %zu bytes", id_length);
    http_answer(x, 201, replayed ? "Idempotency-Replayed: true\r\n" : NULL, json.bytes,
                json.length);
    buf_fini(&json);
}

static void enqueue_free(struct enqueue *q)
{
    buf_fini(&q->id);
    buf_fini(&q->item);
    free(q->memory);
    free(q);
}

static bool says(const struct redis_async_reply *reply, const char *word)
{
    return reply->count > 0 && strcmp(reply->texts[0].bytes, word) == 0;
}

/* `why` starts with Redis' code; only that is for strangers, the rest is for the log. */
static void answer_refused(struct http_exchange *x, const char *why)
{
    char text[128];
    int code_length = (int)strcspn(why, " :");
    bool full = strncmp(why, "OOM", 3) == 0;

    log_warn("enqueue.refused", "reason=\"%s\" advice=\"%s\"", why, rds_advice(why));
    snprintf(text, sizeof text, "the queue takes no article now (%.*s)",
             code_length < 32 ? code_length : 32, why);
    http_answer_detail(x, 503, full ? RETRY_LATER : RETRY_SOON, text);
}

static void on_stored(void *context, const struct redis_async_reply *reply, const char *why)
{
    struct enqueue *q = context;
    struct http_exchange *x = q->exchange;

    if (!reply)
        answer_refused(x, why);
    else if (says(reply, "new"))
        answer_created(x, q->id.bytes, q->id.length, false);
    else if (says(reply, "again") && reply->count == 2)
        answer_created(x, reply->texts[1].bytes, reply->texts[1].length, true);
    else if (says(reply, "other"))
        answer_invalid(x, "", -1, "idempotency_key_reused",
                       "this Idempotency-Key came with another body before", NULL);
    else if (says(reply, "full"))
        http_answer_detail(x, 503, RETRY_LATER, "too many articles are waiting");
    else
        answer_refused(x, "ERR an unexpected answer");
    enqueue_free(q);
}

static void argument(struct enqueue *q, const char *bytes, size_t length)
{
    q->argv[q->argc] = bytes;
    q->lengths[q->argc++] = length;
}

static void argument_text(struct enqueue *q, const char *text)
{
    argument(q, text, strlen(text));
}

/* As common/enqueue.lua wants them. */
static void write_arguments(const struct gateway *g, struct enqueue *q)
{
    snprintf(q->max_backlog, sizeof q->max_backlog, "%lld",
             (long long)g->conf->gateway.max_backlog);
    argument_text(q, q->memory ? "3" : "2");
    argument_text(q, g->articles);
    argument_text(q, g->stats);
    if (q->memory)
        argument_text(q, q->memory);
    argument(q, q->item.bytes, q->item.length);
    argument(q, q->id.bytes, q->id.length);
    argument_text(q, q->max_backlog);
    if (q->memory) {
        argument_text(q, q->body_hash);
        argument_text(q, REMEMBER_SECONDS);
    }
}

static void remember(const struct gateway *g, struct enqueue *q, const char *key, const char *body,
                     size_t length)
{
    size_t size = strlen(g->idempotency) + HEX_LENGTH + 1;
    char hex[HEX_LENGTH + 1];

    hash_hex(key, strlen(key), hex);
    q->memory = xmalloc(size);
    snprintf(q->memory, size, "%s%s", g->idempotency, hex);
    hash_hex(body, length, q->body_hash);
}

/* Takes the article's own id, or makes one. */
static void choose_id(struct enqueue *q, const struct article *a)
{
    unsigned char random[ID_LENGTH / 2];
    char hex[ID_LENGTH + 1];

    buf_init(&q->id, ARTICLE_MAX_OTHER_BYTES);
    if (a->id && *a->id) {
        buf_append_text(&q->id, a->id);
        return;
    }
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        panic("getrandom: %s", strerror(errno));
    write_hex(random, sizeof random, hex);
    buf_append(&q->id, hex, ID_LENGTH);
}

void enqueue_complete(struct gateway *g, struct http_exchange *x)
{
    const char *key = head_find(http_head(x), "Idempotency-Key");
    size_t max_bytes = (size_t)g->conf->gateway.max_article_bytes, length;
    const char *body = http_body(x, &length);
    struct article article;
    struct article_fault fault;
    struct err e;

    if (article_parse(body, length, max_bytes, &article, &fault) < 0) {
        answer_fault(x, &fault);
        return;
    }
    struct enqueue *q = xcalloc(1, sizeof *q);
    q->exchange = x;
    choose_id(q, &article);
    buf_init(&q->item, 2 * ARTICLE_MAX_ITEM_BYTES(max_bytes));
    if (article_write(&article, q->id.bytes, &q->item) < 0)
        panic("an article of more than %zu bytes", q->item.max_bytes);
    article_fini(&article);
    if (key)
        remember(g, q, key, body, length);
    write_arguments(g, q);
    struct redis_async_callback callback = {.run = on_stored, .context = q};
    if (redis_async_script(g->redis, q->argc, q->argv, q->lengths, callback, &e) < 0) {
        enqueue_free(q);
        answer_refused(x, e.code == ERR_LIMIT ? "BUSY too many articles are on their way" : e.text);
    }
}
