/* /metrics of every role: the figures after known work, and the form as promtool checks it. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness/harness.h"

static struct farm farm;

struct wanted {
    int port;
    const char *line; /* between line feeds */
};

static int port_of(const char *setting)
{
    size_t length = strlen(setting);

    for (int i = 0; i < farm.env_count; i++)
        if (strncmp(farm.env[i], setting, length) == 0 && farm.env[i][length] == '=')
            return (int)strtol(farm.env[i] + length + 1, NULL, 10);
    return 0;
}

static bool has_line(void *context)
{
    const struct wanted *w = context;
    struct http_answer answer;

    http_request(w->port, "GET", "/metrics", NULL, NULL, 0, &answer);
    bool yes = answer.status == 200 && strstr(answer.body, w->line);
    http_free(&answer);
    return yes;
}

static void expect(int port, const char *line)
{
    struct wanted w = {.port = port, .line = line};

    CU_ASSERT(wait_until(line, 20000, has_line, &w));
}

/* promtool lints names, units, types and help texts. */
static void expect_form(int port)
{
    char path[300], command[400], *output;
    struct http_answer answer;
    const char *args[] = {"-c", command, NULL};

    http_request(port, "GET", "/metrics", NULL, NULL, 0, &answer);
    CU_ASSERT_EQUAL(answer.status, 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(answer.headers, "text/plain; version=0.0.4"));
    snprintf(path, sizeof path, "%s/metrics.%d", farm.dir, port);
    FILE *file = fopen(path, "w");
    CU_ASSERT_FATAL(file != NULL);
    fputs(answer.body, file);
    fclose(file);
    http_free(&answer);
    snprintf(command, sizeof command, "tests/promtool check metrics < %s", path);
    int code = proc_run("sh", NULL, args, true, &output, 120000);
    if (code != 0)
        fprintf(stderr, "\n  promtool: %s\n", output);
    CU_ASSERT_EQUAL(code, 0);
    free(output);
}

static void test_metrics(void)
{
    static const char *const json[] = {"Content-Type: application/json", NULL};
    static const char body[] =
        "{\"content\":\"Tim Cook met Angela Merkel.\",\"publication\":\"p\"}";
    struct http_answer answer;

    farm_init(&farm);
    farm_start_gateway(&farm);
    farm_start_workers(&farm);
    farm_start_savers(&farm);
    http_request(farm.gateway_port, "POST", "/post/enqueue", json, body, sizeof body - 1, &answer);
    CU_ASSERT_EQUAL(answer.status, 201);
    http_free(&answer);
    redis_int(&farm.redis, "LPUSH newsmill:articles nonsense");
    int workers = port_of("NEWSMILL_WORKERS_METRICS_PORT");
    int savers = port_of("NEWSMILL_SAVERS_METRICS_PORT");

    expect(workers, "\nnewsmill_articles_total 2\n");
    expect(workers, "\nnewsmill_ner_entities_total 2\n");
    expect(workers, "\nnewsmill_dead_total{list=\"articles\"} 1\n");
    expect(workers, "\nnewsmill_queue_items{list=\"articles\",place=\"dead\"} 1\n");
    expect(workers, "\nnewsmill_queue_items{list=\"articles\",place=\"waiting\"} 0\n");
    expect(savers, "\nnewsmill_batches_total 1\n");
    expect(savers, "\nnewsmill_redis_up 1\n");
    expect(savers, "\nnewsmill_store_wal_bytes ");
    expect(farm.gateway_port,
           "\nnewsmill_http_requests_total{route=\"/post/enqueue\",class=\"2xx\"} 1\n");
    expect_form(workers);
    expect_form(savers);
    expect_form(farm.gateway_port);
    redis_stop(&farm.redis);
    harness_end();
}

static bool has_logged(void *context)
{
    return proc_logged(&farm.savers, context);
}

static bool is_reloaded(void *count)
{
    return proc_log_count(&farm.savers, " reloaded ") >= *(int *)count;
}

static bool shows(int port, const char *line)
{
    struct wanted w = {.port = port, .line = line};

    return has_line(&w);
}

