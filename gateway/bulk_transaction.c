/* bulk_transaction: see bulk_transaction.h. */
#include "bulk_transaction.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulk_lua.h"

/* EVAL and not EVALSHA: in a transaction NOSCRIPT would come after the pushes. */
const char *const bulk_script = bulk_lua;

#define MULTI   "*1\r\n$5\r\nMULTI\r\n"
#define EXEC    "*1\r\n$4\r\nEXEC\r\n"
#define DISCARD "*1\r\n$7\r\nDISCARD\r\n"

/* One command under way. */
struct sent {
    struct bulk_transaction *transaction;
    size_t bytes;
};

static void note(struct bulk_transaction *t, const char *why)
{
    if (!*t->why)
        snprintf(t->why, sizeof t->why, "%s", why);
}

static struct bulk_transaction *settle(struct sent *s, const char *why)
{
    struct bulk_transaction *t = s->transaction;

    t->owed--;
    t->bytes -= s->bytes;
    free(s);
    if (why)
        note(t, why);
    return t;
}

static void on_queued(void *context, const struct redis_async_reply *reply, const char *why)
{
    struct bulk_transaction *t = settle(context, why);

    (void)reply;
    t->moved(t->context);
}

/* EXECABORT only says that something failed before; that is known better. */
static void on_done(void *context, const struct redis_async_reply *reply, const char *why)
{
    static const char abort[] = "EXECABORT Transaction discarded because of: ";

    if (why && strncmp(why, abort, sizeof abort - 1) == 0)
        why += sizeof abort - 1;
    struct bulk_transaction *t = settle(context, why);
    t->done.run(t->done.context, reply, reply ? NULL : t->why);
}

static bool send_command(struct bulk_transaction *t, const char *bytes, size_t length,
                         void (*run)(void *, const struct redis_async_reply *, const char *))
{
    struct sent *s = xmalloc(sizeof *s);
    struct redis_async_callback callback = {.run = run, .context = s};
    struct err e;

    *s = (struct sent){.transaction = t, .bytes = length};
    t->owed++;
    t->bytes += length;
    if (redis_async_send_written(t->redis, bytes, length, callback, &e) == 0)
        return true;
    settle(s, e.code == ERR_LIMIT ? "BUSY too many articles are on their way" : e.text);
    return false;
}

/* MULTI went to another connection than the one that there is now: that was lost while nothing was
 * owed, so nobody was told. What is pushed to the new one would not wait for EXEC. */
static bool is_cut_off(const struct bulk_transaction *t)
{
    return t->begun && t->connection != redis_async_connection(t->redis);
}

/* What was begun and cannot be ended well ends with the connection. */
static void send_or_reset(struct bulk_transaction *t, const char *bytes, size_t length,
                          void (*run)(void *, const struct redis_async_reply *, const char *))
{
    if (is_cut_off(t))
        note(t, "connection: lost in the middle of a transaction");
    else if (!send_command(t, bytes, length, run) && t->begun)
        redis_async_reset(t->redis, t->why);
}

static bool begin(struct bulk_transaction *t)
{
    if (!t->begun && send_command(t, MULTI, sizeof MULTI - 1, on_queued)) {
        t->begun = true;
        t->connection = redis_async_connection(t->redis);
    }
    return t->begun;
}

void bulk_transaction_push(struct bulk_transaction *t, const char *command, size_t length)
{
    if (begin(t))
        send_or_reset(t, command, length, on_queued);
}

static void append(struct buf *out, const char *bytes, size_t length)
{
    buf_printf(out, "$%zu\r\n", length);
    buf_append(out, bytes, length);
    buf_append(out, "\r\n", 2);
}

static void append_text(struct buf *out, const char *text)
{
    append(out, text, strlen(text));
}

static void append_number(struct buf *out, long long number)
{
    char text[24];

    snprintf(text, sizeof text, "%lld", number);
    append_text(out, text);
}

static void write_commit(const struct bulk_commit *c, struct buf *out)
{
    int keys = c->memory ? 3 : 2;

    buf_printf(out, "*%zu\r\n", 3 + (size_t)keys + 7 + c->argument_count);
    append_text(out, "EVAL");
    append_text(out, bulk_lua);
    append_number(out, keys);
    append_text(out, c->articles);
    append_text(out, c->stats);
    if (c->memory)
        append_text(out, c->memory);
    append_number(out, (long long)c->pushed);
    append_number(out, c->max_backlog);
    append_text(out, c->base);
    append_text(out, c->hash);
    append_text(out, c->remember_seconds);
    append_number(out, c->window_s);
    append_text(out, c->digests);
    buf_append(out, c->arguments, c->arguments_length);
}

void bulk_transaction_commit(struct bulk_transaction *t, const struct bulk_commit *commit)
{
    struct buf out;

    buf_init(&out, commit->arguments_length + 65536);
    write_commit(commit, &out);
    if (buf_failed(&out))
        panic("the arguments of bulk.lua take more than %zu bytes", out.max_bytes);
    if (begin(t))
        send_or_reset(t, out.bytes, out.length, on_queued);
    buf_fini(&out);
    if (!*t->why)
        send_or_reset(t, EXEC, sizeof EXEC - 1, on_done);
}

void bulk_transaction_discard(struct bulk_transaction *t)
{
    if (t->begun && !is_cut_off(t))
        send_or_reset(t, DISCARD, sizeof DISCARD - 1, on_queued);
    t->begun = false;
}
