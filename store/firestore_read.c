/* firestore_read: the lists, by runQuery page after page. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/stop.h"
#include "firestore.h"
#include "firestore_ids.h"
#include "firestore_json.h"
#include "firestore_status.h"

#define PAGE_ROWS        500
#define MAX_PAGE_BYTES   (64u << 20) /* halved pages are tried below one of this size */
#define MAX_PUBLICATIONS 1000000     /* they are put in order in memory */
#define MAX_QUERY_BYTES  (16u << 20) /* a cursor repeats a word */
#define READ_TRIES       5
#define RUN_QUERY        ":runQuery?prettyPrint=false"
#define MAX_PARENT_BYTES (4 * FIRESTORE_ID_MAX_BYTES)

/* What the next try may not meet. */
static bool is_passing(int code, long status)
{
    return code == ERR_AGAIN ||
           (code == 0 && (status == 409 || status == 429 || (status >= 500 && status != 501)));
}

/* Reading changes nothing, so it is simply tried again; a long list has many pages. */
static int post_query(struct firestore_store *s, const char *parent, const struct buf *query,
                      struct http_reply *reply, struct err *e)
{
    struct backoff backoff = {.first_ms = 100, .max_ms = 2000};

    for (int try = 1;; try++) {
        int code = firestore_post(s, parent, RUN_QUERY, query, MAX_PAGE_BYTES, reply, e);
        if (!is_passing(code, reply->status) || try == READ_TRIES || stop_asked())
            return code;
        http_reply_fini(reply);
        stop_sleep_ms(backoff_next_ms(&backoff));
    }
}

/* Sends a query that `write` makes for a page of `rows`, with smaller pages where the answer is too
 * long. *tree is an array to cJSON_Delete(), *rows what was asked for at last. Returns 0 or a code.
 */
static int ask(struct firestore_store *s, const char *parent,
               void (*write)(void *context, size_t rows, struct buf *out), void *context,
               size_t *rows, cJSON **tree, struct err *e)
{
    struct http_reply reply;
    struct buf query;
    int code;

    buf_init(&query, MAX_QUERY_BYTES);
    for (;; *rows /= 2) {
        buf_clear(&query);
        write(context, *rows, &query);
        if (buf_failed(&query)) {
            buf_fini(&query);
            return err_set(e, ERR_AGAIN, "a query of more than %u bytes", MAX_QUERY_BYTES);
        }
        code = post_query(s, parent, &query, &reply, e);
        if (code != ERR_LIMIT || *rows == 1)
            break;
        http_reply_fini(&reply);
    }
    buf_fini(&query);
    if (code == 0 && reply.status != 200)
        code = firestore_read_error(reply.status, reply.body.bytes, reply.body.length, e);
    *tree = code == 0 ? json_tree(reply.body.bytes, reply.body.length) : NULL;
    if (code == 0 && !cJSON_IsArray(*tree)) {
        cJSON_Delete(*tree);
        code = err_set(e, ERR_AGAIN, "an answer that is cut short or not Firestore's");
    }
    http_reply_fini(&reply);
    return code < 0 ? (e->code = ERR_AGAIN) : 0;
}

/* --- publications ------------------------------------------------------------------------------
 */

struct publication {
    char *key, *name;
    uint64_t articles;
};

struct publications {
    struct firestore_store *store;
    struct publication *rows;
    size_t count, capacity;
    char *last; /* full name of the last document read, or NULL */
};

static void write_publications_query(void *context, size_t rows, struct buf *out)
{
    const struct publications *p = context;

    buf_append_text(out, "{\"structuredQuery\":{\"from\":[{\"collectionId\":\"publications\"}],"
                         "\"orderBy\":[{\"field\":{\"fieldPath\":\"__name__\"},"
                         "\"direction\":\"ASCENDING\"}],");
    if (p->last) {
        buf_append_text(out, "\"startAt\":{\"before\":false,\"values\":[{\"referenceValue\":");
        json_append_string(out, p->last, strlen(p->last));
        buf_append_text(out, "}]},");
    }
    buf_printf(out, "\"limit\":%zu}}", rows);
}

