/* doctor_addresses: where the roles listen, or would: is the address ours, is the port free or
 * ours, and who can reach it? */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/doctor_report.h"

#define ADD(level, name, advice, ...) doctor_report(report, level, name, advice, __VA_ARGS__)

struct place {
    const char *check, *address, *open_advice; /* advice: for when strangers can reach it */
    int64_t port;
    bool metrics;
};

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 ==
               127;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

/* errno of binding there for a moment, without listening; 0: the place is free. */
static int try_bind(const struct addrinfo *at)
{
    int on = 1, code = 0;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, at->ai_addr, at->ai_addrlen) < 0)
        code = errno;
    close(fd);
    return code;
}

static void check_bind(struct doctor_report *report, const struct place *p,
                       const struct addrinfo *at)
{
    int code = try_bind(at);

    if (code == EADDRNOTAVAIL)
        ADD(DOCTOR_BAD, p->check, "set an address of this machine", "%s port %d: %s", p->address,
            (int)p->port, strerror(code));
    else if (code != 0 && code != EADDRINUSE)
        ADD(DOCTOR_WARN, p->check, "ports below 1024 want a right or a systemd socket",
            "%s port %d: %s", p->address, (int)p->port, strerror(code));
    else if (!is_loopback(at->ai_addr) && *p->open_advice)
        ADD(p->metrics ? DOCTOR_WARN : DOCTOR_BAD, p->check, p->open_advice,
            "%s port %d can be reached by other machines", p->address, (int)p->port);
    else
        ADD(DOCTOR_OK, p->check, "", "%s port %d %s", p->address, (int)p->port,
            code ? "is in use, as it should be while the role runs" : "is free: the role is down");
}

static void check_place(struct doctor_report *report, const struct place *p)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *at;
    char port[12];

    if (p->port == 0) {
        ADD(DOCTOR_OK, p->check, "", "none is served");
        return;
    }
    snprintf(port, sizeof port, "%d", (int)p->port);
    int code = getaddrinfo(p->address, port, &hints, &at);
    if (code != 0) {
        ADD(DOCTOR_BAD, p->check, "set an address of this machine", "%s: %s", p->address,
            gai_strerror(code));
        return;
    }
    check_bind(report, p, at);
    freeaddrinfo(at);
}

static bool is_wildcard(const char *address)
{
    return strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
}

void doctor_addresses(struct doctor_report *report)
{
    const struct conf *conf = report->conf;
    const char *metrics = "metrics know no key: keep them on loopback or behind a firewall";
    const char *no_keys = "make keys (newsmill key new) and set gateway.keys_file: without one the "
                          "gateway starts on loopback only";
    const struct place places[] = {
        {.check = "gateway.address",
         .address = conf->gateway.address,
         .port = conf->gateway.port,
         .open_advice = *conf->gateway.keys_file ? "" : no_keys},
        {.check = "workers.metrics",
         .address = conf->workers.metrics_address,
         .port = conf->workers.metrics_port,
         .open_advice = metrics,
         .metrics = true},
        {.check = "savers.metrics",
         .address = conf->savers.metrics_address,
         .port = conf->savers.metrics_port,
         .open_advice = metrics,
         .metrics = true},
    };
    const size_t count = sizeof places / sizeof places[0];

    for (size_t i = 0; i < count; i++) {
        check_place(report, &places[i]);
        for (size_t k = 0; k < i; k++)
            if (places[i].port && places[i].port == places[k].port &&
                (strcmp(places[i].address, places[k].address) == 0 ||
                 is_wildcard(places[i].address) || is_wildcard(places[k].address)))
                ADD(DOCTOR_BAD, places[i].check, "give each its own port",
                    "%s has the same port %d", places[k].check, (int)places[k].port);
    }
}
