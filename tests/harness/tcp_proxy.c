/* tcp_proxy: see tcp_proxy.h. One loop over poll in a forked child. */
#include "tcp_proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/err.h"
#include "harness.h"

#define MAX_PAIRS 64
#define CUT       'x' /* on the control socket; other bytes are '0' + mode */

/* One direction of one connection. */
struct flow {
    int from, to;
    char bytes[65536];
    size_t length;
    bool ended;  /* `from` will send no more */
    bool broken; /* `to` takes no more */
    bool over;   /* ended, and `to` was told */
};

struct pair {
    struct flow up, down; /* to the server, to the client */
    bool used;
};

static struct pair pairs[MAX_PAIRS];
static enum tcp_proxy_mode mode;
static int listening, control, server_port;

static void reset(int fd)
{
    struct linger now = {.l_onoff = 1}; /* close() then sends RST */

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

static void end_pair(struct pair *p)
{
    reset(p->up.from);
    reset(p->up.to);
    p->used = false;
}

static int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)server_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void accept_one(void)
{
    int client = accept4(listening, NULL, NULL, SOCK_CLOEXEC), server, on = 1, i = 0;

    if (client < 0)
        return;
    while (i < MAX_PAIRS && pairs[i].used)
        i++;
    if (i == MAX_PAIRS || mode == PROXY_REFUSE || (server = dial()) < 0) {
        reset(client);
        return;
    }
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(client, F_SETFL, O_NONBLOCK);
    fcntl(server, F_SETFL, O_NONBLOCK);
    struct pair *p = &pairs[i];
    memset(p, 0, sizeof *p);
    p->used = true;
    p->up.from = p->down.to = client;
    p->up.to = p->down.from = server;
}

static bool failed(ssize_t got)
{
    return got < 0 && errno != EAGAIN && errno != EINTR;
}

/* Moves what can be moved. */
static void move(struct flow *f, bool throw_away)
{
    ssize_t got = 0;

    if (f->length < sizeof f->bytes && !f->ended) {
        got = recv(f->from, f->bytes + f->length, sizeof f->bytes - f->length, 0);
        f->ended = got == 0 || failed(got);
        f->length += got > 0 ? (size_t)got : 0;
    }
    if (throw_away || f->broken)
        f->length = 0;
    while (f->length > 0) {
        size_t part = mode == PROXY_SLICE ? 1 : f->length;
        got = send(f->to, f->bytes, part, MSG_NOSIGNAL);
        if (failed(got)) {
            f->broken = true;
            f->length = 0;
        }
        if (got <= 0)
            break;
        f->length -= (size_t)got;
        memmove(f->bytes, f->bytes + got, f->length);
    }
    if (f->ended && f->length == 0 && !f->over) {
        shutdown(f->to, SHUT_WR);
        f->over = true;
    }
}

/* A client that is gone does not end the pair: what it sent before must still reach the server. */
static void move_both(struct pair *p)
{
    move(&p->up, false);
    move(&p->down, mode == PROXY_DEAF);
    if (p->up.over && p->down.over) {
        close(p->up.from);
        close(p->up.to);
        p->used = false;
    }
}

static void take_order(void)
{
    char order;

    if (read(control, &order, 1) != 1)
        _exit(0); /* the test is over */
    if (order != CUT)
        mode = (enum tcp_proxy_mode)(order - '0');
    for (int i = 0; i < MAX_PAIRS; i++)
        if (pairs[i].used && (order == CUT || mode == PROXY_REFUSE))
            end_pair(&pairs[i]);
    if (write(control, &order, 1) != 1)
        _exit(1);
}

static void watch(struct pollfd *polled, const struct flow *f)
{
    /* Where the end was seen, or all stalls, there is nothing to look at: poll would spin. */
    polled->fd = mode == PROXY_STALL || f->ended ? -1 : f->from;
    polled->events = f->length == sizeof f->bytes ? 0 : POLLIN;
}

static void serve(void)
{
    struct pollfd polled[2 + 2 * MAX_PAIRS];

    for (;;) {
        polled[0] = (struct pollfd){.fd = control, .events = POLLIN};
        polled[1] = (struct pollfd){.fd = listening, .events = POLLIN};
        bool waits = false; /* for room to send */
        for (int i = 0; i < MAX_PAIRS; i++) {
            struct pollfd *at = &polled[2 + 2 * i];
            at[0].fd = at[1].fd = -1;
            if (!pairs[i].used)
                continue;
            watch(&at[0], &pairs[i].up);
            watch(&at[1], &pairs[i].down);
            waits |= pairs[i].up.length > 0 || pairs[i].down.length > 0;
        }
        if (poll(polled, 2 + 2 * MAX_PAIRS, waits && mode != PROXY_STALL ? 1 : -1) < 0)
            continue;
        if (polled[0].revents)
            take_order();
        if (polled[1].revents)
            accept_one();
        for (int i = 0; i < MAX_PAIRS && mode != PROXY_STALL; i++)
            if (pairs[i].used)
                move_both(&pairs[i]);
    }
}

void tcp_proxy_start(struct tcp_proxy *p, int to_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    pid_t parent = getpid();
    int ends[2];

    listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(listening, (struct sockaddr *)&address, size) < 0 || listen(listening, 64) < 0 ||
        getsockname(listening, (struct sockaddr *)&address, &size) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        panic("proxy: %s", strerror(errno));
    *p = (struct tcp_proxy){.port = ntohs(address.sin_port), .control = ends[0], .pid = fork()};
    if (p->pid < 0)
        panic("fork: %s", strerror(errno));
    if (p->pid == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        close(ends[0]);
        control = ends[1];
        server_port = to_port;
        memset(pairs, 0, sizeof pairs);
        mode = PROXY_PASS;
        serve();
    }
    setpgid(p->pid, p->pid);
    proc_adopt(p->pid);
    close(ends[1]);
    close(listening);
}

static void order(struct tcp_proxy *p, char what)
{
    char answer;

    if (write(p->control, &what, 1) != 1 || read(p->control, &answer, 1) != 1)
        panic("the proxy is gone");
}

void tcp_proxy_set(struct tcp_proxy *p, enum tcp_proxy_mode to)
{
    order(p, (char)('0' + (int)to));
}

void tcp_proxy_cut(struct tcp_proxy *p)
{
    order(p, CUT);
}