static void add_publication(struct publications *p, const char *name, const cJSON *fields)
{
    const char *id = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
    const char *key = json_text(json_member(json_member(fields, "key"), "stringValue"));
    const char *written = json_text(json_member(json_member(fields, "name"), "stringValue"));
    struct buf word;

    buf_init(&word, 2 * FIRESTORE_ID_MAX_BYTES);
    buf_append_text(&word, "");
    if (firestore_publication_key(id, strlen(id), &word) == 0)
        key = word.bytes;
    else if (!*key)
        key = id; /* not written by us */
    if (p->count == p->capacity) {
        p->capacity = p->capacity ? 2 * p->capacity : 64;
        p->rows = xrealloc(p->rows, p->capacity * sizeof *p->rows);
    }
    p->rows[p->count++] =
        (struct publication){.key = xstrdup(key),
                             .name = xstrdup(*written ? written : key),
                             .articles = json_integer_value(json_member(fields, "count"))};
    buf_fini(&word);
}

/* Reads one page; returns 1 when there may be more, 0 at the end, or a code. */
static int read_publications(struct publications *p, struct err *e)
{
    const cJSON *row;
    cJSON *tree;
    size_t rows = PAGE_ROWS, got = 0;

    if (ask(p->store, "", write_publications_query, p, &rows, &tree, e) < 0)
        return e->code;
    cJSON_ArrayForEach(row, tree)
    {
        const cJSON *document = json_member(row, "document");
        const char *name = json_text(json_member(document, "name"));
        if (!document)
            continue;
        got++;
        add_publication(p, name, json_member(document, "fields"));
        free(p->last);
        p->last = xstrdup(name);
    }
    cJSON_Delete(tree);
    if (p->count > MAX_PUBLICATIONS)
        return err_set(e, ERR_AGAIN, "more than %d publications", MAX_PUBLICATIONS);
    return got == rows;
}

static int by_articles(const void *a, const void *b)
{
    const struct publication *x = a, *y = b;

    if (x->articles != y->articles)
        return x->articles < y->articles ? 1 : -1;
    return strcmp(x->key, y->key);
}

int firestore_publications(struct store *store,
                           int (*row)(void *, const struct store_publication *), void *context,
                           struct err *e)
{
    struct publications p = {.store = (struct firestore_store *)store};
    int code;

    while ((code = read_publications(&p, e)) > 0)
        ;
    if (p.count)
        qsort(p.rows, p.count, sizeof *p.rows, by_articles);
    for (size_t i = 0; i < p.count && code == 0; i++) {
        struct store_publication publication = {
            .key = p.rows[i].key, .name = p.rows[i].name, .articles = p.rows[i].articles};
        code = row(context, &publication);
    }
    for (size_t i = 0; i < p.count; i++) {
        free(p.rows[i].key);
        free(p.rows[i].name);
    }
    free(p.rows);
    free(p.last);
    return code;
}

/* --- words -------------------------------------------------------------------------------------
 */

struct words {
    struct firestore_store *store;
    struct buf parent; /* of the collection, encoded for an address */
    char *last_name;   /* full name of the last document; NULL: from the top */
    char *last_word;
    uint64_t last_count;
    uint64_t left; /* rows */
    int (*row)(void *, const struct store_frequency *);
    void *context;
    struct err *e;
};

/* By name in the end: an index sees only the first 1,500 bytes of a word. (The index of count and
 * word has the name behind them anyway.) */
static void write_words_query(void *context, size_t rows, struct buf *out)
{
    const struct words *w = context;
    /* Firestore's own numbers end there. */
    uint64_t count = w->last_count < INT64_MAX ? w->last_count : INT64_MAX;

    buf_append_text(out, "{\"structuredQuery\":{\"from\":[{\"collectionId\":\"ent\"}],\"orderBy\":["
                         "{\"field\":{\"fieldPath\":\"count\"},\"direction\":\"DESCENDING\"},"
                         "{\"field\":{\"fieldPath\":\"word\"},\"direction\":\"ASCENDING\"},"
                         "{\"field\":{\"fieldPath\":\"__name__\"},\"direction\":\"ASCENDING\"}],");
    if (w->last_name) {
        buf_printf(out,
                   "\"startAt\":{\"before\":false,\"values\":[{\"integerValue\":\"%llu\"},"
                   "{\"stringValue\":",
                   (unsigned long long)count);
        json_append_string(out, w->last_word, strlen(w->last_word));
        buf_append_text(out, "},{\"referenceValue\":");
        json_append_string(out, w->last_name, strlen(w->last_name));
        buf_append_text(out, "}]},");
    }
    buf_printf(out, "\"limit\":%zu}}", rows);
}

