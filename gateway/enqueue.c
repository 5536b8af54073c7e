/* enqueue: see enqueue.h. From here follow an article to common/enqueue.lua, then to the worker
 * that claims it (common/queue.c). */
#include "enqueue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bulk_parse.h"
#include "common/article.h"
#include "common/article_raw.h"
#include "common/json.h"
#include "digest.h"
#include "enqueue_lua.h"
#include "fault.h"
#include "gateway.h"
#include "gather.h"
#include "limit.h"
#include "post.h"
#include "stats.h"

#define ID_LENGTH     32
#define MAX_ARGUMENTS 12

/* One article on its way to Redis. Belongs to the callback of the script. */
struct enqueue {
    struct gateway *gateway;
    struct http_exchange *exchange;
    struct buf id;
    struct buf
        quoted_id; /* as JSON, where duplicates are looked for; empty: not to be remembered */
    struct buf item;
    char *memory; /* Redis key that remembers the Idempotency-Key, or NULL */
    char *twin;   /* Redis key that remembers the article, or NULL */
    char body_hash[DIGEST_HEX_LENGTH + 1];
    char max_backlog[24], window_s[24];
    const char *argv[MAX_ARGUMENTS]; /* of the script; they point into the above */
    size_t lengths[MAX_ARGUMENTS];
    int argc;
};

const char *const enqueue_script = enqueue_lua;

bool enqueue_begin(struct gateway *g, struct http_exchange *x)
{
    const char *coding = head_find(http_head(x), "Content-Encoding");

    if (!post_is_type(x, "application/json")) {
        http_answer_detail(x, 415, NULL, "the Content-Type must be application/json");
        return false;
    }
    if (coding && strcasecmp(coding, "identity") != 0) {
        http_answer_detail(x, 415, "Accept-Encoding: identity\r\n",
                           "no Content-Encoding is understood here");
        return false;
    }
    return post_check_key(x) && limit_take(g, x, 1);
}

static void answer_fault(struct gateway *g, struct http_exchange *x,
                         const struct article_fault *fault)
{
    struct buf json;

    buf_init(&json, FAULT_MAX_BYTES);
    buf_append_text(&json, "{");
    fault_append(fault, FAULT_NO_INDEX, &json);
    buf_append_text(&json, "}");
    if (buf_failed(&json))
        panic("an answer of more than %zu bytes", json.max_bytes);
    stats_refused(g, 1);
    http_answer(x, fault->too_large ? 413 : 422, NULL, json.bytes, json.length);
    buf_fini(&json);
}

/* `id`: as JSON. Nothing was created for a duplicate: 200. */
static void answer_id(struct http_exchange *x, const char *id, size_t id_length, bool duplicate,
                      bool replayed)
{
    struct buf json;

    buf_init(&json, 6 * ARTICLE_MAX_OTHER_BYTES + 64);
    buf_append_text(&json, "{\"id\":");
    buf_append(&json, id, id_length);
    buf_append_text(&json, duplicate ? ",\"duplicate\":true}" : "}");
    if (buf_failed(&json))
        panic("an id of %zu bytes", id_length);
    http_answer(x, duplicate ? 200 : 201, replayed ? POST_REPLAYED : NULL, json.bytes, json.length);
    buf_fini(&json);
}

static void answer_created(struct http_exchange *x, const char *id, size_t id_length, bool replayed)
{
    struct buf quoted;

    buf_init(&quoted, 6 * ARTICLE_MAX_OTHER_BYTES + 2);
    json_append_string(&quoted, id, id_length);
    answer_id(x, quoted.bytes, quoted.length, false, replayed);
    buf_fini(&quoted);
}

static void enqueue_free(struct enqueue *q)
{
    buf_fini(&q->id);
    buf_fini(&q->quoted_id);
    buf_fini(&q->item);
    free(q->memory);
    free(q->twin);
    free(q);
}

static bool says(const struct redis_async_reply *reply, const char *word, size_t count)
{
    return reply->count == count && strcmp(reply->texts[0].bytes, word) == 0;
}

static void answer_script(const struct enqueue *q, const struct redis_async_reply *reply)
{
    struct http_exchange *x = q->exchange;
    const char *id = reply->texts[1].bytes;
    size_t id_length = reply->texts[1].length;

    if (says(reply, "new", 1)) {
        stats_accepted(q->gateway, x, 1, 0);
        answer_created(x, q->id.bytes, q->id.length, false);
    } else if (says(reply, "duplicate", 2)) {
        stats_accepted(q->gateway, x, 0, 1);
        answer_id(x, id, id_length, true, false);
    } else if (says(reply, "again", 2)) {
        answer_created(x, id, id_length, true);
    } else if (says(reply, "duplicate again", 2)) {
        answer_id(x, id, id_length, true, true);
    } else if (says(reply, "other", 1)) {
        post_answer_reused(x);
    } else if (says(reply, "full", 1)) {
        post_answer_full(q->gateway, x, reply->number, 1);
    } else {
        post_answer_refused(x, "ERR an unexpected answer");
    }
}

static void on_stored(void *context, const struct redis_async_reply *reply, const char *why)
{
    struct enqueue *q = context;

    ready_learn(&q->gateway->ready, reply ? NULL : why);
    if (reply)
        answer_script(q, reply);
    else
        post_answer_refused(q->exchange, why);
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
    static const char *const key_counts[] = {"2", "3", "4"};
    int more_keys = (q->memory != NULL) + (q->twin != NULL);

    snprintf(q->max_backlog, sizeof q->max_backlog, "%lld",
             (long long)g->conf->gateway.max_backlog);
    snprintf(q->window_s, sizeof q->window_s, "%lld", (long long)g->conf->gateway.dedup_window_s);
    argument_text(q, key_counts[more_keys]);
    argument_text(q, g->articles);
    argument_text(q, g->stats);
    if (q->memory)
        argument_text(q, q->memory);
    if (q->twin)
        argument_text(q, q->twin);
    argument(q, q->item.bytes, q->item.length);
    argument(q, q->id.bytes, q->id.length);
    argument_text(q, q->max_backlog);
    if (!more_keys)
        return;
    argument_text(q, q->body_hash);
    argument_text(q, POST_IDEMPOTENCY_SECONDS);
    argument_text(q, q->window_s);
    argument(q, q->quoted_id.bytes ? q->quoted_id.bytes : "", q->quoted_id.length);
}

