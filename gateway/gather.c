/* gather: see gather.h. */
#include "gather.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/article.h"
#include "gateway.h"
#include "gather_lua.h"
#include "post.h"
#include "stats.h"

#define MAX_ARTICLES    100
#define MAX_BYTES       ((size_t)128 << 10) /* of articles; one more may pass it */
#define MAX_KEPT_BYTES  (4 * MAX_BYTES)     /* of memory, for the next turn */
#define MAX_SIZE_DIGITS 20
#define MAX_ID_BYTES    (6 * ARTICLE_MAX_OTHER_BYTES + 2)

/* One article that was sent or will be. */
struct gathered {
    struct http_exchange *exchange;
    size_t id_start, id_length; /* in `ids` */
};

/* What goes to Redis together; belongs to the callback once it is sent. */
struct group {
    struct gather *gather;
    size_t count;
    struct gathered articles[MAX_ARTICLES];
    struct buf ids;
};

struct gather {
    struct gateway *gateway;
    struct event *turn;  /* active, it runs behind all that is ready now, and sends the group */
    struct group *group; /* NULL: none is open */
    size_t under_way;    /* groups that Redis has not answered yet */
    struct buf items;    /* its arguments of LPUSH, behind `head_room` bytes for the rest */
    size_t head_room;
    struct buf end; /* EVAL with all but its last two arguments */
};

static void on_turn(evutil_socket_t fd, short what, void *context);

static void append(struct buf *out, const char *text)
{
    buf_printf(out, "$%zu\r\n%s\r\n", strlen(text), text);
}

struct gather *gather_new(struct gateway *g, struct event_base *base)
{
    struct gather *a = xcalloc(1, sizeof *a);
    size_t max_item =
        ARTICLE_MAX_WRITTEN_BYTES((size_t)g->conf->gateway.max_article_bytes) + MAX_SIZE_DIGITS + 8;

    a->gateway = g;
    a->turn = event_new(base, -1, 0, on_turn, a);
    if (!a->turn)
        panic("event_new");
    a->head_room = strlen(g->articles) + 3 * MAX_SIZE_DIGITS;
    buf_init(&a->items, a->head_room + MAX_BYTES + max_item);
    buf_init(&a->end, 65536);
    buf_append_text(&a->end, "*7\r\n");
    append(&a->end, "EVAL");
    append(&a->end, gather_lua); /* not EVALSHA: NOSCRIPT would come after the pushes */
    append(&a->end, "2");
    append(&a->end, g->articles);
    append(&a->end, g->stats);
    if (buf_failed(&a->end))
        panic("names of Redis' keys of more than %zu bytes", a->end.max_bytes);
    return a;
}

static void free_group(struct group *group)
{
    buf_fini(&group->ids);
    free(group);
}

static void answer_created(const struct group *group, const struct gathered *article)
{
    char small[256];
    size_t length = article->id_length + 7;
    char *json = length <= sizeof small ? small : xmalloc(length);

    memcpy(json, "{\"id\":", 6);
    memcpy(json + 6, group->ids.bytes + article->id_start, article->id_length);
    json[length - 1] = '}';
    stats_accepted(group->gather->gateway, article->exchange, 1, 0);
    http_answer(article->exchange, 201, NULL, json, length);
    if (json != small)
        free(json);
}

static void refuse_all(struct group *group, const char *why)
{
    for (size_t i = 0; i < group->count; i++)
        post_answer_refused(group->articles[i].exchange, why);
    free_group(group);
}

static void on_stored(void *context, const struct redis_async_reply *reply, const char *why)
{
    struct group *group = context;
    struct gather *a = group->gather;

    a->under_way--;
    if (a->group)
        event_active(a->turn, EV_TIMEOUT, 0);
    ready_learn(&a->gateway->ready, reply ? NULL : why);
    if (!reply || reply->count == 0) {
        refuse_all(group, reply ? "ERR an unexpected answer" : why);
        return;
    }
    size_t over = strtoul(reply->texts[reply->count - 1].bytes, NULL, 10);
    for (size_t i = 0; i < group->count; i++) {
        if (i + over < group->count)
            answer_created(group, &group->articles[i]);
        else
            post_answer_full(a->gateway, group->articles[i].exchange, reply->number, 1);
    }
    free_group(group);
}

