/* Roles as an operator meets them: crashes and who is blamed, hangs, memory, reload, stop, what
 * systemd and Prometheus are told. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/err.h"
#include "tests/harness/harness.h"

static struct farm farm;

static void begin(void)
{
    farm_init(&farm);
    setenv("NEWSMILL_TEST_FAULTS", "1", 1);
}

static void finish(void)
{
    unsetenv("NEWSMILL_TEST_FAULTS");
    redis_stop(&farm.redis);
    harness_end();
}

static void push(const char *content)
{
    char item[200];

    snprintf(item, sizeof item, "{\"content\":\"%s\",\"publication\":\"p\"}", content);
    redis_int(&farm.redis, "LPUSH newsmill:articles %s", item);
}

static void push_with_neighbours(const char *content)
{
    for (int i = 0; i < 21; i++)
        push(i == 10 ? content : "Tim Cook met Angela Merkel in Berlin.");
}

static void expect_dead(const char *reason)
{
    char *entry = redis_text(&farm.redis, "LINDEX newsmill:articles:dead 0");

    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:articles:dead"), 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
    if (!strstr(entry, reason))
        fprintf(stderr, "\n  got: %s\n", entry);
    CU_ASSERT_PTR_NOT_NULL(strstr(entry, reason));
    CU_ASSERT_PTR_NOT_NULL(strstr(entry, "\"attempts\":3"));
    CU_ASSERT_PTR_NOT_NULL(strstr(entry, "fault: "));
    free(entry);
}

static void test_crash(void)
{
    begin();
    push_with_neighbours("fault: crash");
    farm_start_savers(&farm);
    farm_start_workers(&farm);
    CU_ASSERT(farm_drained(&farm, 60000));
    expect_dead("signal");
    CU_ASSERT_EQUAL(farm_articles(&farm), 20);
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "HLEN newsmill:attempts"), 0);
    finish();
}

/* A saver applies many batches at once; still only the right one dies. */
static void test_batch_crash(void)
{
    begin();
    for (int i = 0; i < 40; i++) {
        char batch[300];
        snprintf(batch, sizeof batch,
                 "{\"v\":1,\"id\":\"%032d\",\"at\":%lld,\"day\":null,\"publication\":\"p\","
                 "\"name\":\"%s\",\"articles\":1,\"entities\":[]}",
                 i, (long long)time(NULL) * 1000, i == 17 ? "fault: crash" : "p");
        redis_int(&farm.redis, "LPUSH newsmill:results %s", batch);
    }
    redis_int(&farm.redis, "HINCRBY newsmill:stats batches 40");
    farm_start_savers(&farm);
    CU_ASSERT(farm_drained(&farm, 60000));
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:results:dead"), 1);
    char *entry = redis_text(&farm.redis, "LINDEX newsmill:results:dead 0");
    CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
    CU_ASSERT_PTR_NOT_NULL(strstr(entry, "fault: crash"));
    CU_ASSERT_PTR_NOT_NULL(strstr(entry, "\"attempts\":3"));
    free(entry);
    CU_ASSERT_EQUAL(farm_articles(&farm), 39);
    finish();
}

static void test_hang(void)
{
    begin();
    farm_set(&farm, "WORKERS_ARTICLE_TIMEOUT_MS", "500");
    push_with_neighbours("fault: hang");
    farm_start_savers(&farm);
    farm_start_workers(&farm);
    CU_ASSERT(farm_drained(&farm, 60000));
    expect_dead("signal 9");
    CU_ASSERT_EQUAL(farm_articles(&farm), 20);
    CU_ASSERT(proc_logged(&farm.workers, "child.hangs"));
    finish();
}

struct kill_wait {
    pid_t pid;
    int children;
};

static bool has_new_child(void *context)
{
    struct kill_wait *w = context;
    pid_t pids[8];
    int count = proc_children(&farm.workers, pids, 8);

    for (int i = 0; i < count; i++)
        if (pids[i] == w->pid)
            return false;
    return count == w->children;
}

static bool something_held(void *context)
{
    (void)context;
    return farm_held(&farm, "articles") > 0;
}

static bool is_counted(void *context)
{
    return farm_articles(&farm) == *(long long *)context;
}

/* Strikes in the hash, without what only counts unseen kills. */
static const char blamed[] =
    "local count = 0 for _, field in ipairs(redis.call('HKEYS', 'newsmill:attempts')) do "
    "if field:sub(1, 5) ~= 'kill:' then count = count + 1 end end return count";

/* A process that dies over one article by a kill that nobody saw: the neighbours are counted, and
 * the article is not blamed. */
