/* Mutated requests by the thousand (NEWSMILL_LONG=1: 100,000), many at once and in random segments:
 * each gets an answer of the right kind or a clean end, none hangs, nothing leaks, the children
 * live, and a good client is served all the while. NEWSMILL_SEED=n takes another road. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "children.h"
#include "common/clock.h"
#include "common/err.h"
#include "good_client.h"
#include "mutate.h"
#include "raw.h"
#include "tests/harness/harness.h"

#define CLIENTS       48
#define DEADLINE_MS   20000
#define WARM_UP       1000
#define MAX_GROWTH_KB 65536 /* between the end of the warm-up and the end */

struct client {
    int fd; /* -1: none */
    size_t number;
    struct mutate_case request;
    size_t sent;
    bool said_all;
    int64_t deadline_ms;
    struct buf heard;
};

static struct farm farm;
static struct mutate_random chance;
static long statuses[600], reports;

static void report(const struct client *c, const char *what)
{
    CU_FAIL("a mutated request");
    if (++reports > 5)
        return;
    fprintf(stderr, "\n  request %zu: %s; sent: \"", c->number, what);
    for (size_t i = 0; i < c->request.bytes.length && i < 1200; i++) {
        unsigned char byte = (unsigned char)c->request.bytes.bytes[i];
        if (byte == '\r' || byte == '\n')
            fprintf(stderr, "\\%c", byte == '\r' ? 'r' : 'n');
        else
            fprintf(stderr, byte < 0x20 || byte > 0x7e ? "\\x%02x" : "%c", byte);
    }
    fprintf(stderr, "\" heard: \"%s\"\n", c->heard.length ? c->heard.bytes : "");
}

static bool is_allowed(long status)
{
    static const long allowed[] = {100, 200, 201, 204, 304, 400, 403, 404, 405,
                                   413, 414, 415, 417, 422, 429, 431, 501, 505};

    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
        if (allowed[i] == status)
            return true;
    return false;
}

/* One answer at `at`; returns where it ends, or NULL with *wrong set. */
static const char *read_answer(const struct client *c, const char *at, long *status,
                               const char **wrong)
{
    const char *end = c->heard.bytes + c->heard.length, *empty = strstr(at, "\r\n\r\n");
    const char *size = strstr(at, "\r\nContent-Length: ");

    *wrong = "what came back is no HTTP";
    if (!empty || strncmp(at, "HTTP/1.1 ", 9) != 0)
        return NULL;
    *status = strtol(at + 9, NULL, 10);
    *wrong = "a status that may not be";
    if (!is_allowed(*status))
        return NULL;
    statuses[*status]++;
    const char *body = empty + 4;
    size_t length = size && size < empty ? strtoul(size + 18, NULL, 10) : 0;
    if (length > 0 && memmem(c->request.bytes.bytes, c->request.bytes.length, "HEAD", 4) &&
        (body == end || strncmp(body, "HTTP/1.1 ", 9) == 0))
        length = 0;
    *wrong = "an answer that is cut short";
    if (length > (size_t)(end - body))
        return NULL;
    *wrong = "an answer behind one that said Connection: close";
    const char *closes = memmem(at, (size_t)(empty - at), "\r\nConnection: close", 19);
    return closes && body + length != end ? NULL : body + length;
}

static bool is_blank(const struct buf *b)
{
    return strspn(b->length ? b->bytes : "", "\r\n") == b->length;
}

/* The connection has ended: is what was heard right for what was said? */
static void judge(const struct client *c)
{
    char heard[128] = "";
    const char *at = c->heard.bytes, *wrong;
    long status;

    if (c->heard.length == 0) {
        if (!is_blank(&c->request.bytes))
            report(c, "no answer");
        return;
    }
    while (at < c->heard.bytes + c->heard.length) {
        at = read_answer(c, at, &status, &wrong);
        if (!at) {
            report(c, wrong);
            return;
        }
        size_t used = strlen(heard);
        snprintf(heard + used, sizeof heard - used, "%s%ld", used ? " " : "", status);
    }
    if (c->request.wanted && strcmp(c->request.wanted, heard) != 0)
        report(c, "not mutated, and wanted another answer");
}

static void end_client(struct client *c)
{
    close(c->fd);
    c->fd = -1;
    mutate_free(&c->request);
    buf_fini(&c->heard);
}

static void begin_client(struct client *c, size_t number)
{
    *c = (struct client){.number = number, .deadline_ms = clock_ms() + DEADLINE_MS};
    c->fd = raw_dial(farm.gateway_port);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    buf_init(&c->heard, 8 << 20);
    mutate_make(&chance, &c->request);
}

static size_t segment(size_t left)
{
    static const size_t most[] = {2, 20, 200, 100000};
    size_t length = 1 + mutate_below(&chance, most[mutate_below(&chance, 4)]);

    return length < left ? length : left;
}

