/* firestore_commit: see firestore_commit.h. Format: google.firestore.v1 Write and
 * DocumentTransform, as JSON. */
#include "firestore_commit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "common/json.h"
#include "firestore_ids.h"

#define MAX_TRANSFORMS 500 /* of one document in one commit */

struct word {
    const char *publication;
    const struct batch_entity *entity;
};

struct sum { /* of one label, or of a document's count */
    const char *label;
    uint64_t count;
};

struct writing {
    const char *root;
    bool expires; /* the markers do */
    struct buf *out;
    size_t writes;
    struct sum *sums; /* scratch: the labels of one document */
    size_t sum_capacity;
};

static void append_text(struct buf *out, const char *text)
{
    json_append_string(out, text, strlen(text));
}

/* Sums may pass what JSON and Firestore's 64 bits take; no true count comes near. */
static void add(struct buf *out, uint64_t *sum, uint64_t more)
{
    if (__builtin_add_overflow(*sum, more, sum) || *sum > INT64_MAX)
        out->failed = true;
}

/* --- pieces of JSON ----------------------------------------------------------------------------
 */

/* An id may hold quotes and the like, so it is escaped once for Firestore and once for JSON. */
static void append_id(struct buf *out, const char *word,
                      int (*make)(const char *word, size_t length, struct buf *out))
{
    struct buf id, text;

    buf_init(&id, 2 * FIRESTORE_ID_MAX_BYTES);
    buf_init(&text, 8 * FIRESTORE_ID_MAX_BYTES);
    if (make(word, strlen(word), &id) < 0 || json_append_string(&text, id.bytes, id.length) < 0)
        panic("the id of a word is too long");
    buf_append(out, text.bytes + 1, text.length - 2); /* without its quotes */
    buf_fini(&id);
    buf_fini(&text);
}

static void begin_write(struct writing *w, const char *publication, const char *word)
{
    buf_printf(w->out, "%s{\"update\":{\"name\":\"%s/publications/", w->writes ? "," : "", w->root);
    append_id(w->out, publication, firestore_publication_id);
    if (word) {
        buf_append_text(w->out, "/ent/");
        append_id(w->out, word, firestore_word_id);
    }
    buf_append_text(w->out, "\",\"fields\":{");
    w->writes++;
}

/* The path of a label's counter. A name that is no plain identifier stands in backquotes. */
static void append_label_path(struct buf *out, const char *label)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    struct buf path;

    buf_init(&path, 4096);
    buf_append_text(&path, "labels.");
    if (strspn(label, plain) == strlen(label) && !(label[0] >= '0' && label[0] <= '9')) {
        buf_append_text(&path, label);
    } else {
        buf_append_text(&path, "`");
        for (const char *c = label; *c; c++) {
            if (*c == '`' || *c == '\\')
                buf_append_text(&path, "\\");
            buf_append(&path, c, 1);
        }
        buf_append_text(&path, "`");
    }
    if (buf_failed(&path))
        out->failed = true;
    else
        append_text(out, path.bytes);
    buf_fini(&path);
}

static void append_increment(struct buf *out, const char *label, uint64_t count)
{
    buf_append_text(out, label ? ",{\"fieldPath\":" : "{\"fieldPath\":");
    if (label)
        append_label_path(out, label);
    else
        buf_append_text(out, "\"count\"");
    buf_printf(out, ",\"increment\":{\"integerValue\":\"%" PRIu64 "\"}}", count);
}

static void append_time(struct buf *out, int64_t at_ms)
{
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm tm;
    char text[64];

    if (!gmtime_r(&seconds, &tm) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm)) {
        out->failed = true;
        return;
    }
    buf_printf(out, "{\"timestampValue\":\"%s.%03dZ\"}", text, (int)(at_ms % 1000));
}

/* --- writes ------------------------------------------------------------------------------------
 */

static void write_marker(struct writing *w, const struct batch *b)
{
    buf_printf(w->out, "%s{\"update\":{\"name\":\"%s/applied/%s\",\"fields\":{\"at\":",
               w->writes ? "," : "", w->root, b->id);
    append_time(w->out, b->at_ms);
    if (w->expires) {
        buf_append_text(w->out, ",\"expire_at\":");
        append_time(w->out, b->at_ms + FIRESTORE_MARKER_MS);
    }
    buf_append_text(w->out, "}},\"currentDocument\":{\"exists\":false}}");
    w->writes++;
}

