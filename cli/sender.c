/* sender: see sender.h. One libcurl multi handle, one easy handle a slot; HTTP/1.1 with keep-alive.
 *
 * A request leaves its slot only when the gateway has decided on it (accepted, refused) or sending
 * has failed as a whole. Every try carries the same Idempotency-Key, so a try whose answer was lost
 * does no harm. Whatever may pass (429, 503, no connection, time-outs) holds all slots back for a
 * while, because what ails one request then ails the gateway. */
#include "cli/sender.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/post.h"
#include "common/clock.h"
#include "common/stop.h"

#define TICK_MS         200
#define DRAIN_MS        10000
#define NOTICE_EVERY_MS 30000
/* So many failures of one request, while others went through, are the request's own fault. */
#define MAX_OWN_FAILURES 5

enum slot_state { SLOT_FREE, SLOT_FLYING, SLOT_WAITING };

struct slot {
    enum slot_state state;
    struct sender *sender;
    struct post post;
    struct parcel parcel;
    bool replayed;         /* of the answer in hand */
    unsigned failures;     /* tries that failed while other requests were decided on */
    uint64_t decided_then; /* sender's count at the last of them */
};

struct sender {
    CURLM *multi;
    struct slot slots[SENDER_MAX_IN_FLIGHT];
    int slot_count;
    struct delivery *delivery;
    struct post_target target;
    const unsigned char *salt;
    size_t salt_length;
    int64_t timeout_ms;
    struct sender_events events;
    uint64_t decided;
    int64_t progress_ms; /* when anything was last decided on, or nothing was in hand */
    int64_t resume_ms;   /* no try before that */
    int64_t tick_ms, notice_ms;
    bool waiting; /* the notice that it waits stands */
    struct backoff backoff;
    struct err fatal; /* code 0: none */
};

int sender_open(const struct sender_options *options, struct sender **out, struct err *e)
{
    struct post_target target;

    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (post_target_init(&target, options->url, options->key, options->plain_key, options->ca_file,
                         e) < 0) {
        curl_global_cleanup();
        return e->code;
    }
    struct delivery_options deliver = {.max_blocks = options->in_flight,
                                       .max_bytes = SENDER_MAX_BYTES,
                                       .refused = options->events.refused,
                                       .context = options->events.context};
    struct sender *s = xcalloc(1, sizeof *s);
    s->target = target;
    s->slot_count = options->in_flight;
    s->delivery = delivery_new(&deliver);
    s->salt = options->salt;
    s->salt_length = options->salt_length;
    s->timeout_ms = options->timeout_ms;
    s->events = options->events;
    s->progress_ms = clock_ms();
    s->backoff = (struct backoff){.first_ms = 100, .max_ms = 15000};
    s->multi = curl_multi_init();
    if (!s->multi)
        panic("libcurl cannot be set up");
    curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, (long)s->slot_count);
    for (int i = 0; i < s->slot_count; i++) {
        s->slots[i].sender = s;
        post_init(&s->slots[i].post, &s->target, &s->slots[i]);
    }
    *out = s;
    return 0;
}

void sender_close(struct sender *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->slot_count; i++) {
        if (s->slots[i].state == SLOT_FLYING)
            curl_multi_remove_handle(s->multi, s->slots[i].post.easy);
        post_fini(&s->slots[i].post);
    }
    curl_multi_cleanup(s->multi);
    delivery_free(s->delivery);
    post_target_fini(&s->target);
    free(s);
    curl_global_cleanup();
}

/* --- one request ------------------------------------------------------------------------------ */

static void fly(struct sender *s, struct slot *slot)
{
    buf_clear(&slot->post.reply);
    slot->state = SLOT_FLYING;
    if (curl_multi_add_handle(s->multi, slot->post.easy) != CURLM_OK)
        panic("libcurl takes no transfer");
}

static void load(struct sender *s, struct slot *slot)
{
    const struct parcel *p = &slot->parcel;
    const struct block_row *first = &p->block->rows[p->first], *last = first + p->count - 1;
    char key[BLOCK_KEY_BYTES];

    block_key(p->block, p->first, s->salt, s->salt_length, key);
    post_load(&slot->post, &s->target, key, p->block->body.bytes + first->start,
              last->start + last->length - first->start);
    slot->failures = 0;
    fly(s, slot);
}