/* Returns false when the client is gone. */
static bool talk(struct client *c)
{
    size_t left = c->request.bytes.length - c->sent, length = segment(left);

    if (left > 0) {
        ssize_t sent = send(c->fd, c->request.bytes.bytes + c->sent, length, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            c->sent = c->request.bytes.length; /* it does not listen any more */
        else if (sent > 0)
            c->sent += (size_t)sent;
    }
    if (c->sent < c->request.bytes.length)
        return true;
    c->said_all = true;
    if (c->request.end == MUTATE_ABORT) {
        struct linger reset = {.l_onoff = 1};
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        end_client(c);
        return false;
    }
    shutdown(c->fd, SHUT_WR);
    return true;
}

/* Returns false when the client is gone. */
static bool listen_to(struct client *c)
{
    char bytes[65536];
    ssize_t got = recv(c->fd, bytes, sizeof bytes, 0);

    if (got > 0) {
        buf_append(&c->heard, bytes, (size_t)got);
        return true;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (got < 0)
        report(c, "reset");
    else
        judge(c);
    end_client(c);
    return false;
}

static void run_requests(size_t count, size_t first)
{
    struct client clients[CLIENTS];
    struct pollfd files[CLIENTS];
    size_t begun = 0, open = 0;

    for (size_t i = 0; i < CLIENTS; i++)
        clients[i].fd = -1;
    while (begun < count || open > 0) {
        open = 0;
        for (size_t i = 0; i < CLIENTS; i++) {
            struct client *c = &clients[i];
            if (c->fd < 0 && begun < count)
                begin_client(c, first + begun++);
            open += c->fd >= 0;
            files[i] = (struct pollfd){.fd = c->fd, .events = POLLIN};
            if (c->fd >= 0 && !c->said_all)
                files[i].events |= POLLOUT;
        }
        poll(files, CLIENTS, 1000);
        for (size_t i = 0; i < CLIENTS; i++) {
            struct client *c = &clients[i];
            if (c->fd >= 0 && files[i].revents & POLLOUT && !talk(c))
                continue;
            if (c->fd >= 0 && files[i].revents & (POLLIN | POLLHUP | POLLERR) && !listen_to(c))
                continue;
            if (c->fd >= 0 && clock_ms() > c->deadline_ms) {
                report(c, "hangs");
                end_client(c);
            }
        }
    }
}

/* Not more: one of the first look may have been the connection of a probe, about to end. */
static bool has_files_of(void *before)
{
    struct children now;

    children_look(&farm.gateway, &now);
    return now.files <= ((struct children *)before)->files;
}

static void print_figures(size_t count, const struct good_client_result *good, long growth_kb)
{
    printf("\n    %zu requests; memory %+ld KB after the first %d; answers:", count, growth_kb,
           WARM_UP);
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (statuses[i])
            printf(" %zu: %ld", i, statuses[i]);
    printf("\n    a good client meanwhile: %ld requests, %ld failures, p50 %.2f ms, p99 %.2f ms, "
           "longest %.1f ms ",
           good->requests, good->failures, good->p50_ms, good->p99_ms, good->max_ms);
}

static void test_mutated(void)
{
    size_t count = getenv("NEWSMILL_LONG") ? 100000 : 5000;
    const char *seed = getenv("NEWSMILL_SEED");
    struct good_client_result result;
    struct children before, warm, after;

    chance.state = seed ? strtoull(seed, NULL, 10) : 20261124;
    memset(statuses, 0, sizeof statuses);
    reports = 0;
    farm_init(&farm);
    farm_start_gateway(&farm);
    children_look(&farm.gateway, &before);
    CU_ASSERT_FATAL(before.count > 0 && before.files > 0);
    struct good_client *good = good_client_start(farm.gateway_port);
    run_requests(WARM_UP, 0);
    children_look(&farm.gateway, &warm);
    run_requests(count - WARM_UP, WARM_UP);
    good_client_stop(good, &result);

    CU_ASSERT(result.requests > 0 && result.failures == 0);
    CU_ASSERT(wait_until("all connections to be closed", 20000, has_files_of, &before));
    children_look(&farm.gateway, &after);
    CU_ASSERT(after.count == before.count && after.pids[0] == before.pids[0]);
    CU_ASSERT(after.resident_kb - warm.resident_kb < MAX_GROWTH_KB);
    CU_ASSERT_FALSE(proc_logged(&farm.gateway, "child.died"));
    CU_ASSERT(statuses[200] > 0 && statuses[201] > 0 && statuses[400] > (long)count / 10);
    if (getenv("NEWSMILL_LONG"))
        print_figures(count, &result, after.resident_kb - warm.resident_kb);
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
    redis_kill(&farm.redis);
    harness_end();
}

void suite_mutated(void);

void suite_mutated(void)
{
    CU_pSuite suite = CU_add_suite("mutated", NULL, NULL);

    CU_add_test(suite, "mutated requests", test_mutated);
}