/* The last batch's spelling of the name stays: a first one could only be kept by reading it. */
static void write_publication(struct writing *w, const struct batch *const *batches, size_t count)
{
    const struct batch *last = batches[count - 1];
    struct buf id;
    uint64_t articles = 0;

    for (size_t i = 0; i < count; i++)
        add(w->out, &articles, batches[i]->articles);
    if (articles == 0) /* another batch of the same settle has them */
        return;
    begin_write(w, last->publication, NULL);
    buf_append_text(w->out, "\"name\":{\"stringValue\":");
    append_text(w->out, last->name);
    buf_append_text(w->out, "}");
    buf_init(&id, 2 * FIRESTORE_ID_MAX_BYTES);
    firestore_publication_id(last->publication, strlen(last->publication), &id);
    bool hashed = firestore_id_is_hash(id.bytes, id.length); /* it cannot be read back */
    buf_fini(&id);
    if (hashed) {
        buf_append_text(w->out, ",\"key\":{\"stringValue\":");
        append_text(w->out, last->publication);
        buf_append_text(w->out, "}");
    }
    buf_printf(w->out, "}},\"updateMask\":{\"fieldPaths\":[\"name\"%s]},\"updateTransforms\":[",
               hashed ? ",\"key\"" : "");
    append_increment(w->out, NULL, articles);
    buf_append_text(w->out, "]}");
}

static int by_label(const void *a, const void *b)
{
    return strcmp(((const struct sum *)a)->label, ((const struct sum *)b)->label);
}

/* Fills w->sums with the labels of all these entities, each once; returns their number. */
static size_t sum_labels(struct writing *w, const struct word *words, size_t count)
{
    size_t all = 0, kept = 0;

    for (size_t i = 0; i < count; i++)
        all += words[i].entity->label_count;
    if (all > w->sum_capacity) {
        w->sum_capacity = 2 * all;
        w->sums = xrealloc(w->sums, w->sum_capacity * sizeof *w->sums);
    }
    all = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < words[i].entity->label_count; k++) {
            const struct batch_label *label = &words[i].entity->labels[k];
            w->sums[all++] = (struct sum){.label = label->label, .count = label->count};
        }
    qsort(w->sums, all, sizeof *w->sums, by_label);
    for (size_t i = 0; i < all; i++) {
        if (kept && strcmp(w->sums[kept - 1].label, w->sums[i].label) == 0)
            add(w->out, &w->sums[kept - 1].count, w->sums[i].count);
        else
            w->sums[kept++] = w->sums[i];
    }
    return kept;
}

static void write_word(struct writing *w, const struct word *words, size_t count)
{
    const char *word = words[0].entity->word;
    size_t labels = sum_labels(w, words, count);
    uint64_t total = 0;

    for (size_t i = 0; i < labels; i++)
        add(w->out, &total, w->sums[i].count);
    if (labels + 1 > MAX_TRANSFORMS)
        w->out->failed = true;
    begin_write(w, words[0].publication, word);
    buf_append_text(w->out, "\"word\":{\"stringValue\":");
    append_text(w->out, word);
    buf_append_text(w->out,
                    "}}},\"updateMask\":{\"fieldPaths\":[\"word\"]},\"updateTransforms\":[");
    append_increment(w->out, NULL, total);
    for (size_t i = 0; i < labels; i++)
        append_increment(w->out, w->sums[i].label, w->sums[i].count);
    buf_append_text(w->out, "]}");
}

/* --- what belongs to one document ---------------------------------------------------------------
 */

static int by_publication(const void *a, const void *b)
{
    const struct batch *x = *(const struct batch *const *)a, *y = *(const struct batch *const *)b;
    int order = strcmp(x->publication, y->publication);

    return order ? order : (x > y) - (x < y); /* qsort is not stable; the last one names */
}

static int by_word(const void *a, const void *b)
{
    const struct word *x = a, *y = b;
    int order = strcmp(x->publication, y->publication);

    return order ? order : strcmp(x->entity->word, y->entity->word);
}

static void write_publications(struct writing *w, const struct batch *batches, size_t count)
{
    const struct batch **sorted = xcalloc(count, sizeof *sorted);

    for (size_t i = 0; i < count; i++)
        sorted[i] = &batches[i];
    qsort(sorted, count, sizeof *sorted, by_publication);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count; end++)
            if (strcmp(sorted[i]->publication, sorted[end]->publication) != 0)
                break;
        write_publication(w, sorted + i, end - i);
    }
    free(sorted);
}

static void write_words(struct writing *w, const struct batch *batches, size_t count)
{
    size_t all = 0;

    for (size_t i = 0; i < count; i++)
        all += batches[i].entity_count;
    struct word *words = xcalloc(all + 1, sizeof *words);
    all = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < batches[i].entity_count; k++)
            words[all++] = (struct word){.publication = batches[i].publication,
                                         .entity = &batches[i].entities[k]};
    qsort(words, all, sizeof *words, by_word);
    for (size_t i = 0, end; i < all; i = end) {
        for (end = i + 1; end < all && by_word(&words[i], &words[end]) == 0; end++)
            ;
        write_word(w, words + i, end - i);
    }
    free(words);
}

int firestore_commit(const char *root, const struct batch *batches, size_t count, bool expires,
                     struct buf *out, size_t *writes)
{
    struct writing w = {.root = root, .expires = expires, .out = out};

    buf_append_text(out, "{\"writes\":[");
    for (size_t i = 0; i < count; i++)
        write_marker(&w, &batches[i]);
    write_publications(&w, batches, count);
    write_words(&w, batches, count);
    buf_append_text(out, "]}");
    free(w.sums);
    *writes = w.writes;
    return buf_failed(out) ? ERR_LIMIT : 0;
}