static void test_unseen_kills(void)
{
    begin();
    farm_set(&farm, "WORKERS_PROCESSES", "1");
    farm_set(&farm, "WORKERS_FLUSH_INTERVAL_MS", "5000");
    push("fault: kill");
    for (int i = 0; i < 99; i++)
        push("Tim Cook met Angela Merkel in Berlin.");
    farm_start_savers(&farm);
    farm_start_workers(&farm);
    long long all = 99;
    CU_ASSERT(wait_until("the neighbours to be counted", 40000, is_counted, &all));
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "EVAL %s 0", blamed), 0);
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:articles:dead"), 0);
    proc_stop(&farm.workers, SIGKILL, 5000);
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:articles") + farm_held(&farm, "articles"),
                    1);
    finish();
}

/* The same article in the hand of a worker that somebody kills ten times is not to blame. */
static void test_foreign_kills(void)
{
    pid_t pids[8];
    long long one = 1;

    begin();
    farm_set(&farm, "WORKERS_PROCESSES", "1");
    farm_start_savers(&farm);
    push("fault: hang"); /* in hand for as long as the fault lasts */
    farm_start_workers(&farm);
    for (int i = 0; i < 10; i++) {
        CU_ASSERT(wait_until("the article in hand", 20000, something_held, NULL));
        int count = proc_children(&farm.workers, pids, 8);
        struct kill_wait w = {.pid = pids[0], .children = count};
        kill(pids[0], SIGKILL);
        CU_ASSERT(wait_until("a new worker", 20000, has_new_child, &w));
    }
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "EVAL %s 0", blamed), 0);
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:articles:dead"), 0);
    proc_stop(&farm.workers, SIGKILL, 5000);
    unsetenv("NEWSMILL_TEST_FAULTS"); /* the fault is over: now it is an article like any other */
    farm_start_workers(&farm);
    CU_ASSERT(wait_until("the article to be counted", 20000, is_counted, &one));
    CU_ASSERT(farm_drained(&farm, 20000));
    CU_ASSERT_EQUAL(farm_articles(&farm), 1);
    finish();
}

static void test_memory_mark(void)
{
    begin();
    farm_set(&farm, "WORKERS_MAX_MEMORY_BYTES", "300000000");
    farm_set(&farm, "WORKERS_PROCESSES", "1");
    farm_start_savers(&farm);
    farm_start_workers(&farm);
    push("fault: grow");
    for (int i = 0; i < 600; i++)
        push("Tim Cook met Angela Merkel in Berlin.");
    CU_ASSERT(farm_drained(&farm, 60000));
    CU_ASSERT(proc_logged(&farm.workers, "memory.mark"));
    CU_ASSERT(proc_logged(&farm.workers, "child.retired"));
    CU_ASSERT_EQUAL(farm_articles(&farm), 601);
    CU_ASSERT_EQUAL(farm_stat(&farm, "returned"), 0);
    finish();
}

static bool has_text(void *context)
{
    const char *const *words = context;

    return proc_logged(&farm.workers, words[0]);
}

static void write_settings(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    CU_ASSERT_FATAL(file != NULL);
    fputs(text, file);
    fclose(file);
}

static void test_reload(void)
{
    char path[300];
    const char *args[] = {"-c", path, NULL};
    const char *entered[] = {"ready"}, *failed[] = {"reload.failed"};
    pid_t before[8];

    begin();
    snprintf(path, sizeof path, "%s/settings.conf", farm.dir);
    write_settings(path, "log { level = info }\n");
    farm_start_savers(&farm);
    proc_start(&farm.workers, "newsmill-workers", farm.env, args);
    CU_ASSERT_FATAL(wait_until("the workers to be ready", 20000, has_text, entered));
    int count = proc_children(&farm.workers, before, 8);
    CU_ASSERT_EQUAL(count, 3); /* two workers and the janitor */

    for (int i = 0; i < 200; i++)
        push("Tim Cook met Angela Merkel in Berlin.");
    write_settings(path, "workers { skip_labels = \"PERSON\" }\nredis { timeout_ms = 4000 }\n");
    kill(farm.workers.pid, SIGHUP);
    struct kill_wait w = {.pid = before[0], .children = 3};
    CU_ASSERT(wait_until("the old workers to leave", 40000, has_new_child, &w));
    CU_ASSERT(proc_logged(&farm.workers, "reloaded"));
    CU_ASSERT(farm_drained(&farm, 30000));
    CU_ASSERT_EQUAL(farm_articles(&farm), 200);
    CU_ASSERT_EQUAL(farm_stat(&farm, "returned"), 0); /* the old ones drained, nothing came back */

    /* New labels are in force. */
    push("Zinedine Zidane lives in Marseille.");
    CU_ASSERT(farm_drained(&farm, 30000));
    static const char *const top[] = {"top", "p", "-n", "0", "--json", NULL};
    char *text;
    CU_ASSERT_EQUAL(proc_run("newsmill", farm.env, top, false, &text, 10000), 0);
    CU_ASSERT_PTR_NULL(strstr(text, "zidane"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "marseille"));
    free(text);

    /* Bad settings: the ones in force stay. */
    int again = proc_children(&farm.workers, before, 8);
    write_settings(path, "workers { skip_lables = \"\" }\n");
    kill(farm.workers.pid, SIGHUP);
    CU_ASSERT(wait_until("the reload to fail", 10000, has_text, failed));
    CU_ASSERT(proc_logged(&farm.workers, "workers.skip_labels"));
    pid_t after[8];
    CU_ASSERT_EQUAL(proc_children(&farm.workers, after, 8), again);
    CU_ASSERT_EQUAL(memcmp(before, after, (size_t)again * sizeof before[0]), 0);
    CU_ASSERT_EQUAL(proc_stop(&farm.workers, SIGTERM, 10000), 0);
    finish();
}

