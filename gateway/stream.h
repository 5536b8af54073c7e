/* stream: the socket of one client on the event loop: what has come and is not consumed yet, what
 * is to be sent and did not go out yet.
 *
 * Not a bufferevent: that asks the kernel for the number of bytes before it reads them, copies them
 * through chains of its own and writes only in the next turn of the loop. Here a request costs one
 * recv() and one send(). */
#ifndef NEWSMILL_GATEWAY_STREAM_H
#define NEWSMILL_GATEWAY_STREAM_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

/* Most bytes read ahead of their use; more stay in the kernel, and the client waits. */
#define STREAM_MAX_UNREAD 32768

struct stream {
    int fd;
    struct event reading, writing;
    bool paused;         /* `reading` is off: no room, or the end was read */
    bool ended;          /* the client sends no more */
    bool broken;         /* it is gone altogether */
    char *bytes;         /* STREAM_MAX_UNREAD of them; NULL while there is nothing unread */
    size_t start, end;   /* what is unread of them */
    struct buf unsent;   /* rarely used: what the socket did not take at once */
    size_t unsent_start; /* what of it is sent by now */
    uint64_t received;   /* bytes so far */
};

/* Takes over the socket. `readable` is to call stream_fill() or stream_read(); `writable` is called
 * when all is sent. */
void stream_init(struct stream *s, struct event_base *base, int fd,
                 void (*readable)(int, short, void *), void (*writable)(int, short, void *),
                 void *context);
void stream_fini(struct stream *s);

/* Reads once what is there. */
void stream_fill(struct stream *s);
/* The same past our own memory; only while nothing is unread. Returns the number of bytes. */
size_t stream_read(struct stream *s, char *to, size_t max_bytes);

static inline char *stream_unread(const struct stream *s, size_t *length)
{
    static char none[1]; /* nothing was read yet */

    *length = s->end - s->start;
    return s->bytes ? s->bytes + s->start : none;
}
void stream_consume(struct stream *s, size_t length);
/* Bytes of a next request: here or still in the kernel. */
bool stream_has_input(const struct stream *s);

/* Sends, or keeps what the socket does not take. */
void stream_send(struct stream *s, const char *bytes, size_t length);
/* From the event `writable`: true when all is sent. */
bool stream_flush(struct stream *s);
bool stream_sent(const struct stream *s);
/* True when there is something to act on without the loop's telling: unread bytes, or the end. */
static inline bool stream_stirs(const struct stream *s)
{
    return s->end > s->start || s->ended || s->broken;
}
/* Calls `writable` in the next turn of the loop. */
void stream_wake(struct stream *s);
void stream_shut(struct stream *s); /* the client reads our end; it may still send */

#endif