/* Takes the article's own id, or makes one. */
static void choose_id(struct enqueue *q, const struct article *a)
{
    char hex[ID_LENGTH + 1];

    buf_init(&q->id, ARTICLE_MAX_OTHER_BYTES);
    if (a->id && *a->id) {
        buf_append_text(&q->id, a->id);
        return;
    }
    digest_random(hex, ID_LENGTH);
    buf_append(&q->id, hex, ID_LENGTH);
}

static void look_for_twin(const struct gateway *g, struct enqueue *q, const struct article *a)
{
    size_t size = strlen(g->digests) + DIGEST_ARTICLE_LENGTH + 1;
    char hex[DIGEST_ARTICLE_LENGTH + 1];
    struct digest *digest = digest_new();

    digest_article(digest, a, hex);
    digest_free(digest);
    q->twin = xmalloc(size);
    snprintf(q->twin, size, "%s%s", g->digests, hex);
    buf_init(&q->quoted_id, 6 * ARTICLE_MAX_OTHER_BYTES + 2);
    json_append_string(&q->quoted_id, q->id.bytes, q->id.length);
    if (q->quoted_id.length > BULK_MAX_FIRST_ID)
        buf_clear(&q->quoted_id);
}

static void gather_parsed(struct gateway *g, struct http_exchange *x, const char *body,
                          size_t length)
{
    size_t max_bytes = (size_t)g->conf->gateway.max_article_bytes;
    char made[ID_LENGTH + 1];
    const char *id = made;
    struct article article;
    struct article_fault fault;
    struct buf item, quoted;

    if (article_parse(body, length, max_bytes, &article, &fault) < 0) {
        answer_fault(g, x, &fault);
        return;
    }
    if (article.id && *article.id)
        id = article.id;
    else
        digest_random(made, ID_LENGTH);
    buf_init(&item, ARTICLE_MAX_WRITTEN_BYTES(max_bytes));
    buf_init(&quoted, 6 * ARTICLE_MAX_OTHER_BYTES + 2);
    if (article_write(&article, id, &item) < 0 || json_append_string(&quoted, id, strlen(id)) < 0)
        panic("an article of more than %zu bytes", item.max_bytes);
    memcpy(gather_room(g->gather, item.length), item.bytes, item.length);
    gather_push(g->gather, x, (struct json_span){quoted.bytes, quoted.length});
    buf_fini(&item);
    buf_fini(&quoted);
    article_fini(&article);
}

/* Without a script of its own. The strings go on as they came where that is plainly right. */
static void gather_article(struct gateway *g, struct http_exchange *x, const char *body,
                           size_t length)
{
    size_t max_bytes = (size_t)g->conf->gateway.max_article_bytes, used;
    struct article_raw raw;
    struct json_scan_fault fault;
    char made[ID_LENGTH + 3] = "\"";

    if (article_raw_scan(body, length, max_bytes, &raw, &used, &fault) != ARTICLE_RAW_GOOD ||
        used + strspn(body + used, " \t\r\n") != length) {
        gather_parsed(g, x, body, length);
        return;
    }
    struct json_span id = raw.values[ARTICLE_RAW_ID];
    if (!id.bytes || id.length == 2) {
        digest_random(made + 1, ID_LENGTH);
        made[ID_LENGTH + 1] = '"';
        id = (struct json_span){made, ID_LENGTH + 2};
    }
    char *room = gather_room(g->gather, article_raw_length(&raw, id.length));
    article_raw_write(&raw, id.bytes, id.length, room);
    gather_push(g->gather, x, id);
}

void enqueue_complete(struct gateway *g, struct http_exchange *x)
{
    size_t max_bytes = (size_t)g->conf->gateway.max_article_bytes, length;
    const char *body = http_body(x, &length);
    struct article article;
    struct article_fault fault;
    struct err e;

    if (!g->conf->gateway.dedup_window_s && !head_find(http_head(x), "Idempotency-Key")) {
        gather_article(g, x, body, length);
        return;
    }
    if (article_parse(body, length, max_bytes, &article, &fault) < 0) {
        answer_fault(g, x, &fault);
        return;
    }
    struct enqueue *q = xcalloc(1, sizeof *q);
    q->gateway = g;
    q->exchange = x;
    choose_id(q, &article);
    if (g->conf->gateway.dedup_window_s > 0)
        look_for_twin(g, q, &article);
    buf_init(&q->item, ARTICLE_MAX_WRITTEN_BYTES(max_bytes));
    if (article_write(&article, q->id.bytes, &q->item) < 0)
        panic("an article of more than %zu bytes", q->item.max_bytes);
    article_fini(&article);
    q->memory = post_memory(g, x);
    if (q->memory)
        digest_hex(body, length, q->body_hash);
    write_arguments(g, q);
    struct redis_async_callback callback = {.run = on_stored, .context = q};
    if (redis_async_script(g->redis, q->argc, q->argv, q->lengths, callback, &e) < 0) {
        enqueue_free(q);
        post_answer_refused(x, e.code == ERR_LIMIT ? "BUSY too many articles are on their way"
                                                   : e.text);
    }
}