/* Old and new generation one after another under load: sums stay exact. */
static void test_reload_storm(void)
{
    const char *entered[] = {"ready"};

    begin();
    farm_start_savers(&farm);
    proc_start(&farm.workers, "newsmill-workers", farm.env, NULL);
    CU_ASSERT_FATAL(wait_until("the workers to be ready", 20000, has_text, entered));
    for (int i = 0; i < 1500; i++) {
        push("Tim Cook met Angela Merkel in Berlin.");
        if (i % 100 == 0)
            kill(farm.workers.pid, SIGHUP);
    }
    CU_ASSERT(farm_drained(&farm, 60000));
    CU_ASSERT_EQUAL(farm_articles(&farm), 1500);
    CU_ASSERT_EQUAL(proc_stop(&farm.workers, SIGTERM, 20000), 0);
    CU_ASSERT_EQUAL(farm_held(&farm, "articles"), 0);
    finish();
}

static bool two_generations(void *context)
{
    pid_t pids[16];

    (void)context;
    return proc_children(&farm.workers, pids, 16) > 3;
}

/* A reload that still waits for the one before it must not begin once a stop has come. */
static void test_stop_during_reload(void)
{
    const char *entered[] = {"ready"};

    begin();
    proc_start(&farm.workers, "newsmill-workers", farm.env, NULL);
    CU_ASSERT_FATAL(wait_until("the workers to be ready", 20000, has_text, entered));
    kill(farm.workers.pid, SIGHUP);
    CU_ASSERT(wait_until("the next generation to start", 20000, two_generations, NULL));
    kill(farm.workers.pid, SIGHUP);
    CU_ASSERT_EQUAL(proc_stop(&farm.workers, SIGTERM, 15000), 0);
    finish();
}

static void test_second_stop(void)
{
    begin();
    farm_set(&farm, "WORKERS_PROCESSES", "1");
    push("fault: hang"); /* cannot be finished */
    farm_start_workers(&farm);
    CU_ASSERT(wait_until("the article in hand", 20000, something_held, NULL));
    const char *stopping[] = {"stopping"};
    kill(farm.workers.pid, SIGTERM);
    CU_ASSERT(wait_until("the stop to be taken up", 5000, has_text, stopping));
    CU_ASSERT_EQUAL(proc_stop(&farm.workers, SIGTERM, 5000), 1);
    CU_ASSERT_EQUAL(farm_held(&farm, "articles"), 1); /* safe, for the next start */
    finish();
}

/* --- children that stand still ------------------------------------------------------------------
 */

static bool stall_is_over(void *context)
{
    return proc_logged(context, "child.stalled") && farm_held(&farm, "articles") == 0 &&
           farm_held(&farm, "results") == 0 && farm_articles(&farm) == 21;
}

/* Somebody stops a worker and a saver, with nothing in hand or with much: both are replaced. */
static void test_stall(void)
{
    pid_t pids[8];
    long long one = 1;

    begin();
    farm_set(&farm, "WORKERS_PROCESSES", "1");
    farm_set(&farm, "WORKERS_ARTICLE_TIMEOUT_MS", "500");
    farm_set(&farm, "SAVERS_BATCH_TIMEOUT_MS", "500");
    farm_set(&farm, "STORE_TIMEOUT_MS", "100");
    farm_set(&farm, "REDIS_TIMEOUT_MS", "500");
    farm_start_savers(&farm);
    farm_start_workers(&farm);
    push("Tim Cook met Angela Merkel in Berlin.");
    CU_ASSERT(wait_until("one article to be counted", 20000, is_counted, &one));
    CU_ASSERT(proc_children(&farm.workers, pids, 8) >= 1);
    kill(pids[0], SIGSTOP);
    CU_ASSERT(proc_children(&farm.savers, pids, 8) >= 1);
    kill(pids[0], SIGSTOP);
    for (int i = 0; i < 20; i++)
        push("Tim Cook met Angela Merkel in Berlin.");
    CU_ASSERT(wait_until("all to be counted by new children", 60000, stall_is_over, &farm.savers));
    CU_ASSERT(proc_logged(&farm.workers, "child.stalled"));
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:articles:dead"), 0);
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:results:dead"), 0);
    finish();
}