/* Two farms of one user with the same port: the second says that it has none, and every answer is
 * of the first. Over reloads and a janitor that dies it stays so. */
static void test_port_taken(void)
{
    static const char first[] = "\nnewsmill_processes 1\n";
    struct proc other = {0};
    int reloads = 1;

    farm_init(&farm);
    farm_start_savers(&farm);
    int port = port_of("NEWSMILL_SAVERS_METRICS_PORT");
    expect(port, first);
    other = farm.savers;
    farm_set(&farm, "SAVERS_PROCESSES", "3");
    farm_set(&farm, "REDIS_QUEUE", "other");
    farm_set(&farm, "REDIS_STATE_DIR", harness_dir());
    farm_start_savers(&farm);
    CU_ASSERT(wait_until("the taken port to be told", 20000, has_logged, "metrics.off"));
    for (int i = 0; i < 50; i++)
        CU_ASSERT(shows(port, first));
    struct proc second = farm.savers;
    farm.savers = other;
    kill(farm.savers.pid, SIGHUP);
    CU_ASSERT(wait_until("the reload", 20000, is_reloaded, &reloads));
    CU_ASSERT(shows(port, first));

    pid_t children[8];
    int count = proc_children(&farm.savers, children, 8);
    for (int i = 0; i < count; i++)
        kill(children[i], SIGKILL);
    expect(port, first);
    CU_ASSERT_EQUAL(proc_stop(&farm.savers, SIGKILL, 10000), 1000 + SIGKILL);
    farm_set(&farm, "REDIS_QUEUE", "newsmill");
    farm_set(&farm, "REDIS_STATE_DIR", farm.dir);
    farm_start_savers(&farm); /* at once, with three processes now */
    expect(port, "\nnewsmill_processes 3\n");
    CU_ASSERT_EQUAL(proc_stop(&second, SIGTERM, 20000), 0);
    CU_ASSERT_EQUAL(proc_stop(&farm.savers, SIGTERM, 20000), 0);
    redis_stop(&farm.redis);
    harness_end();
}

static long get_with(int port, const char *host)
{
    struct http_answer answer;

    http_request(port, "GET", "/metrics", (const char *[]){host, NULL}, NULL, 0, &answer);
    long status = answer.status;
    http_free(&answer);
    return status;
}

/* On loopback every role takes requests to this machine's own names alone: a page of another site
 * has the name of that site resolved to this machine. */
static void test_hosts(void)
{
    farm_init(&farm);
    farm_start_gateway(&farm);
    farm_start_savers(&farm);
    int ports[] = {farm.gateway_port, port_of("NEWSMILL_SAVERS_METRICS_PORT")};
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(get_with(ports[i], "Host: localhost:9102"), 200);
        CU_ASSERT_EQUAL(get_with(ports[i], "Host: 127.0.0.1"), 200);
        CU_ASSERT_EQUAL(get_with(ports[i], "Host: evil.example"), 403);
        CU_ASSERT_EQUAL(get_with(ports[i], "Host: localhost.evil.example:9102"), 403);
    }
    CU_ASSERT_EQUAL(proc_stop(&farm.savers, SIGTERM, 20000), 0);
    farm_set(&farm, "SAVERS_METRICS_ADDRESS", "0.0.0.0"); /* whoever can reach it may have it */
    farm_start_savers(&farm);
    CU_ASSERT_EQUAL(get_with(ports[1], "Host: farm.example:9102"), 200);
    CU_ASSERT_EQUAL(proc_stop(&farm.savers, SIGTERM, 20000), 0);
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 20000), 0);
    redis_stop(&farm.redis);
    harness_end();
}

void suite_metrics(void);

void suite_metrics(void)
{
    CU_pSuite suite = CU_add_suite("metrics", NULL, NULL);

    CU_add_test(suite, "figures and form of all roles", test_metrics);
    CU_add_test(suite, "a port that is taken", test_port_taken);
    CU_add_test(suite, "own hosts alone", test_hosts);
}
