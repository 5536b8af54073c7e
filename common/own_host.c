/* own_host: see own_host.h. */
#include "own_host.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

static bool is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_UNIX)
        return true;
    if (address->ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
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

int own_host_find(int listening_fd, struct own_host *out)
{
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;

    if (getsockname(listening_fd, (struct sockaddr *)&bound, &size) < 0)
        return -1;
    out->loopback = is_loopback(&bound);
    write_host(&bound, out->text, sizeof out->text);
    return 0;
}

bool own_host_matches(const struct own_host *own, const char *configured, const char *host)
{
    /* 0.0.0.0 is where the uploader of the original posts to. */
    const char *const names[] = {"localhost", "127.0.0.1", "[::1]",   "0.0.0.0",
                                 "[::]",      own->text,   configured};

    for (size_t i = 0; host && i < sizeof names / sizeof names[0]; i++) {
        size_t length = strlen(names[i]);
        if (length == 0 || strncasecmp(host, names[i], length) != 0)
            continue;
        const char *port = host + length;
        if (!*port || (*port == ':' && strspn(port + 1, "0123456789") == strlen(port + 1)))
            return true;
    }
    return false;
}
