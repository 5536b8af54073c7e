/* stream: see stream.h. */
#include "stream.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/err.h"

#define MAX_POOLED 64
/* All answers that one client leaves unread. A bulk's is the longest. */
#define MAX_UNSENT_BYTES ((size_t)64 << 20)

/* Most connections have nothing unread between two turns of the loop: they share this memory, and
 * it stays in the processor's cache. */
static char *pool[MAX_POOLED];
static unsigned pooled;

static void take_bytes(struct stream *s)
{
    s->bytes = pooled > 0 ? pool[--pooled] : xmalloc(STREAM_MAX_UNREAD);
    s->start = s->end = 0;
}

static void give_bytes(struct stream *s)
{
    if (s->bytes && pooled < MAX_POOLED)
        pool[pooled++] = s->bytes;
    else
        free(s->bytes);
    s->bytes = NULL;
    s->start = s->end = 0;
}

void stream_init(struct stream *s, struct event_base *base, int fd,
                 void (*readable)(int, short, void *), void (*writable)(int, short, void *),
                 void *context)
{
    int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    *s = (struct stream){.fd = fd};
    buf_init(&s->unsent, MAX_UNSENT_BYTES);
    if (event_assign(&s->reading, base, fd, EV_READ | EV_PERSIST, readable, context) < 0 ||
        event_assign(&s->writing, base, fd, EV_WRITE | EV_PERSIST, writable, context) < 0 ||
        event_add(&s->reading, NULL) < 0)
        panic("event_add: %s", strerror(errno));
}

void stream_fini(struct stream *s)
{
    event_del(&s->reading);
    event_del(&s->writing);
    give_bytes(s);
    buf_fini(&s->unsent);
    close(s->fd);
}

static void pause_reading(struct stream *s)
{
    s->paused = true;
    event_del(&s->reading);
}

/* Takes note of an end or an error; returns how many bytes have come. */
static size_t received(struct stream *s, ssize_t got)
{
    if (got > 0) {
        s->received += (uint64_t)got;
        return (size_t)got;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    s->ended = true;
    s->broken = got < 0;
    pause_reading(s); /* or the loop would tell of it for ever */
    return 0;
}

void stream_fill(struct stream *s)
{
    if (!s->bytes)
        take_bytes(s);
    if (s->end == STREAM_MAX_UNREAD && s->start > 0) {
        memmove(s->bytes, s->bytes + s->start, s->end - s->start);
        s->end -= s->start;
        s->start = 0;
    }
    if (s->end == STREAM_MAX_UNREAD) {
        pause_reading(s);
        return;
    }
    s->end += received(s, recv(s->fd, s->bytes + s->end, STREAM_MAX_UNREAD - s->end, 0));
    if (s->start == s->end)
        give_bytes(s);
}

size_t stream_read(struct stream *s, char *to, size_t max_bytes)
{
    return received(s, recv(s->fd, to, max_bytes, 0));
}

void stream_consume(struct stream *s, size_t length)
{
    s->start += length;
    if (s->start == s->end)
        give_bytes(s);
    if (s->paused && !s->ended && s->end - s->start < STREAM_MAX_UNREAD) {
        s->paused = false;
        if (event_add(&s->reading, NULL) < 0)
            panic("event_add: %s", strerror(errno));
    }
}

bool stream_has_input(const struct stream *s)
{
    int waiting = 0;

    return s->end > s->start || (ioctl(s->fd, FIONREAD, &waiting) == 0 && waiting > 0);
}

void stream_send(struct stream *s, const char *bytes, size_t length)
{
    ssize_t sent = 0;

    if (stream_sent(s)) {
        sent = send(s->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            s->broken = true; /* nothing else will be heard of it */
            return;
        }
        if (sent < 0)
            sent = 0;
    }
    if ((size_t)sent == length)
        return;
    if (stream_sent(s) && event_add(&s->writing, NULL) < 0)
        panic("event_add: %s", strerror(errno));
    if (buf_append(&s->unsent, bytes + sent, length - (size_t)sent) < 0)
        s->broken = true;
}

bool stream_sent(const struct stream *s)
{
    return s->unsent_start == s->unsent.length;
}

void stream_wake(struct stream *s)
{
    event_active(&s->writing, EV_WRITE, 0);
}

bool stream_flush(struct stream *s)
{
    if (stream_sent(s))
        return true;
    ssize_t sent = send(s->fd, s->unsent.bytes + s->unsent_start,
                        s->unsent.length - s->unsent_start, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent > 0)
        s->unsent_start += (size_t)sent;
    else if (sent < 0 && errno != EAGAIN && errno != EINTR)
        s->broken = true;
    if (!stream_sent(s) && !s->broken)
        return false;
    event_del(&s->writing);
    s->unsent_start = 0;
    buf_fini(&s->unsent);
    return true;
}

void stream_shut(struct stream *s)
{
    shutdown(s->fd, SHUT_WR);
}