/* Puts the beginning of the LPUSH in front of its arguments. */
static struct redis_async_part write_push(struct gather *a)
{
    const char *list = a->gateway->articles;
    char head[96];
    int length = snprintf(head, sizeof head, "*%zu\r\n$5\r\nLPUSH\r\n$%zu\r\n", a->group->count + 2,
                          strlen(list));
    char *start = a->items.bytes + a->head_room - strlen(list) - 2 - (size_t)length;

    memcpy(start, head, (size_t)length);
    memcpy(start + length, list, strlen(list));
    memcpy(start + length + strlen(list), "\r\n", 2);
    return (struct redis_async_part){start, (size_t)(a->items.bytes + a->items.length - start)};
}

static void send_group(struct gather *a)
{
    static const char multi[] = "*1\r\n$5\r\nMULTI\r\n", exec[] = "*1\r\n$4\r\nEXEC\r\n";
    struct group *group = a->group;
    struct redis_async_callback callback = {.run = on_stored, .context = group};
    size_t end_length = a->end.length;
    char number[24];
    struct err e;

    snprintf(number, sizeof number, "%zu", group->count);
    append(&a->end, number);
    snprintf(number, sizeof number, "%lld", (long long)a->gateway->conf->gateway.max_backlog);
    append(&a->end, number);
    struct redis_async_part parts[] = {{multi, sizeof multi - 1},
                                       write_push(a),
                                       {a->end.bytes, a->end.length},
                                       {exec, sizeof exec - 1}};
    int code = redis_async_transaction(a->gateway->redis, parts, 4, callback, &e);

    /* All is as it was before the next group is opened, which an answer may lead to. */
    a->group = NULL;
    a->end.length = end_length;
    if (a->items.capacity > MAX_KEPT_BYTES)
        buf_fini(&a->items);
    if (code == 0)
        a->under_way++;
    else
        refuse_all(group, e.code == ERR_LIMIT ? POST_TOO_MUCH : e.text);
}

static void on_turn(evutil_socket_t fd, short what, void *context)
{
    struct gather *a = context;

    (void)fd, (void)what;
    if (a->group && a->under_way == 0)
        send_group(a);
}

static void open_group(struct gather *a)
{
    a->group = xmalloc(sizeof *a->group);
    a->group->gather = a;
    a->group->count = 0;
    buf_init(&a->group->ids, MAX_ARTICLES * (size_t)MAX_ID_BYTES);
    buf_clear(&a->items);
    if (!buf_reserve(&a->items, a->head_room))
        panic("no room for the head of LPUSH");
    a->items.length = a->head_room;
    event_active(a->turn, EV_TIMEOUT, 0);
}

char *gather_room(struct gather *a, size_t length)
{
    if (!a->group)
        open_group(a);
    char *room = buf_reserve(&a->items, MAX_SIZE_DIGITS + 5 + length);
    if (!room)
        panic("an article of %zu bytes", length);
    char *start = room + snprintf(room, MAX_SIZE_DIGITS + 4, "$%zu\r\n", length);
    memcpy(start + length, "\r\n", 2);
    a->items.length = (size_t)(start + length + 2 - a->items.bytes);
    return start;
}

void gather_push(struct gather *a, struct http_exchange *x, struct json_span id)
{
    struct group *group = a->group;

    group->articles[group->count++] = (struct gathered){x, group->ids.length, id.length};
    if (buf_append(&group->ids, id.bytes, id.length) < 0)
        panic("an id of %zu bytes", id.length);
    if (group->count == MAX_ARTICLES || a->items.length >= a->head_room + MAX_BYTES)
        send_group(a);
}

void gather_free(struct gather *a)
{
    if (!a)
        return;
    event_free(a->turn);
    if (a->group)
        refuse_all(a->group, "connection: closed");
    buf_fini(&a->items);
    buf_fini(&a->end);
    free(a);
}