/* Before the delivery is told, as that may free what was sent. */
static void unload(struct sender *s, struct slot *slot)
{
    s->decided++;
    s->progress_ms = clock_ms();
    backoff_reset(&s->backoff);
    if (s->waiting)
        s->events.notice(s->events.context, "the gateway answers again, going on");
    s->waiting = false;
    post_unload(&slot->post);
    slot->state = SLOT_FREE;
}

static void refuse(struct sender *s, struct slot *slot, bool key_is_taken, const char *why)
{
    unload(s, slot);
    delivery_refused_whole(s->delivery, &slot->parcel, key_is_taken, why);
}

static void fail(struct sender *s, const char *why)
{
    if (s->fatal.code == 0)
        err_set(&s->fatal, ERR_CONFIG, "%.300s: %s", s->target.url, why);
}

static void take_item(void *context, int index, const struct answer_item *item)
{
    struct slot *slot = context;
    struct delivery *d = slot->sender->delivery;

    if (item->refused)
        delivery_refused(d, &slot->parcel, index, item->why);
    else
        delivery_accepted(d, slot->replayed || item->duplicate);
}

static void settle(struct sender *s, struct slot *slot, bool replayed)
{
    slot->replayed = replayed;
    if (!answer_items(&slot->post.reply, slot->parcel.count, take_item, slot)) {
        slot->state = SLOT_WAITING; /* its rows are in doubt */
        fail(s, "its answer is none to the rows sent");
        return;
    }
    unload(s, slot);
    delivery_done(s->delivery, &slot->parcel);
}

/* Holds everything back for a while, and says so once. Several requests that fail together count as
 * one failure. */
static void hold_back(struct sender *s, const struct post_result *result)
{
    char text[600];
    int64_t now = clock_ms();

    if (now >= s->resume_ms)
        s->resume_ms = now + backoff_next_ms(&s->backoff);
    if (s->resume_ms < now + result->retry_after_ms)
        s->resume_ms = now + result->retry_after_ms;
    if (s->waiting || (s->notice_ms && now - s->notice_ms < NOTICE_EVERY_MS))
        return;
    s->waiting = true;
    s->notice_ms = now;
    snprintf(text, sizeof text, "%s; waiting, for up to %lld s", result->text,
             (long long)(s->timeout_ms / 1000));
    s->events.notice(s->events.context, text);
}

/* A try that decided nothing. */
static void retry(struct sender *s, struct slot *slot, const struct post_result *result)
{
    char text[600];

    if (result->own_fault && (slot->failures == 0 || s->decided != slot->decided_then)) {
        slot->failures++;
        slot->decided_then = s->decided;
    }
    if (slot->failures >= MAX_OWN_FAILURES) {
        snprintf(text, sizeof text, "%d tries failed while other rows went through: %s",
                 MAX_OWN_FAILURES, result->text);
        refuse(s, slot, false, text);
        return;
    }
    slot->state = SLOT_WAITING;
    hold_back(s, result);
}

static void take(struct sender *s, struct slot *slot, CURLcode code)
{
    struct post_result result;

    post_judge(&slot->post, &s->target, code, &result);
    switch (result.kind) {
    case ANSWER_ACCEPTED:
        settle(s, slot, result.replayed);
        return;
    case ANSWER_REFUSED:
        refuse(s, slot, result.key_is_taken, result.text);
        return;
    case ANSWER_LATER:
        retry(s, slot, &result);
        return;
    case ANSWER_KEY:
    case ANSWER_STRANGE:
        slot->state = SLOT_WAITING; /* its rows are in doubt */
        fail(s, result.text);
    }
}

/* --- all of them ------------------------------------------------------------------------------ */

/* Takes the answers that came; returns whether there were any. */
static bool collect(struct sender *s)
{
    CURLMsg *message;
    int left;
    bool any = false;

    while ((message = curl_multi_info_read(s->multi, &left))) {
        struct slot *slot;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
        curl_multi_remove_handle(s->multi, slot->post.easy);
        take(s, slot, code);
        any = true;
    }
    return any;
}

