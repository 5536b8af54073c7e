/* good_client: see good_client.h. */
#include "good_client.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "raw.h"
#include "tests/harness/harness.h"

#define MAX_TIMES         200000
#define REQUESTS_A_SOCKET 20

static const char request[] =
    "POST /post/enqueue HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    "Content-Length: 57\r\n\r\n{\"content\":\"Ann Lee went to "
    "Paris.\",\"publication\":\"Good\"}";

/* Shared by both processes. */
struct good_client {
    pid_t pid;
    _Atomic bool stop, stopped;
    _Atomic long requests, failures;
    float times_ms[MAX_TIMES]; /* of the first ones, then of the latest */
};

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void post(struct good_client *c, int port)
{
    int fd = raw_dial(port);

    for (int i = 0; i < REQUESTS_A_SOCKET && !c->stop; i++) {
        double began = now_ms();
        raw_send(fd, request, sizeof request - 1, 0);
        bool good = strcmp(raw_hear(fd, 1, false), "201") == 0;
        c->times_ms[c->requests++ % MAX_TIMES] = (float)(now_ms() - began);
        if (!good) {
            c->failures++;
            fprintf(stderr, "\n  a good client got: %.300s\n", raw_heard());
            break;
        }
    }
    close(fd);
}

struct good_client *good_client_start(int port)
{
    struct good_client *c =
        mmap(NULL, sizeof *c, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (c == MAP_FAILED)
        panic("mmap");
    fflush(NULL);
    pid_t pid = fork(); /* not into *c: that is the child's too */
    if (pid < 0)
        panic("fork");
    if (pid == 0) {
        setpgid(0, 0);
        while (!c->stop)
            post(c, port);
        c->stopped = true;
        _exit(0);
    }
    setpgid(pid, pid);
    proc_adopt(pid);
    c->pid = pid;
    return c;
}

long good_client_requests(const struct good_client *c)
{
    return c->requests;
}

static int compare(const void *a, const void *b)
{
    float left = *(const float *)a, right = *(const float *)b;

    return (left > right) - (left < right);
}

void good_client_stop(struct good_client *c, struct good_client_result *out)
{
    c->stop = true;
    waitpid(c->pid, NULL, 0);
    long kept = c->requests < MAX_TIMES ? c->requests : MAX_TIMES;
    *out = (struct good_client_result){.requests = c->requests, .failures = c->failures};
    if (!c->stopped) { /* it died */
        fprintf(stderr, "\n  the good client is gone\n");
        out->failures++;
    }
    if (kept > 0) {
        qsort(c->times_ms, (size_t)kept, sizeof c->times_ms[0], compare);
        out->p50_ms = c->times_ms[kept / 2];
        out->p99_ms = c->times_ms[kept * 99 / 100];
        out->max_ms = c->times_ms[kept - 1];
    }
    munmap(c, sizeof *c);
}
