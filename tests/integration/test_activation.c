/* The gateway on a socket that somebody else holds, as systemd does: clients may come before it is
 * there, and a restart turns none away. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/err.h"
#include "tests/harness/harness.h"

#define JSON    "Content-Type: application/json"
#define ARTICLE "{\"content\":\"Tim Cook met Angela Merkel in Berlin.\",\"publication\":\"p\"}"
#define EARLY   8

static struct farm farm;
static int held; /* the listening socket */

static void begin(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;

    farm_init(&farm);
    address.sin_port = htons((uint16_t)farm.gateway_port);
    held = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(held, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    CU_ASSERT_EQUAL_FATAL(bind(held, (struct sockaddr *)&address, sizeof address), 0);
    CU_ASSERT_EQUAL_FATAL(listen(held, 128), 0);
}

static void finish(void)
{
    close(held);
    redis_stop(&farm.redis);
    harness_end();
}

static bool logs_ready(void *context)
{
    (void)context;
    return proc_logged(&farm.gateway, " ready ");
}

static void start(void)
{
    proc_hand_over(held);
    proc_start(&farm.gateway, "newsmill-gateway", farm.env, NULL);
    CU_ASSERT(wait_until("the gateway to be ready", 20000, logs_ready, NULL));
}

static int dial_and_post(void)
{
    static const char request[] = "POST /post/enqueue HTTP/1.1\r\nHost: localhost\r\n" JSON
                                  "\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s";
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)farm.gateway_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char text[512];

    int length = snprintf(text, sizeof text, request, strlen(ARTICLE), ARTICLE);
    CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    CU_ASSERT_EQUAL(send(fd, text, (size_t)length, MSG_NOSIGNAL), length);
    return fd;
}

static void expect_201(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    char text[64] = "";

    CU_ASSERT_EQUAL(poll(&polled, 1, 20000), 1);
    CU_ASSERT(recv(fd, text, sizeof text - 1, 0) > 0);
    CU_ASSERT_NSTRING_EQUAL(text, "HTTP/1.1 201 ", 13);
    close(fd);
}

static void test_early_clients(void)
{
    int fds[EARLY];

    begin();
    for (int i = 0; i < EARLY; i++)
        fds[i] = dial_and_post();
    start();
    for (int i = 0; i < EARLY; i++)
        expect_201(fds[i]);
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:articles"), EARLY);

    /* While nobody serves it the socket goes on taking clients. */
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
    int fd = dial_and_post();
    start();
    expect_201(fd);
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
    finish();
}

/* --- a client that makes one connection after the other -------------------------------------- */

struct client {
    pid_t pid;
    int control; /* closed: end; then it writes a struct tally */
};

struct tally {
    int created, other;
    long last_other;
};

static void run_client(int control)
{
    const char *headers[] = {JSON, "Connection: close", NULL};
    struct pollfd stop = {.fd = control, .events = POLLIN};
    struct tally t = {0};

    while (poll(&stop, 1, 0) == 0) {
        struct http_answer answer;
        http_request(farm.gateway_port, "POST", "/post/enqueue", headers, ARTICLE, strlen(ARTICLE),
                     &answer);
        if (answer.status == 201) {
            t.created++;
        } else {
            t.other++;
            t.last_other = answer.status;
        }
        http_free(&answer);
    }
    _exit(write(control, &t, sizeof t) == sizeof t ? 0 : 1);
}

static void start_client(struct client *c)
{
    pid_t parent = getpid();
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    fflush(NULL);
    c->pid = fork();
    if (c->pid == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        close(ends[0]);
        run_client(ends[1]);
    }
    CU_ASSERT_FATAL(c->pid > 0);
    proc_adopt(c->pid);
    close(ends[1]);
    c->control = ends[0];
}

static void stop_client(struct client *c, struct tally *t)
{
    shutdown(c->control, SHUT_WR);
    CU_ASSERT_EQUAL(read(c->control, t, sizeof *t), sizeof *t);
    close(c->control);
}

static bool is_reloaded(void *context)
{
    return proc_log_count(&farm.gateway, " reloaded ") >= *(int *)context;
}

static bool has_more(void *context)
{
    return redis_int(&farm.redis, "LLEN newsmill:articles") >= *(long long *)context;
}

/* Some traffic on the gateway of the moment. */
static void some_more(void)
{
    long long wanted = redis_int(&farm.redis, "LLEN newsmill:articles") + 30;

    CU_ASSERT(wait_until("30 more articles", 20000, has_more, &wanted));
}

static void expect_all_answered(struct client *clients, int count)
{
    long long created = 0;

    for (int i = 0; i < count; i++) {
        struct tally t = {0};
        stop_client(&clients[i], &t);
        if (t.other)
            fprintf(stderr, "\n  client %d: %d created, %d not, the last with %ld\n", i, t.created,
                    t.other, t.last_other);
        CU_ASSERT_EQUAL(t.other, 0);
        created += t.created;
    }
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:articles"), created);
}

static void test_restarts(void)
{
    struct client clients[3];

    begin();
    start();
    for (int i = 0; i < 3; i++)
        start_client(&clients[i]);
    for (int i = 0; i < 5; i++) {
        some_more();
        CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
        start();
    }
    some_more();
    expect_all_answered(clients, 3);
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
    finish();
}

static void test_reloads(void)
{
    struct client clients[3];

    begin();
    farm_set(&farm, "GATEWAY_PROCESSES", "2");
    start();
    for (int i = 0; i < 3; i++)
        start_client(&clients[i]);
    for (int i = 1; i <= 5; i++) {
        some_more();
        kill(farm.gateway.pid, SIGHUP);
        CU_ASSERT(wait_until("the reload", 20000, is_reloaded, &i));
    }
    some_more();
    expect_all_answered(clients, 3);
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
    finish();
}

static void test_wrong_descriptor(void)
{
    begin();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* does not listen */
    proc_hand_over(fd);
    proc_start(&farm.gateway, "newsmill-gateway", farm.env, NULL);
    CU_ASSERT_EQUAL(proc_wait(&farm.gateway, 10000), 2);
    CU_ASSERT(proc_logged(&farm.gateway, "no listening socket"));
    close(fd);
    finish();
}

void suite_activation(void);
void suite_activation(void)
{
    CU_pSuite suite = CU_add_suite("activation", NULL, NULL);

    CU_add_test(suite, "clients before the gateway are answered", test_early_clients);
    CU_add_test(suite, "restarts turn no client away", test_restarts);
    CU_add_test(suite, "reloads turn no client away", test_reloads);
    CU_add_test(suite, "a descriptor that does not listen", test_wrong_descriptor);
}