/* Sends what may be sent now: first what failed before, then what is next. */
static void fill(struct sender *s)
{
    if (clock_ms() < s->resume_ms || s->fatal.code || stop_asked())
        return;
    for (int i = 0; i < s->slot_count; i++)
        if (s->slots[i].state == SLOT_WAITING)
            fly(s, &s->slots[i]);
    for (int i = 0; i < s->slot_count; i++)
        if (s->slots[i].state == SLOT_FREE) {
            if (!delivery_next(s->delivery, &s->slots[i].parcel))
                return;
            load(s, &s->slots[i]);
        }
}

/* Moves what can move without waiting; returns whether any answer came. */
static bool turn(struct sender *s)
{
    int running;

    fill(s);
    if (curl_multi_perform(s->multi, &running) != CURLM_OK)
        panic("libcurl cannot go on");
    return collect(s);
}

static int count_flying(const struct sender *s)
{
    int flying = 0;

    for (int i = 0; i < s->slot_count; i++)
        flying += s->slots[i].state == SLOT_FLYING;
    return flying;
}

/* Says which row (any of them) nothing was decided on. */
static void time_out(struct sender *s)
{
    const struct block_row *row = delivery_oldest(s->delivery);

    err_set(&s->fatal, ERR_LIMIT, "%.300s: no row went through for %lld s, at %.100s:%llu",
            s->target.url, (long long)(s->timeout_ms / 1000), row->name,
            (unsigned long long)row->line);
}

/* Moves everything on: waits at most a tick for sockets or for `fd` (-1: none), and returns true if
 * that is readable. */
static bool work(struct sender *s, int fd)
{
    struct curl_waitfd extra[2] = {{.fd = stop_fd(), .events = CURL_WAIT_POLLIN},
                                   {.fd = fd, .events = CURL_WAIT_POLLIN}};
    int wait_ms = TICK_MS;
    /* The stop's fd stays readable: once seen it would make a busy loop. */
    unsigned first = stop_asked() ? 1 : 0, count = (fd >= 0 ? 2u : 1u) - first;

    if (turn(s) || s->fatal.code)
        wait_ms = 0; /* there is a free slot to fill, or nothing to wait for */
    int64_t now = clock_ms();
    if (delivery_is_empty(s->delivery))
        s->progress_ms = now;
    else if (s->fatal.code == 0 && now - s->progress_ms > s->timeout_ms)
        time_out(s);
    if (s->resume_ms > now && s->resume_ms - now < wait_ms)
        wait_ms = (int)(s->resume_ms - now);
    curl_multi_poll(s->multi, extra + first, count, wait_ms, NULL);
    if (clock_ms() - s->tick_ms >= TICK_MS / 2) {
        s->tick_ms = clock_ms();
        s->events.tick(s->events.context);
    }
    return fd >= 0 && extra[1].revents != 0;
}

static int state(const struct sender *s, struct err *e)
{
    if (s->fatal.code) {
        *e = s->fatal;
        return e->code;
    }
    return stop_asked() ? err_set(e, ERR_AGAIN, "stopped by a signal") : 0;
}

int sender_send(struct sender *s, struct block *block, struct err *e)
{
    int code = state(s, e);

    while (code == 0 && !delivery_has_room(s->delivery)) {
        work(s, -1);
        code = state(s, e);
    }
    if (code < 0) {
        block_free(block);
        return code;
    }
    delivery_add(s->delivery, block);
    turn(s);
    return 0;
}

bool sender_wait(void *sender, int fd)
{
    struct sender *s = sender;
    struct pollfd input = {.fd = fd, .events = POLLIN};
    struct err ignored;

    if (poll(&input, 1, 0) > 0)
        return state(s, &ignored) == 0;
    while (state(s, &ignored) == 0)
        if (work(s, fd))
            return state(s, &ignored) == 0;
    return false;
}

int sender_finish(struct sender *s, struct err *e)
{
    int64_t end = 0;

    while (!delivery_is_empty(s->delivery) && s->fatal.code == 0) {
        if (stop_asked() && (count_flying(s) == 0 || (end && clock_ms() > end)))
            break;
        if (stop_asked() && !end)
            end = clock_ms() + DRAIN_MS;
        work(s, -1);
    }
    return state(s, e);
}

void sender_totals(const struct sender *s, struct delivery_totals *out)
{
    delivery_totals(s->delivery, out);
}
