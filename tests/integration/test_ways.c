/* Faults of the way between the roles and Redis, and supervisors killed in the middle of an upload:
 * nothing is left over, what went in is counted once. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "faults_fixture.h"

#define ROWS 1500

/* --- the way --------------------------------------------------------------------------------- */

static void check_way(enum tcp_proxy_mode mode, const char *named)
{
    faults_begin_behind_proxy();
    faults_push(40);
    faults_await_claim();
    tcp_proxy_set(&faults.proxy, mode);
    CU_ASSERT_EQUAL(faults_post("once"), 503);
    CU_ASSERT(faults_logged(&faults.farm.workers, named, FAULTS_WORKERS, 20000));
    CU_ASSERT(faults_logged(&faults.farm.savers, named, 1, 20000));
    CU_ASSERT(faults_logged(&faults.farm.gateway, "redis.lost", 1, 20000));
    faults_wait_for_retries();
    tcp_proxy_set(&faults.proxy, PROXY_PASS);
    /* It may be in the list or not, as the answer is lost: the key makes it one. */
    faults_post_until_taken("once", 15000);
    faults_push(20);
    faults_expect_exact_and_stop();
}

static void test_stall(void)
{
    check_way(PROXY_STALL, "connection: no answer in ");
}

static void test_deaf(void)
{
    check_way(PROXY_DEAF, "connection: no answer in ");
}

static void test_refuse(void)
{
    check_way(PROXY_REFUSE, "connection: ");
}

/* Late commands of connections that were given up: 9 times in the middle of the work. */
static void test_stalls_under_load(void)
{
    faults_begin_behind_proxy();
    for (int i = 0; i < 9; i++) {
        static const enum tcp_proxy_mode modes[] = {PROXY_STALL, PROXY_DEAF, PROXY_REFUSE};
        int before = proc_log_count(&faults.farm.workers, "redis.away retry_ms");
        faults_push(20);
        tcp_proxy_set(&faults.proxy, modes[i % 3]);
        CU_ASSERT(faults_logged(&faults.farm.workers, "redis.away retry_ms", before + 1, 20000));
        tcp_proxy_set(&faults.proxy, PROXY_PASS);
    }
    faults_expect_exact_and_stop();
}

static bool claimed_more(void *context)
{
    return farm_stat(&faults.farm, "claimed") >= *(long long *)context ||
           redis_int(&faults.farm.redis, "LLEN newsmill:articles") == 0;
}

static void test_cuts(void)
{
    faults_begin_behind_proxy();
    faults_push(400);
    for (int i = 0; i < 20; i++) {
        long long wanted = farm_stat(&faults.farm, "claimed") + 1 + i % 7;
        CU_ASSERT(wait_until("a claim", 20000, claimed_more, &wanted));
        tcp_proxy_cut(&faults.proxy);
    }
    CU_ASSERT(farm_drained(&faults.farm, 30000));
    CU_ASSERT(proc_logged(&faults.farm.workers, "redis.away"));
    faults_expect_exact_and_stop();
}

static void test_slices(void)
{
    faults_begin_behind_proxy();
    tcp_proxy_set(&faults.proxy, PROXY_SLICE);
    faults_push(30);
    CU_ASSERT_EQUAL(faults_post(NULL), 201);
    faults.sent++;
    CU_ASSERT(farm_drained(&faults.farm, 60000));
    CU_ASSERT_FALSE(proc_logged(&faults.farm.workers, "redis.away"));
    faults_expect_exact_and_stop();
}

/* --- supervisors killed ---------------------------------------------------------------------- */

static struct proc upload;

static void start_upload(void)
{
    char path[300];
    const char *args[] = {"upload", "--in-flight", "32", "--timeout", "60", path, NULL};

    snprintf(path, sizeof path, "%s/rows.csv", faults.farm.dir);
    FILE *to = fopen(path, "w");
    CU_ASSERT_FATAL(to != NULL);
    fputs("publication,article\n", to);
    for (int i = 0; i < ROWS; i++)
        fprintf(to, "Paper %d,Tim Cook met Angela Merkel in Berlin for the %dth time.\n", i % 3, i);
    fclose(to);
    proc_start(&upload, "newsmill", faults.farm.env, args);
}

static bool is_gone(void *context)
{
    return kill(*(pid_t *)context, 0) < 0 && errno == ESRCH;
}

/* As a server would: with SO_REUSEADDR, which forgives connections that are over, not a listener.
 */
static bool is_free(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool yes = bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0;
    close(fd);
    return yes;
}

static void kill_supervisor(struct proc *p, int port)
{
    pid_t pids[16];
    int count = proc_children(p, pids, 16);

    CU_ASSERT(count > 0);
    CU_ASSERT_EQUAL(proc_stop(p, SIGKILL, 5000), 1000 + SIGKILL);
    for (int i = 0; i < count; i++)
        CU_ASSERT(
            wait_until("the children of a killed supervisor to die", 2000, is_gone, &pids[i]));
    CU_ASSERT(is_free(port));
}

static int metrics_port(const char *role)
{
    char name[64];

    snprintf(name, sizeof name, "NEWSMILL_%s_METRICS_PORT=", role);
    for (int i = 0; i < faults.farm.env_count; i++)
        if (strncmp(faults.farm.env[i], name, strlen(name)) == 0)
            return (int)strtol(faults.farm.env[i] + strlen(name), NULL, 10);
    return 0;
}

static bool has_taken(void *context)
{
    return farm_stat(&faults.farm, "http_in") >= *(long long *)context;
}

static void test_killed_during_upload(void)
{
    long long some = 100;

    faults_prepare();
    farm_set(&faults.farm, "GATEWAY_PROCESSES", "2");
    farm_set(&faults.farm, "WORKERS_FLUSH_ARTICLES", "10"); /* batches all the time */
    farm_set(&faults.farm, "SAVERS_PROCESSES", "2");
    faults_start_roles();
    start_upload();
    for (int i = 0; i < 6; i++, some += 200) {
        CU_ASSERT(wait_until("some rows", 20000, has_taken, &some));
        if (i % 3 == 0) {
            kill_supervisor(&faults.farm.gateway, faults.farm.gateway_port);
            faults_start(&faults.farm.gateway, "newsmill-gateway");
        } else if (i % 3 == 1) {
            kill_supervisor(&faults.farm.savers, metrics_port("SAVERS"));
            faults_start(&faults.farm.savers, "newsmill-savers");
        } else {
            kill_supervisor(&faults.farm.workers, metrics_port("WORKERS"));
            faults_start(&faults.farm.workers, "newsmill-workers");
        }
    }
    CU_ASSERT_EQUAL(proc_wait(&upload, 60000), 0);
    CU_ASSERT(proc_logged(&upload, "1500 rows, 1500 accepted, 0 already there, 0 refused"));
    faults.sent = ROWS;
    faults_expect_exact_and_stop();
}

void suite_ways(void);
void suite_ways(void)
{
    CU_pSuite suite = CU_add_suite("ways", NULL, NULL);

    CU_add_test(suite, "stalled connections", test_stall);
    CU_add_test(suite, "answers lost", test_deaf);
    CU_add_test(suite, "connections reset", test_refuse);
    CU_add_test(suite, "late commands under load", test_stalls_under_load);
    CU_add_test(suite, "connections cut under load", test_cuts);
    CU_add_test(suite, "a byte at a time", test_slices);
    CU_add_test(suite, "supervisors killed during an upload", test_killed_during_upload);
}
