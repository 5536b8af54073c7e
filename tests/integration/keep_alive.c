/* keep_alive: see keep_alive.h. */
#include "keep_alive.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/err.h"
#include "tests/harness/harness.h"

#define MAX_CLIENTS 64
#define MAX_PAUSE   40 /* ms between two requests of a client that pauses */

struct keep_alive {
    pid_t pid;
    int control; /* shut: end; then it writes its result */
};

struct client {
    int fd; /* -1: none */
    bool waits;
    int64_t due_ms; /* of the next request */
    char answer[4096];
    size_t length;
};

static struct client clients[MAX_CLIENTS];
static struct keep_alive_result result;
static long next_id;

static void dial(struct client *c, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0)
        panic("connect: %s", strerror(errno));
}

static void send_request(struct client *c)
{
    char body[128], text[512];

    int size = snprintf(body, sizeof body,
                        "{\"content\":\"Apple\",\"publication\":\"P\",\"id\":\"%ld\"}", next_id++);
    int length = snprintf(text, sizeof text,
                          "POST /post/enqueue HTTP/1.1\r\nHost: localhost\r\n"
                          "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                          size, body);
    c->length = 0;
    c->waits = true;
    (void)!send(c->fd, text, (size_t)length, MSG_NOSIGNAL); /* its end is seen when reading */
}

static void hang_up(struct client *c)
{
    close(c->fd);
    c->fd = -1;
}

/* Takes note of a whole answer. */
static void take_answer(struct client *c, bool pauses)
{
    const char *end = strstr(c->answer, "\r\n\r\n"), *size = strstr(c->answer, "Content-Length: ");
    int status = (int)strtol(c->answer + 9, NULL, 10);

    if (!end || !size || c->length < (size_t)(end + 4 - c->answer) + strtoul(size + 16, NULL, 10))
        return;
    if (status == 201) {
        result.created++;
    } else {
        result.other++;
        result.last_other = status;
    }
    c->waits = false;
    c->due_ms = clock_ms() + (pauses ? random() % MAX_PAUSE : 0);
    if (strstr(c->answer, "\r\nConnection: close\r\n")) {
        result.told++;
        hang_up(c);
    }
}

static void hear(struct client *c, bool pauses)
{
    ssize_t got = recv(c->fd, c->answer + c->length, sizeof c->answer - 1 - c->length, 0);

    if (got > 0) {
        c->length += (size_t)got;
        c->answer[c->length] = 0;
        take_answer(c, pauses);
        return;
    }
    result.cut += c->waits;
    result.idle_ends += !c->waits;
    c->waits = false;
    hang_up(c);
}

/* One look at all; returns how many wait for an answer. */
static int turn(int count, int port, int control, bool ends)
{
    struct pollfd polled[MAX_CLIENTS + 1];
    int64_t now = clock_ms();
    int waiting = 0;

    for (int i = 0; i < count; i++) {
        struct client *c = &clients[i];
        if (c->fd < 0 && !ends)
            dial(c, port);
        if (!ends && !c->waits && c->due_ms <= now)
            send_request(c);
        waiting += c->waits;
        polled[i] = (struct pollfd){.fd = c->fd, .events = POLLIN};
    }
    polled[count] = (struct pollfd){.fd = ends ? -1 : control, .events = POLLIN};
    poll(polled, (nfds_t)count + 1, 5);
    for (int i = 0; i < count; i++)
        if (polled[i].fd >= 0 && polled[i].revents)
            hear(&clients[i], i % 2);
    return waiting;
}

static void run(int count, int port, int control)
{
    struct pollfd stop = {.fd = control, .events = POLLIN};
    int64_t deadline;

    srandom(1);
    for (int i = 0; i < count; i++)
        clients[i].fd = -1;
    while (poll(&stop, 1, 0) == 0)
        turn(count, port, control, false);
    deadline = clock_ms() + 10000;
    while (turn(count, port, control, true) > 0 && clock_ms() < deadline)
        ;
    for (int i = 0; i < count; i++)
        result.cut += clients[i].waits;
    _exit(write(control, &result, sizeof result) == sizeof result ? 0 : 1);
}

struct keep_alive *keep_alive_start(int port, int connections)
{
    struct keep_alive *k = xcalloc(1, sizeof *k);
    pid_t parent = getpid();
    int ends[2];

    CU_ASSERT_FATAL(connections <= MAX_CLIENTS);
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    fflush(NULL);
    k->pid = fork();
    if (k->pid == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        close(ends[0]);
        run(connections, port, ends[1]);
    }
    CU_ASSERT_FATAL(k->pid > 0);
    proc_adopt(k->pid);
    close(ends[1]);
    k->control = ends[0];
    return k;
}

void keep_alive_stop(struct keep_alive *k, struct keep_alive_result *out)
{
    shutdown(k->control, SHUT_WR);
    CU_ASSERT_EQUAL(read(k->control, out, sizeof *out), sizeof *out);
    close(k->control);
    free(k);
}
