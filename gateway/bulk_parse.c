/* bulk_parse: see bulk_parse.h. An array is JSON as a whole, so what is no JSON in one of its items
 * spoils it; a line spoils itself only. */
#include "bulk_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/article.h"
#include "common/article_raw.h"
#include "common/json.h"
#include "fault.h"

#define CHUNK_BYTES     ((size_t)128 << 10)
#define CHUNK_ITEMS     1000
#define SLICE_ITEMS     500
#define MAX_SIZE_DIGITS 20
#define COMMAND_ROOM    64 /* for the head of LPUSH, besides the name of the list */
#define QUOTED_ID       (BULK_ID_LENGTH + 2)

/* Where in an array it is; lines have no state. */
enum { START, FIRST_ITEM, NEXT_ITEM, AFTER_ITEM, TAIL };

static void write_number(char *out, int digits, size_t number)
{
    for (int i = digits - 1; i >= 0; i--, number >>= 4)
        out[i] = "0123456789abcdef"[number & 15];
}

void bulk_made_id(const char *base, size_t index, char id[BULK_ID_LENGTH])
{
    memcpy(id, base, BULK_BASE_LENGTH);
    write_number(id + BULK_BASE_LENGTH, BULK_ID_LENGTH - BULK_BASE_LENGTH, index);
}

static size_t head_room(const struct bulk_parse *p)
{
    return COMMAND_ROOM + strlen(p->list);
}

void bulk_parse_init(struct bulk_parse *p, const struct bulk_source *source)
{
    *p = (struct bulk_parse){.kind = source->kind,
                             .body = source->body,
                             .end = source->body + source->length,
                             .max_content_bytes = source->max_content_bytes,
                             .list = source->list,
                             .window = source->window,
                             .at = source->body,
                             .state = START};
    digest_random(p->base, BULK_BASE_LENGTH);
    buf_init(&p->faults, BULK_MAX_ITEMS * (size_t)FAULT_MAX_BYTES);
    buf_init(&p->window_arguments, BULK_MAX_ITEMS * (size_t)512);
    /* One item more than a chunk is to have. */
    buf_init(&p->chunk, head_room(p) + CHUNK_BYTES + MAX_SIZE_DIGITS + 16 +
                            ARTICLE_MAX_WRITTEN_BYTES(source->max_content_bytes) +
                            ARTICLE_MAX_ITEM_BYTES(source->max_content_bytes));
    if (source->window)
        p->digest = digest_new();
}

void bulk_parse_fini(struct bulk_parse *p)
{
    free(p->items);
    buf_fini(&p->faults);
    buf_fini(&p->window_arguments);
    buf_fini(&p->chunk);
    digest_free(p->digest);
    *p = (struct bulk_parse){.items = NULL};
}

static enum bulk_progress fail(struct bulk_parse *p, const char *type, const char *at,
                               const char *why)
{
    p->type = type;
    p->offset = (size_t)(at - p->body);
    p->why = why;
    return BULK_BAD;
}

/* --- the chunk --- */

/* Room for one more argument of so many bytes, behind its "$length\r\n". */
static char *begin_argument(struct bulk_parse *p, size_t length)
{
    struct buf *chunk = &p->chunk;

    if (p->chunk_items == 0) {
        buf_clear(chunk);
        if (!buf_reserve(chunk, head_room(p)))
            panic("a chunk without room");
        chunk->length = head_room(p);
    }
    char *room = buf_reserve(chunk, MAX_SIZE_DIGITS + 5 + length);
    if (!room)
        panic("an article of %zu bytes in a chunk", length);
    return room + snprintf(room, MAX_SIZE_DIGITS + 4, "$%zu\r\n", length);
}

static void end_argument(struct bulk_parse *p, char *end)
{
    memcpy(end, "\r\n", 2);
    p->chunk.length = (size_t)(end + 2 - p->chunk.bytes);
    p->chunk_items++;
    p->good_count++;
}

/* Puts the head in front; there is one chunk at least. */
static enum bulk_progress close_chunk(struct bulk_parse *p)
{
    char head[512];
    size_t room = head_room(p);
    int length = snprintf(head, sizeof head, "*%zu\r\n$5\r\nLPUSH\r\n$%zu\r\n%s\r\n",
                          p->chunk_items + 2, strlen(p->list), p->list);

    if ((size_t)length > room || (size_t)length >= sizeof head)
        panic("the list has a name of %zu bytes", strlen(p->list));
    memcpy(p->chunk.bytes + room - length, head, (size_t)length);
    p->command = p->chunk.bytes + room - length;
    p->command_length = p->chunk.length - room + (size_t)length;
    p->chunk_items = 0;
    return BULK_CHUNK;
}

