/* bulk_model: see bulk_model.h. */
#include "bulk_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/article.h"
#include "common/json_scan.h"
#include "gateway/bulk_answer.h"

#define LIST "list:ü"
#define BASE "0123456789abcdef01234567"

/* A body that was read. */
struct reading {
    struct bulk_parse parse;
    struct buf wire; /* all commands */
    bool bad;
};

static void read_body(struct reading *r, enum bulk_kind kind, bool window, const char *body,
                      size_t length, size_t slice)
{
    struct bulk_source source = {.kind = kind,
                                 .body = body,
                                 .length = length,
                                 .max_content_bytes = BULK_MODEL_MAX_CONTENT,
                                 .list = LIST,
                                 .window = window};
    enum bulk_progress progress;

    r->bad = false;
    buf_init(&r->wire, (size_t)1 << 30);
    buf_append(&r->wire, "", 0); /* no NULL to reckon with */
    bulk_parse_init(&r->parse, &source);
    memcpy(r->parse.base, BASE, sizeof BASE);
    do {
        progress = bulk_parse_more(&r->parse, slice);
        if (progress == BULK_CHUNK)
            buf_append(&r->wire, r->parse.command, r->parse.command_length);
    } while (progress == BULK_MORE || progress == BULK_CHUNK);
    r->bad = progress == BULK_BAD;
}

static void end_reading(struct reading *r)
{
    bulk_parse_fini(&r->parse);
    buf_fini(&r->wire);
}

static bool same(const struct reading *a, const struct reading *b)
{
    const struct bulk_parse *p = &a->parse, *q = &b->parse;

    if (a->bad != b->bad || p->item_count != q->item_count || p->good_count != q->good_count)
        return false;
    if (a->bad && (p->offset != q->offset || p->type != q->type || strcmp(p->why, q->why) != 0))
        return false;
    for (size_t i = 0; i < p->item_count; i++)
        if (p->items[i].kind != q->items[i].kind || p->items[i].at != q->items[i].at ||
            p->items[i].length != q->items[i].length)
            return false;
    return a->wire.length == b->wire.length &&
           (a->wire.length == 0 || memcmp(a->wire.bytes, b->wire.bytes, a->wire.length) == 0) &&
           p->window_arguments.length == q->window_arguments.length;
}

/* --- what is on the wire --- */

struct wire {
    const char *at, *end;
    size_t left; /* arguments of the command that it stands in */
};

static bool take_head(struct wire *w, char kind, size_t *number)
{
    char *after;

    if (w->at >= w->end || *w->at != kind)
        return false;
    *number = strtoul(w->at + 1, &after, 10);
    if (memcmp(after, "\r\n", 2) != 0)
        return false;
    w->at = after + 2;
    return true;
}

static bool take_argument(struct wire *w, struct json_span *out)
{
    if (!take_head(w, '$', &out->length) || (size_t)(w->end - w->at) < out->length + 2)
        return false;
    out->bytes = w->at;
    w->at += out->length + 2;
    return memcmp(w->at - 2, "\r\n", 2) == 0;
}

/* The next article; the commands around it have to be right. */
static bool next_article(struct wire *w, struct json_span *out)
{
    while (w->left == 0) {
        if (!take_head(w, '*', &w->left) || w->left < 3 || !take_argument(w, out) ||
            out->length != 5 || memcmp(out->bytes, "LPUSH", 5) != 0 || !take_argument(w, out) ||
            out->length != strlen(LIST) || memcmp(out->bytes, LIST, out->length) != 0)
            return false;
        w->left -= 2;
    }
    w->left--;
    return take_argument(w, out);
}

static bool equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* `sent` is what came, `pushed` what goes to Redis for it. */
static const char *compare(const struct article *sent, struct json_span pushed,
                           const struct bulk_parse *p, size_t index)
{
    struct article got;
    struct article_fault fault;
    char made[BULK_ID_LENGTH + 1] = "";
    const char *wrong = NULL;

    if (article_parse(pushed.bytes, pushed.length, BULK_MODEL_MAX_CONTENT, &got, &fault) < 0)
        return "what was pushed is no article";
    bulk_made_id(p->base, index, made);
    const char *id = sent->id && *sent->id ? sent->id : made;
    if (!equal(got.id, id) || (p->items[index].kind == BULK_MADE_ID) != (id == made))
        wrong = "the id is another";
    if (!equal(got.content, sent->content) || !equal(got.publication, sent->publication) ||
        !equal(got.url, sent->url) || !equal(got.title, sent->title) ||
        !equal(got.published, sent->published))
        wrong = "the article was changed";
    article_fini(&got);
    return wrong;
}