static bool lease_ended(void *context)
{
    return proc_logged(context, "lease.ended") &&
           redis_int(&farm.redis, "LLEN newsmill:articles") == 21;
}

/* The supervisor stands still and its worker is dead: the janitor does not renew for it. */
static void test_dead_under_stopped_supervisor(void)
{
    pid_t pids[8];

    begin();
    farm_set(&farm, "WORKERS_PROCESSES", "1");
    push_with_neighbours("fault: hang");
    farm_start_workers(&farm);
    CU_ASSERT(wait_until("articles in hand", 20000, something_held, NULL));
    CU_ASSERT(proc_children(&farm.workers, pids, 8) >= 1);
    kill(farm.workers.pid, SIGSTOP);
    kill(pids[0], SIGKILL);
    CU_ASSERT(wait_until("the lease to end", 40000, lease_ended, &farm.workers));
    kill(farm.workers.pid, SIGCONT);
    finish();
}

/* --- systemd -----------------------------------------------------------------------------------
 */

struct systemd {
    int fd;
    char path[108];
    char seen[65536];
    const char *wanted;
};

static void systemd_open(struct systemd *s)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(s->path, sizeof s->path, "%s/notify", farm.dir);
    memcpy(address.sun_path, s->path, sizeof address.sun_path);
    s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(bind(s->fd, (struct sockaddr *)&address, sizeof address), 0);
    setenv("NOTIFY_SOCKET", s->path, 1);
}

static bool systemd_saw(void *context)
{
    struct systemd *s = context;
    size_t length = strlen(s->seen);
    ssize_t got;

    while (length < sizeof s->seen - 1000 &&
           (got = recv(s->fd, s->seen + length, sizeof s->seen - length - 2, 0)) > 0) {
        length += (size_t)got;
        s->seen[length++] = '\n';
        s->seen[length] = 0;
    }
    return strstr(s->seen, s->wanted) != NULL;
}

static bool told(struct systemd *s, const char *wanted)
{
    s->wanted = wanted;
    return wait_until(wanted, 20000, systemd_saw, s);
}

static void test_systemd(void)
{
    struct systemd s = {0};

    begin();
    systemd_open(&s);
    setenv("WATCHDOG_USEC", "400000", 1);
    redis_stop(&farm.redis);
    proc_start(&farm.workers, "newsmill-workers", farm.env, NULL);
    CU_ASSERT(told(&s, "STATUS=starting"));
    CU_ASSERT_PTR_NULL(strstr(s.seen, "READY=1")); /* not before Redis answers */
    redis_restart(&farm.redis);
    CU_ASSERT(told(&s, "READY=1"));
    CU_ASSERT(told(&s, "STATUS=running, 0 handled"));
    CU_ASSERT(told(&s, "WATCHDOG=1"));
    kill(farm.workers.pid, SIGHUP);
    CU_ASSERT(told(&s, "RELOADING=1\nMONOTONIC_USEC="));
    CU_ASSERT_EQUAL(proc_stop(&farm.workers, SIGTERM, 20000), 0);
    CU_ASSERT(told(&s, "STOPPING=1"));
    close(s.fd);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    finish();
}

void suite_roles(void);
void suite_roles(void)
{
    CU_pSuite suite = CU_add_suite("roles", NULL, NULL);

    CU_add_test(suite, "an article that crashes its worker is dead after three", test_crash);
    CU_add_test(suite, "a batch that crashes its saver is dead after three", test_batch_crash);
    CU_add_test(suite, "an article that hangs its worker is dead after three", test_hang);
    CU_add_test(suite, "foreign kills blame nobody", test_foreign_kills);
    CU_add_test(suite, "a kill nobody saw: the neighbours are counted", test_unseen_kills);
    CU_add_test(suite, "a worker above the memory mark is replaced", test_memory_mark);
    CU_add_test(suite, "reload: new labels, nothing redelivered, bad settings kept out",
                test_reload);
    CU_add_test(suite, "reloads under load: sums exact", test_reload_storm);
    CU_add_test(suite, "a stop during a reload", test_stop_during_reload);
    CU_add_test(suite, "a second stop leaves at once", test_second_stop);
    CU_add_test(suite, "children that stand still are replaced", test_stall);
    CU_add_test(suite, "a dead child of a stopped supervisor keeps no lease",
                test_dead_under_stopped_supervisor);
    CU_add_test(suite, "what systemd is told", test_systemd);
}
