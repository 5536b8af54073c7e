/* Slow clients: hundreds that send a byte now and then, or never read; meanwhile a good client is
 * served and memory stays bounded. With NEWSMILL_LONG=1 also slowhttptest with 1,000 connections.
 */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "children.h"
#include "good_client.h"
#include "raw.h"
#include "tests/harness/harness.h"

#define HOST          "Host: localhost\r\n"
#define SLOW          200
#define ROUNDS        12
#define POSTS_A_ROUND 20
#define MAX_GROWTH_KB 65536

/* What a slow client says at first, and what again and again. */
static const struct {
    const char *first, *again;
} kinds[] = {
    {"POST /post/enqueue HTTP/1.1\r\n" HOST, "X-a: b\r\n"},
    {"G", "E"},
    {"POST /post/enqueue HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
     "Content-Length: 100000\r\n\r\n",
     " "},
    {"POST /post/bulk HTTP/1.1\r\n" HOST "Content-Type: application/x-ndjson\r\n"
     "Transfer-Encoding: chunked\r\n\r\n",
     "1\r\n\n\r\n"},
    {"", ""}, /* asks for much below, and does not read it */
};

#define KINDS (sizeof kinds / sizeof kinds[0])

static struct farm farm;

struct progress {
    const struct good_client *good;
    long wanted;
};

static bool has_posted(void *context)
{
    const struct progress *p = context;

    return good_client_requests(p->good) >= p->wanted;
}

static int begin_slow(size_t kind)
{
    int fd = raw_dial(farm.gateway_port);

    raw_send(fd, kinds[kind].first, strlen(kinds[kind].first), 0);
    if (*kinds[kind].first)
        return fd;
    int least = 1;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof least);
    for (int i = 0; i < 200; i++)
        raw_send(fd, "GET /openapi.json HTTP/1.1\r\n" HOST "\r\n", 47, 0);
    return fd;
}

static void test_slow(void)
{
    struct good_client_result result;
    struct children before, after;
    int slow[SLOW];

    farm_init(&farm);
    farm_start_gateway(&farm);
    children_look(&farm.gateway, &before);
    struct good_client *good = good_client_start(farm.gateway_port);
    for (size_t i = 0; i < SLOW; i++)
        slow[i] = begin_slow(i % KINDS);
    for (int round = 0; round < ROUNDS; round++) {
        struct progress next = {good, good_client_requests(good) + POSTS_A_ROUND};
        for (size_t i = 0; i < SLOW; i++)
            raw_send(slow[i], kinds[i % KINDS].again, strlen(kinds[i % KINDS].again), 0);
        CU_ASSERT(wait_until("a good client among slow ones", 30000, has_posted, &next));
    }
    children_look(&farm.gateway, &after);
    good_client_stop(good, &result);
    CU_ASSERT_EQUAL(result.failures, 0);
    CU_ASSERT(after.files - before.files >= SLOW); /* none was dropped, and all were slow */
    CU_ASSERT(after.resident_kb - before.resident_kb < MAX_GROWTH_KB);
    for (size_t i = 0; i < SLOW; i++)
        close(slow[i]);
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
    CU_ASSERT_FALSE(proc_logged(&farm.gateway, "child.died"));
    redis_kill(&farm.redis);
    harness_end();
}

/* --- none may go on like that for ever --- */

#define TRICKLES 30

static const char *const trickles[] = {
    "POST /post/enqueue HTTP/1.1\r\n" HOST "X-Long: ",
    "POST /post/enqueue HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
    "Content-Length: 4000000\r\n\r\n",
    "POST /post/bulk HTTP/1.1\r\n" HOST "Content-Type: application/x-ndjson\r\n"
    "Transfer-Encoding: chunked\r\n\r\n1000000\r\n",
};

struct trickle {
    int fd; /* -1: ended */
    bool refused;
};