/* --- lines --- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static const char *check_line(const struct bulk_parse *p, struct wire *w, size_t index,
                              const char *line, size_t length)
{
    struct article article;
    struct article_fault fault;
    struct json_span pushed;

    if (index >= p->item_count)
        return "an item is missing";
    bool good = article_parse(line, length, BULK_MODEL_MAX_CONTENT, &article, &fault) == 0;
    if (good != (p->items[index].kind != BULK_REFUSED)) {
        if (good)
            article_fini(&article);
        return good ? "a good article was refused" : "a bad article was taken";
    }
    if (!good)
        return NULL;
    const char *wrong =
        next_article(w, &pushed) ? compare(&article, pushed, p, index) : "the command is malformed";
    article_fini(&article);
    return wrong;
}

static const char *check_lines(const struct reading *r, const char *body, size_t length)
{
    struct wire w = {.at = r->wire.bytes, .end = r->wire.bytes + r->wire.length};
    const char *end = body + length, *wrong = NULL;
    size_t count = 0;

    if (r->bad)
        return r->parse.item_count == BULK_MAX_ITEMS ? NULL : "lines spoiled the whole";
    for (const char *at = body, *next; !wrong && at < end; at = next) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;
        next = newline ? newline + 1 : end;
        while (at < stop && is_space(*at))
            at++;
        while (stop > at && is_space(stop[-1]))
            stop--;
        if (stop > at)
            wrong = check_line(&r->parse, &w, count++, at, (size_t)(stop - at));
    }
    if (!wrong && (count != r->parse.item_count || w.left || w.at != w.end))
        wrong = "there are more items than lines";
    return wrong;
}

/* --- an array --- */

static void ignore(void *context, struct json_span name, struct json_span value)
{
    (void)context, (void)name, (void)value;
}

static const char *check_array(const struct reading *r, const char *body, size_t length)
{
    struct wire w = {.at = r->wire.bytes, .end = r->wire.bytes + r->wire.length};
    struct json_scan_fault fault;
    struct json_span pushed;
    const struct bulk_parse *p = &r->parse;

    bool broken = json_scan(body, length, ignore, NULL, &fault) == JSON_SCAN_BROKEN;
    if (broken && !r->bad && strcmp(fault.why, "nested too deeply") != 0)
        return "a broken array was taken";
    if (!broken && r->bad && p->type && strcmp(p->type, "list_type") != 0)
        return "a good array was refused";
    for (size_t i = 0; !r->bad && i < p->item_count; i++) {
        struct article article;
        struct article_fault why;
        if (p->items[i].kind == BULK_REFUSED)
            continue;
        if (!next_article(&w, &pushed) ||
            article_parse(pushed.bytes, pushed.length, BULK_MODEL_MAX_CONTENT, &article, &why) < 0)
            return "what was pushed is no article";
        article_fini(&article);
    }
    return r->bad || (w.left == 0 && w.at == w.end) ? NULL : "something else was pushed";
}

/* --- the answer --- */

static const char *check_answer(const struct reading *r)
{
    const struct bulk_parse *p = &r->parse;
    struct bulk_outcome outcome = {.base = p->base, .runs = ""};
    struct bulk_counts counts;
    struct json_scan_fault fault;
    struct buf json;

    if (r->bad)
        return NULL;
    buf_init(&json, bulk_answer_max_bytes(p, &outcome));
    const char *wrong = NULL;
    if (bulk_answer_write(p, &outcome, &counts, &json) < 0)
        wrong = "the answer could not be written";
    else if (json_scan(json.bytes, json.length, ignore, NULL, &fault) != JSON_SCAN_OK)
        wrong = "the answer is no JSON object";
    else if (counts.accepted != p->good_count || counts.refused != p->item_count - p->good_count)
        wrong = "the answer counts wrongly";
    buf_fini(&json);
    return wrong;
}

const char *bulk_model_check(enum bulk_kind kind, bool window, const char *body, size_t length,
                             size_t slice)
{
    struct reading whole, sliced;

    read_body(&whole, kind, window, body, length, length + 1);
    read_body(&sliced, kind, window, body, length, slice);
    const char *wrong = same(&whole, &sliced) ? NULL : "slices make a difference";
    if (!wrong)
        wrong = kind == BULK_LINES ? check_lines(&whole, body, length)
                                   : check_array(&whole, body, length);
    if (!wrong)
        wrong = check_answer(&whole);
    end_reading(&whole);
    end_reading(&sliced);
    return wrong;
}