static bool is_full(const struct bulk_parse *p)
{
    return p->chunk_items >= CHUNK_ITEMS ||
           (p->chunk_items > 0 && p->chunk.length >= head_room(p) + CHUNK_BYTES);
}

/* --- one item --- */

static void add_window_arguments(struct bulk_parse *p, const struct article *a, const char *made)
{
    char hex[DIGEST_ARTICLE_LENGTH + 1];
    struct buf id;

    digest_article(p->digest, a, hex);
    buf_init(&id, 6 * ARTICLE_MAX_OTHER_BYTES + 2);
    if (made)
        buf_append(&id, made, QUOTED_ID);
    else
        json_append_string(&id, a->id, strlen(a->id));
    if (id.length > BULK_MAX_FIRST_ID)
        buf_clear(&id);
    buf_printf(&p->window_arguments, "$%d\r\n%s\r\n$%zu\r\n", DIGEST_ARTICLE_LENGTH, hex,
               id.length);
    buf_append(&p->window_arguments, id.bytes, id.length);
    buf_append(&p->window_arguments, "\r\n", 2);
    if (buf_failed(&p->window_arguments))
        panic("arguments of more than %zu bytes", p->window_arguments.max_bytes);
    buf_fini(&id);
}

static void refuse(struct bulk_parse *p, struct bulk_item *item, const struct article_fault *fault)
{
    size_t index = (size_t)(item - p->items);

    item->kind = BULK_REFUSED;
    item->at = (uint32_t)p->faults.length;
    buf_printf(&p->faults, "\"status\":%d,", fault->too_large ? 413 : 422);
    fault_append(fault, (long)index, &p->faults);
    if (buf_failed(&p->faults))
        panic("faults of more than %zu bytes", p->faults.max_bytes);
    item->length = (uint32_t)p->faults.length - item->at;
}

/* Chooses the id: its own as it stands in the body, or one that is written to `made`. */
static struct json_span choose_id(const struct bulk_parse *p, struct bulk_item *item,
                                  struct json_span own, char made[QUOTED_ID])
{
    if (own.bytes && own.length > 2) {
        item->kind = BULK_OWN_ID;
        item->at = (uint32_t)(own.bytes - p->body);
        item->length = (uint32_t)own.length;
        return own;
    }
    item->kind = BULK_MADE_ID;
    made[0] = made[QUOTED_ID - 1] = '"';
    bulk_made_id(p->base, (size_t)(item - p->items), made + 1);
    return (struct json_span){made, QUOTED_ID};
}

/* The long way, for what article_raw cannot decide and for the window, which wants to know what
 * the strings stand for. */
static void add_parsed(struct bulk_parse *p, struct bulk_item *item, struct json_span text,
                       struct json_span own_id)
{
    struct article article;
    struct article_fault fault;
    struct buf out;
    char made[QUOTED_ID], id[BULK_ID_LENGTH + 1];

    if (article_parse(text.bytes, text.length, p->max_content_bytes, &article, &fault) < 0) {
        refuse(p, item, &fault);
        return;
    }
    choose_id(p, item, article.id && *article.id ? own_id : (struct json_span){0}, made);
    bool is_made = item->kind == BULK_MADE_ID;
    if (is_made)
        snprintf(id, sizeof id, "%.*s", BULK_ID_LENGTH, made + 1);
    buf_init(&out, ARTICLE_MAX_WRITTEN_BYTES(p->max_content_bytes));
    if (article_write(&article, is_made ? id : NULL, &out) < 0)
        panic("an article of more than %zu bytes", out.max_bytes);
    char *room = begin_argument(p, out.length);
    memcpy(room, out.bytes, out.length);
    end_argument(p, room + out.length);
    buf_fini(&out);
    if (p->window)
        add_window_arguments(p, &article, is_made ? made : NULL);
    article_fini(&article);
}

static struct bulk_item *new_item(struct bulk_parse *p)
{
    if (!p->items)
        p->items = xmalloc(BULK_MAX_ITEMS * sizeof *p->items);
    struct bulk_item *item = &p->items[p->item_count++];
    *item = (struct bulk_item){.kind = BULK_REFUSED};
    return item;
}

/* `raw`: what article_raw_scan() found at the front of `text`; NULL: it is no JSON. */
static void add_item(struct bulk_parse *p, struct json_span text, const struct article_raw *raw,
                     bool plain)
{
    struct bulk_item *item = new_item(p);
    struct json_span own = raw ? raw->values[ARTICLE_RAW_ID] : (struct json_span){0};
    char made[QUOTED_ID];

    if (!plain || p->window) {
        add_parsed(p, item, text, own);
        return;
    }
    struct json_span id = choose_id(p, item, own, made);
    char *room = begin_argument(p, article_raw_length(raw, id.length));
    end_argument(p, article_raw_write(raw, id.bytes, id.length, room));
}