static int by_count(const void *a, const void *b)
{
    const struct batch_label *x = a, *y = b;

    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->label, y->label);
}

static void set_last(struct words *w, const char *name, const char *word, uint64_t count)
{
    free(w->last_name);
    free(w->last_word);
    w->last_name = xstrdup(name);
    w->last_word = xstrdup(word);
    w->last_count = count;
}

static int give_word(struct words *w, const cJSON *document)
{
    const cJSON *fields = json_member(document, "fields");
    const cJSON *labels =
        json_member(json_member(json_member(fields, "labels"), "mapValue"), "fields");
    size_t capacity = cJSON_IsObject(labels) ? (size_t)cJSON_GetArraySize(labels) : 0;
    struct batch_label *sorted = xcalloc(capacity + 1, sizeof *sorted);
    struct store_frequency f = {
        .word = json_text(json_member(json_member(fields, "word"), "stringValue")),
        .count = json_integer_value(json_member(fields, "count")),
        .labels = sorted,
    };
    const cJSON *label;

    cJSON_ArrayForEach(label, labels)
    {
        uint64_t count = json_integer_value(label);
        if (count)
            sorted[f.label_count++] = (struct batch_label){.label = label->string, .count = count};
    }
    qsort(sorted, f.label_count, sizeof *sorted, by_count);
    set_last(w, json_text(json_member(document, "name")), f.word, f.count);
    int code = w->row(w->context, &f);
    free(sorted);
    return code;
}

/* One page. *more tells whether there may be another. Returns 0, a code or what row returned. */
static int give_page(struct words *w, bool *more)
{
    const cJSON *item;
    cJSON *tree;
    size_t rows = w->left < PAGE_ROWS ? (size_t)w->left : PAGE_ROWS, got = 0;
    int code = 0;

    if (ask(w->store, w->parent.bytes, write_words_query, w, &rows, &tree, w->e) < 0)
        return w->e->code;
    cJSON_ArrayForEach(item, tree)
    {
        const cJSON *document = json_member(item, "document");
        if (!document || code != 0)
            continue;
        got++;
        code = give_word(w, document);
    }
    cJSON_Delete(tree);
    w->left -= got < w->left ? got : w->left;
    *more = got == rows && w->left > 0;
    return code;
}

/* RFC 3986: all but the unreserved characters, so that an id is one segment whatever it holds. */
static void append_segment(struct buf *out, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = bytes[i];
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
            c == '-' || c == '.' || c == '_' || c == '~')
            buf_append(out, &c, 1);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
}

/* The row after which a list goes on, where its document must be. */
static void set_cursor(struct words *w, const char *publication, const struct store_cursor *after)
{
    struct buf name;

    buf_init(&name, 8 * FIRESTORE_ID_MAX_BYTES);
    buf_printf(&name, "%s/publications/", w->store->root);
    firestore_publication_id(publication, strlen(publication), &name);
    buf_append_text(&name, "/ent/");
    firestore_word_id(after->word, strlen(after->word), &name);
    set_last(w, name.bytes, after->word, after->count);
    buf_fini(&name);
}

int firestore_frequencies(struct store *store, const char *publication,
                          const struct store_cursor *after, uint64_t limit,
                          int (*row)(void *, const struct store_frequency *), void *context,
                          struct err *e)
{
    struct words w = {
        .store = (struct firestore_store *)store,
        .left = limit ? limit : UINT64_MAX,
        .row = row,
        .context = context,
        .e = e,
    };
    struct buf id;
    bool more = true;
    int code = 0;

    buf_init(&id, 2 * FIRESTORE_ID_MAX_BYTES);
    buf_init(&w.parent, MAX_PARENT_BYTES);
    buf_append_text(&w.parent, "/publications/");
    firestore_publication_id(publication, strlen(publication), &id);
    append_segment(&w.parent, id.bytes, id.length);
    if (after && after->word)
        set_cursor(&w, publication, after);
    while (code == 0 && more)
        code = give_page(&w, &more);
    buf_fini(&id);
    buf_fini(&w.parent);
    free(w.last_name);
    free(w.last_word);
    return code;
}