/* Sends another byte on each, and looks whether the gateway has had enough. */
static bool are_cut(void *context)
{
    struct trickle *all = context;
    char answer[1024];
    int open = 0;

    for (size_t i = 0; i < TRICKLES; i++) {
        if (all[i].fd < 0)
            continue;
        send(all[i].fd, "a", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        ssize_t got = recv(all[i].fd, answer, sizeof answer, MSG_DONTWAIT);
        all[i].refused |= got >= 12 && strncmp(answer, "HTTP/1.1 408", 12) == 0;
        if (got == 0) {
            close(all[i].fd);
            all[i].fd = -1;
        }
        open += all[i].fd >= 0;
    }
    return open == 0;
}

static void test_cut(void)
{
    struct trickle all[TRICKLES];
    struct good_client_result result;

    farm_init(&farm);
    farm_set(&farm, "GATEWAY_HEAD_TIMEOUT_MS", "300");
    farm_set(&farm, "GATEWAY_BODY_TIMEOUT_MS", "300");
    farm_start_gateway(&farm);
    struct good_client *good = good_client_start(farm.gateway_port);
    for (size_t i = 0; i < TRICKLES; i++) {
        const char *first = trickles[i % (sizeof trickles / sizeof trickles[0])];
        all[i] = (struct trickle){.fd = raw_dial(farm.gateway_port)};
        raw_send(all[i].fd, first, strlen(first), 0);
    }
    CU_ASSERT(wait_until("all slow clients to be cut", 15000, are_cut, all));
    for (size_t i = 0; i < TRICKLES; i++)
        CU_ASSERT(all[i].refused);
    good_client_stop(good, &result);
    CU_ASSERT_EQUAL(result.failures, 0);
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
    redis_kill(&farm.redis);
    harness_end();
}

/* --- slowhttptest --- */

/* The last line of slowhttptest's report that has the word. */
static void print_line(const char *report, const char *word)
{
    const char *found = NULL;

    for (const char *at = report; (at = strstr(at, word)); at++)
        found = at;
    if (found)
        printf("      %.*s\n", (int)strcspn(found, "\n"), found);
}

static void run_slowhttptest(const char *name, const char *path, const char *const *options)
{
    const char *args[32] = {"-c", "1000", "-r", "250", "-l", "30", "-p", "5", "-u"};
    struct good_client_result result;
    struct children before, after;
    char url[128], *report = NULL;
    int count = 9;

    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", farm.gateway_port, path);
    args[count++] = url;
    while (*options)
        args[count++] = *options++;
    children_look(&farm.gateway, &before);
    struct good_client *good = good_client_start(farm.gateway_port);
    int code = proc_run("slowhttptest", NULL, args, true, &report, 120000);
    children_look(&farm.gateway, &after);
    good_client_stop(good, &result);
    printf("\n    slowhttptest, %s: memory %+ld KB\n", name,
           after.resident_kb - before.resident_kb);
    print_line(report, "service available");
    print_line(report, "Exit status");
    printf("    a good client meanwhile: %ld requests, %ld failures, p50 %.2f ms, p99 %.2f ms, "
           "longest %.1f ms\n",
           result.requests, result.failures, result.p50_ms, result.p99_ms, result.max_ms);
    CU_ASSERT_EQUAL(code, 0);
    CU_ASSERT(result.failures == 0 && result.requests > 1000);
    CU_ASSERT(after.resident_kb - before.resident_kb < MAX_GROWTH_KB);
    free(report);
}

static void test_slowhttptest(void)
{
    static const char *const heads[] = {"-H", "-i", "2", "-x", "24", NULL};
    static const char *const bodies[] = {
        "-B", "-i", "2", "-s", "100000", "-x", "10", "-f", "application/json", NULL};
    static const char *const reads[] = {"-X", "-w", "512", "-y", "1024", "-n",
                                        "2",  "-z", "32",  "-k", "3",    NULL};

    farm_init(&farm);
    farm_start_gateway(&farm);
    run_slowhttptest("slow heads", "/post/enqueue", heads);
    run_slowhttptest("slow bodies", "/post/enqueue", bodies);
    run_slowhttptest("slow reads", "/openapi.json", reads);
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 20000), 0);
    CU_ASSERT_FALSE(proc_logged(&farm.gateway, "child.died"));
    redis_kill(&farm.redis);
    harness_end();
}

void suite_slow(void);

void suite_slow(void)
{
    CU_pSuite suite = CU_add_suite("slow", NULL, NULL);

    CU_add_test(suite, "slow clients", test_slow);
    CU_add_test(suite, "slow clients are cut", test_cut);
    if (getenv("NEWSMILL_LONG"))
        CU_add_test(suite, "slowhttptest", test_slowhttptest);
}