/* --- lines --- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Without the white space around it. */
static struct json_span trim(const char *start, const char *end)
{
    while (start < end && is_space(*start))
        start++;
    while (end > start && is_space(end[-1]))
        end--;
    return (struct json_span){start, (size_t)(end - start)};
}

static enum bulk_progress next_line(struct bulk_parse *p)
{
    struct json_scan_fault fault;
    struct article_raw raw;
    size_t consumed;

    if (p->at == p->end)
        return BULK_END;
    const char *end = memchr(p->at, '\n', (size_t)(p->end - p->at));
    struct json_span line = trim(p->at, end ? end : p->end);
    if (line.length > 0 && p->item_count == BULK_MAX_ITEMS)
        return fail(p, NULL, p->at, "more than 10000 articles");
    p->at = end ? end + 1 : p->end;
    if (line.length == 0)
        return BULK_MORE;
    /* Too long ones are not scanned at all: article_parse() refuses them. */
    enum article_raw_result result =
        line.length > ARTICLE_MAX_ITEM_BYTES(p->max_content_bytes)
            ? ARTICLE_RAW_BROKEN
            : article_raw_scan(line.bytes, line.length, p->max_content_bytes, &raw, &consumed,
                               &fault);
    bool whole = result != ARTICLE_RAW_BROKEN && consumed == line.length;
    add_item(p, line, whole ? &raw : NULL, whole && result == ARTICLE_RAW_GOOD);
    return BULK_MORE;
}

/* --- an array --- */

static enum bulk_progress next_value(struct bulk_parse *p)
{
    size_t left = (size_t)(p->end - p->at), consumed;
    size_t longest = ARTICLE_MAX_ITEM_BYTES(p->max_content_bytes) + 1;
    struct json_scan_fault fault;
    struct article_raw raw;

    if (p->item_count == BULK_MAX_ITEMS)
        return fail(p, NULL, p->at, "more than 10000 articles");
    if (left < longest)
        longest = left;
    enum article_raw_result result =
        article_raw_scan(p->at, longest, p->max_content_bytes, &raw, &consumed, &fault);
    if (consumed >= longest && longest < left)
        return fail(p, NULL, p->at, "an item is too long for an article");
    if (result == ARTICLE_RAW_BROKEN)
        return fail(p, "json_invalid", p->at + fault.offset, fault.why);
    add_item(p, (struct json_span){p->at, consumed}, &raw, result == ARTICLE_RAW_GOOD);
    p->at += consumed;
    p->state = AFTER_ITEM;
    return BULK_MORE;
}

static enum bulk_progress next_element(struct bulk_parse *p, const char *slice_end)
{
    while (p->at < p->end && is_space(*p->at)) {
        if (p->at++ >= slice_end)
            return BULK_MORE;
    }
    char c = p->at < p->end ? *p->at : 0;
    switch (p->state) {
    case START:
        if (p->at == p->end)
            return fail(p, "missing", p->at, "Field required");
        if (c != '[')
            return strchr("{\"-0123456789tfn", c)
                       ? fail(p, "list_type", p->at, "Input should be a valid list")
                       : fail(p, "json_invalid", p->at, "a value is expected");
        p->at++;
        p->state = FIRST_ITEM;
        return BULK_MORE;
    case FIRST_ITEM:
        if (c != ']')
            return next_value(p);
        break;
    case NEXT_ITEM:
        return next_value(p);
    case AFTER_ITEM:
        if (c == ',') {
            p->at++;
            p->state = NEXT_ITEM;
            return BULK_MORE;
        }
        if (c != ']')
            return fail(p, "json_invalid", p->at, "a comma or ] is expected");
        break;
    default:
        return p->at == p->end ? BULK_END : fail(p, "json_invalid", p->at, "text after the end");
    }
    p->at++;
    p->state = TAIL;
    return BULK_MORE;
}

enum bulk_progress bulk_parse_more(struct bulk_parse *p, size_t max_bytes)
{
    const char *slice_end = (size_t)(p->end - p->at) > max_bytes ? p->at + max_bytes : p->end;
    size_t last_item = p->item_count + SLICE_ITEMS;
    enum bulk_progress progress = BULK_MORE;

    while (progress == BULK_MORE) {
        if (is_full(p))
            return close_chunk(p);
        if ((p->at >= slice_end && p->at < p->end) || p->item_count >= last_item)
            return BULK_MORE;
        progress = p->kind == BULK_LINES ? next_line(p) : next_element(p, slice_end);
    }
    if (progress == BULK_END && p->chunk_items > 0)
        return close_chunk(p);
    return progress;
}
