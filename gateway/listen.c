/* listen: see listen.h. */
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

#define BUSY_TIMEOUT_MS    3000
#define FIRST_INHERITED_FD 3 /* SD_LISTEN_FDS_START */
#define NONE               INT_MIN

static bool is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_UNIX)
        return true;
    if (address->ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

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

static void write_host(const struct sockaddr_storage *bound, char *out, size_t size)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)bound;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)bound;
    char text[INET6_ADDRSTRLEN];

    if (bound->ss_family == AF_INET && inet_ntop(AF_INET, &four->sin_addr, text, sizeof text))
        snprintf(out, size, "%s", text);
    else if (bound->ss_family == AF_INET6 &&
             inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text))
        snprintf(out, size, "[%s]", text);
    else
        *out = 0;
}

int listen_open(const char *address, int port, struct listen_socket *out, struct err *e)
{
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    int opened = inherited(e);

    if (opened == NONE)
        opened = open_any(address, port, e);
    if (opened < 0)
        return opened;
    if (getsockname(opened, (struct sockaddr *)&bound, &size) < 0) {
        close(opened);
        return err_set(e, ERR_CONFIG, "getsockname: %s", strerror(errno));
    }
    out->fd = opened;
    out->loopback = is_loopback(&bound);
    write_host(&bound, out->host, sizeof out->host);
    return 0;
}
