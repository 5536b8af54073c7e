/* listen: see listen.h. */
#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

#define BUSY_TIMEOUT_MS    3000
#define FIRST_INHERITED_FD 3 /* SD_LISTEN_FDS_START */
#define NONE               INT_MIN

/* Returns the socket, NONE where none was handed over, or ERR_CONFIG. */
static int inherited(struct err *e)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    int fd = FIRST_INHERITED_FD, listens = 0;
    socklen_t size = sizeof listens;

    if (!pid || !count || strtol(pid, NULL, 10) != getpid())
        return NONE;
    if (strcmp(count, "1") != 0)
        return err_set(e, ERR_CONFIG,
                       "LISTEN_FDS = %s: one socket is wanted ([::] takes both IPv6 "
                       "and IPv4)",
                       count);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || !listens)
        return err_set(e, ERR_CONFIG, "LISTEN_FDS: descriptor %d is no listening socket", fd);
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return err_set(e, ERR_CONFIG, "LISTEN_FDS: %s", strerror(errno));
    return fd;
}

static int open_one(const struct addrinfo *at)
{
    int on = 1;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int open_any(const char *address, int port, struct err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    char service[12];
    int fd = -1;

    snprintf(service, sizeof service, "%d", port);
    int code = getaddrinfo(*address ? address : NULL, service, &hints, &found);
    if (code != 0)
        return err_set(e, ERR_CONFIG, "gateway.address = %s: %s", address, gai_strerror(code));
    /* The children of a supervisor that was just killed hold the port a moment longer. */
    int64_t deadline = clock_ms() + BUSY_TIMEOUT_MS;
    do {
        for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next)
            fd = open_one(at);
    } while (fd < 0 && errno == EADDRINUSE && clock_ms() < deadline && usleep(20000) == 0);
    freeaddrinfo(found);
    if (fd < 0)
        return err_set(e, errno == EADDRNOTAVAIL ? ERR_CONFIG : ERR_AGAIN,
                       "gateway.address, port = %s, %d: %s", address, port, strerror(errno));
    return fd;
}

int listen_open(const char *address, int port, struct listen_socket **out, struct err *e)
{
    struct listen_socket *s;
    int opened = inherited(e);

    if (opened == NONE)
        opened = open_any(address, port, e);
    if (opened < 0)
        return opened;
    s = xcalloc(1, sizeof *s);
    *s = (struct listen_socket){.fd = opened, .users = 1};
    if (own_host_find(opened, &s->host) < 0) {
        err_set(e, ERR_CONFIG, "getsockname: %s", strerror(errno));
        listen_free(s);
        return ERR_CONFIG;
    }
    *out = s;
    return 0;
}

struct listen_socket *listen_share(struct listen_socket *s)
{
    s->users++;
    return s;
}

void listen_close(struct listen_socket *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

void listen_free(struct listen_socket *s)
{
    if (!s || --s->users > 0)
        return;
    listen_close(s);
    free(s);
}
