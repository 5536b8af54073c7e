/* work: see work.h. */
#include "work.h"

#include <stdlib.h>
#include <string.h>

#include "common/article.h"
#include "common/dead.h"
#include "common/fault_hook.h"
#include "common/log.h"
#include "common/utf8.h"
#include "tally.h"

/* A claim is one round trip and one fsync of Redis; a few articles share it. What a stop leaves
 * unhandled goes back. */
#define CLAIM_ITEMS 16
#define CLAIM_BYTES (4u << 20)

#define MAX_WORD_BYTES (3 * NER_MAX_TEXT_BYTES) /* lower-casing can make three bytes of two */

struct work {
    const struct conf *conf;
    struct slot *slot;
    struct ner *ner;
    struct tally *tally;
    bool *skipped; /* by label */
    struct buf word;
    struct dead dead; /* waits for the settle like batches do */
    struct buf *batches;
    size_t batch_count;
};

static bool is_listed(const char *words, const char *word)
{
    size_t length = strlen(word);

    for (const char *w = words + strspn(words, " "); *w; w += strcspn(w, " "), w += strspn(w, " "))
        if (strcspn(w, " ") == length && memcmp(w, word, length) == 0)
            return true;
    return false;
}

struct work *work_new(const struct conf *conf, const struct ner_model *model, struct slot *slot)
{
    size_t labels = ner_model_label_count(model);
    const char **names = xcalloc(labels, sizeof *names);
    struct work *w = xcalloc(1, sizeof *w);

    w->conf = conf;
    w->slot = slot;
    w->ner = ner_new(model);
    fault_hook_setup();
    w->skipped = xcalloc(labels, sizeof *w->skipped);
    for (size_t i = 0; i < labels; i++) {
        names[i] = ner_model_label(model, i);
        w->skipped[i] = is_listed(conf->workers.skip_labels, names[i]);
    }
    w->tally = tally_new(names, labels);
    buf_init(&w->word, MAX_WORD_BYTES);
    free(names);
    return w;
}

static void free_bufs(struct buf *bufs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_fini(&bufs[i]);
    free(bufs);
}

static void forget(void *context)
{
    struct work *w = context;

    tally_clear(w->tally);
    dead_clear(&w->dead);
    free_bufs(w->batches, w->batch_count);
    w->batches = NULL;
    w->batch_count = 0;
}

void work_free(struct work *w)
{
    forget(w);
    dead_fini(&w->dead);
    buf_fini(&w->word);
    tally_free(w->tally);
    ner_free(w->ner);
    free(w->skipped);
    free(w);
}

static void bury(struct work *w, const struct queue_item *item, int64_t now_ms, const char *reason)
{
    dead_add(&w->dead, item, now_ms, 1, reason);
    log_warn("article.dead", "bytes=%zu reason=\"%s\"", item->length, reason);
}

static int count_entities(struct work *w, const struct article *article, const struct ner_doc *doc)
{
    struct tally_publication *publication =
        tally_article(w->tally, article->key, article->publication);

    for (size_t i = 0; i < doc->entity_count; i++) {
        const struct ner_entity *entity = &doc->entities[i];
        if (w->skipped[entity->label])
            continue;
        buf_clear(&w->word);
        int code = utf8_lower(article->content + entity->start_byte,
                              entity->end_byte - entity->start_byte, &w->word);
        if (code < 0)
            return code;
        tally_entity(w->tally, publication, w->word.bytes, w->word.length, entity->label);
    }
    return 0;
}

static int handle(void *context, const struct queue_item *item, int64_t now_ms, struct err *e)
{
    struct work *w = context;
    struct article article;
    struct article_fault fault;
    struct ner_doc doc;

    if (article_parse(item->bytes, item->length, (size_t)w->conf->gateway.max_article_bytes,
                      &article, &fault) < 0) {
        bury(w, item, now_ms, fault.text);
        return 0;
    }
    fault_hook(article.content, article.content_length);
    int code = ner_run(w->ner, article.content, article.content_length, &doc, e);
    if (code == 0) {
        code = count_entities(w, &article, &doc);
        if (code < 0)
            err_set(e, code, "an entity's text is too long");
        slot_count(w->slot, SLOT_TOKENS, doc.token_count);
        slot_count(w->slot, SLOT_ENTITIES, doc.entity_count);
        log_debug("article.done", "tokens=%zu entities=%zu", doc.token_count, doc.entity_count);
    } else if (code == ERR_INPUT || code == ERR_LIMIT) {
        bury(w, item, now_ms, e->text);
        code = 0;
    }
    article_fini(&article);
    return code;
}

static bool full(void *context, size_t done)
{
    const struct work *w = context;

    return done >= (size_t)w->conf->workers.flush_articles ||
           tally_bytes(w->tally) + w->dead.bytes >= (size_t)w->conf->workers.flush_bytes;
}

static int collect(void *context, int64_t now_ms, struct consumer_settlement *out, struct err *e)
{
    struct work *w = context;

    free_bufs(w->batches, w->batch_count);
    w->batches = NULL;
    w->batch_count = 0;
    if (tally_batches(w->tally, now_ms, &w->batches, &w->batch_count, e) < 0)
        return e->code;
    out->batches = w->batches;
    out->batch_count = w->batch_count;
    out->dead = w->dead.entries;
    out->dead_count = w->dead.count;
    return 0;
}

struct consumer_handler work_handler(struct work *w)
{
    return (struct consumer_handler){
        .handle = handle,
        .full = full,
        .collect = collect,
        .forget = forget,
        .context = w,
        .claim_items = CLAIM_ITEMS,
        .claim_bytes = CLAIM_BYTES,
        .settle_interval_ms = (int)w->conf->workers.flush_interval_ms,
        .max_memory_bytes = (size_t)w->conf->workers.max_memory_bytes,
    };
}
