/* State directories that were copied: two farms with one instance id over one Redis. Neither stands
 * in the other's way for long, and every article is counted once. */
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli_fixture.h"
#include "common/err.h"

#define ARTICLES   200
#define LINE_BYTES 400
#define ID_BYTES   16
#define PLACE_AT   17 /* in the line: "ID PLACE …" */
#define PLACE_END  33

/* The roles that run from another state directory over the same Redis and store. */
static struct other {
    const char *dir;
    struct proc workers, savers;
} other;

static long long pushed;

static void push_articles(int count)
{
    static const char item[] = "{\"content\":\"Tim Cook met Angela Merkel in Berlin.\","
                               "\"publication\":\"P\"}";

    for (int i = 0; i < count; i++)
        cli_push(item, sizeof item - 1);
    pushed += count;
}

static void begin(void)
{
    cli_begin();
    pushed = 0;
    farm_start_savers(&cli_farm);
    farm_start_workers(&cli_farm);
}

/* From now on programs are started as on another machine. */
static void go_elsewhere(const char *dir)
{
    char text[16];

    other = (struct other){.dir = dir};
    farm_set(&cli_farm, "REDIS_STATE_DIR", dir);
    snprintf(text, sizeof text, "%d", harness_port());
    farm_set(&cli_farm, "WORKERS_METRICS_PORT", text);
    snprintf(text, sizeof text, "%d", harness_port());
    farm_set(&cli_farm, "SAVERS_METRICS_PORT", text);
}

static bool has_entered(void *context)
{
    return proc_logged(context, "entered");
}

static void start_other(void)
{
    proc_start(&other.savers, "newsmill-savers", cli_farm.env, NULL);
    proc_start(&other.workers, "newsmill-workers", cli_farm.env, NULL);
    CU_ASSERT_FATAL(wait_until("the other savers to enter", 20000, has_entered, &other.savers));
    CU_ASSERT_FATAL(wait_until("the other workers to enter", 20000, has_entered, &other.workers));
}

static void stop_other(void)
{
    CU_ASSERT_EQUAL(proc_stop(&other.workers, SIGTERM, 20000), 0);
    CU_ASSERT_EQUAL(proc_stop(&other.savers, SIGTERM, 20000), 0);
}

static void stop_first(void)
{
    CU_ASSERT_EQUAL(proc_stop(&cli_farm.workers, SIGTERM, 20000), 0);
    CU_ASSERT_EQUAL(proc_stop(&cli_farm.savers, SIGTERM, 20000), 0);
}

/* The line of an instance file. */
static void read_line(const char *dir, const char *role, char line[LINE_BYTES])
{
    char path[300];

    snprintf(path, sizeof path, "%s/%s.instance", dir, role);
    FILE *file = fopen(path, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    size_t length = fread(line, 1, LINE_BYTES - 1, file);
    line[length] = 0;
    fclose(file);
}

/* In place: another file would be a copy by its inode. */
static void overwrite(const char *dir, const char *role, const char *line, size_t length)
{
    char path[300];

    snprintf(path, sizeof path, "%s/%s.instance", dir, role);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    CU_ASSERT_EQUAL(pwrite(fd, line, length, 0), (ssize_t)length);
    close(fd);
}

static void copy_state(const char *to)
{
    static const char *const roles[] = {"workers", "savers"};
    char from[2][300];

    for (int i = 0; i < 2; i++) {
        snprintf(from[i], sizeof from[i], "%s/%s.instance", cli_farm.dir, roles[i]);
        const char *args[] = {"-p", from[i], to, NULL};
        CU_ASSERT_EQUAL(proc_run("cp", NULL, args, true, NULL, 10000), 0);
    }
}

static bool same_id(const char *a, const char *b, const char *role)
{
    char lines[2][LINE_BYTES];

    read_line(a, role, lines[0]);
    read_line(b, role, lines[1]);
    return strncmp(lines[0], lines[1], ID_BYTES) == 0;
}

static bool all_worked(void *context)
{
    (void)context;
    return farm_stat(&cli_farm, "worked") == pushed;
}

/* All is counted while both run, and each has its own id. */
static void expect_counted_once(void)
{
    push_articles(ARTICLES);
    CU_ASSERT(wait_until("all articles to be worked", 40000, all_worked, NULL));
    CU_ASSERT(farm_drained(&cli_farm, 40000));
    CU_ASSERT_EQUAL(farm_articles(&cli_farm), pushed);
    CU_ASSERT_FALSE(same_id(cli_farm.dir, other.dir, "workers"));
    CU_ASSERT_FALSE(same_id(cli_farm.dir, other.dir, "savers"));
}

/* The running roles are not disturbed at all. */
static void test_copied_while_running(void)
{
    begin();
    push_articles(ARTICLES);
    go_elsewhere(harness_dir());
    copy_state(other.dir);
    start_other();
    CU_ASSERT_TRUE(proc_logged(&other.workers, "instance.copied"));
    CU_ASSERT_TRUE(proc_logged(&other.savers, "instance.copied"));
    expect_counted_once();
    CU_ASSERT_FALSE(proc_logged(&cli_farm.workers, "redis.away"));
    CU_ASSERT_FALSE(proc_logged(&cli_farm.savers, "redis.away"));
    stop_other();
    stop_first();
    cli_expect(cli_run("audit"), 0, "every hold has an owner");
    cli_finish();
}

static void test_copied_while_stopped(void)
{
    begin();
    stop_first();
    go_elsewhere(harness_dir());
    copy_state(other.dir);
    cli_run("doctor");
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "is a copy"));
    start_other();
    CU_ASSERT_TRUE(proc_logged(&other.workers, "instance.copied"));
    expect_counted_once();
    stop_other();
    /* Its own id is kept from now on. */
    start_other();
    CU_ASSERT_FALSE(proc_logged(&other.workers, "instance.copied"));
    cli_run("doctor");
    CU_ASSERT_PTR_NULL(strstr(cli_output, "is a copy"));
    stop_other();
    cli_finish();
}

/* The other machine's files as an image of its disk makes them: made for this very place. With
 * `tokens` the image is of the moment. */
static void clone_disk(bool tokens)
{
    static const char *const roles[] = {"workers", "savers"};
    char ours[LINE_BYTES], theirs[LINE_BYTES];

    go_elsewhere(harness_dir());
    start_other();
    stop_other();
    for (int i = 0; i < 2; i++) {
        read_line(cli_farm.dir, roles[i], ours);
        read_line(other.dir, roles[i], theirs);
        CU_ASSERT_FATAL(strlen(ours) > PLACE_END && strlen(theirs) > PLACE_END);
        memcpy(ours + PLACE_AT, theirs + PLACE_AT, PLACE_END - PLACE_AT);
        overwrite(other.dir, roles[i], ours, tokens ? strlen(ours) : ID_BYTES);
    }
}

static bool is_ready(void *context)
{
    return proc_logged(context, " ready ");
}

static bool is_reloaded(void *context)
{
    return proc_logged(context, " reloaded ");
}

/* The later one finds the id in use and takes another; the first is not disturbed. It can
 * be reloaded afterwards. */
static void test_cloned_disk(void)
{
    begin();
    push_articles(ARTICLES);
    clone_disk(false);
    cli_run("doctor");
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "is used by another living process"));
    start_other();
    CU_ASSERT_EQUAL(kill(other.workers.pid, SIGHUP), 0);
    CU_ASSERT(wait_until("the reload", 30000, is_reloaded, &other.workers));
    CU_ASSERT_TRUE(proc_logged(&other.workers, "instance.in_use"));
    CU_ASSERT_TRUE(proc_logged(&other.savers, "instance.in_use"));
    expect_counted_once();
    CU_ASSERT_FALSE(proc_logged(&cli_farm.workers, "redis.away"));
    CU_ASSERT_FALSE(proc_logged(&cli_farm.savers, "redis.away"));
    CU_ASSERT_EQUAL(proc_log_count(&other.workers, "instance.in_use"), 1);
    cli_run("doctor");
    CU_ASSERT_PTR_NULL(strstr(cli_output, "is used by another living process"));
    stop_other();
    stop_first();
    cli_expect(cli_run("audit"), 0, "every hold has an owner");
    cli_finish();
}

static bool first_renamed(void *context)
{
    (void)context;
    return proc_logged(&cli_farm.workers, "instance.in_use") &&
           proc_logged(&cli_farm.savers, "instance.in_use");
}

static bool ends_for_anew(void *context)
{
    return proc_logged(context, "at_once=0 anew=1");
}

/* The image knows the first one's token and cannot know that it lives: the first is thrown out,
 * once, and goes on under another id. A reload asked for meanwhile is not forgotten. */
static void test_cloned_disk_of_the_moment(void)
{
    struct proc *first = &cli_farm.workers;
    pid_t children[8];

    begin();
    push_articles(ARTICLES);
    clone_disk(true);
    CU_ASSERT_EQUAL_FATAL(proc_children(first, children, 8), 3);
    CU_ASSERT_EQUAL(kill(children[0], SIGSTOP), 0); /* it keeps the others waiting */
    start_other();
    CU_ASSERT(wait_until("the children to be ended", 20000, ends_for_anew, first));
    CU_ASSERT_EQUAL(kill(first->pid, SIGHUP), 0);
    CU_ASSERT_EQUAL(kill(children[0], SIGCONT), 0);
    CU_ASSERT(wait_until("the reload", 30000, is_reloaded, first));
    CU_ASSERT(wait_until("the first to take a new id", 20000, first_renamed, NULL));
    CU_ASSERT_FALSE(proc_logged(&other.workers, "instance.in_use"));
    expect_counted_once();
    CU_ASSERT_EQUAL(proc_log_count(&cli_farm.workers, "instance.in_use"), 1);
    CU_ASSERT_EQUAL(proc_log_count(&cli_farm.savers, "instance.in_use"), 1);
    stop_other();
    stop_first();
    CU_ASSERT_FALSE(proc_logged(&other.workers, "instance.in_use"));
    cli_expect(cli_run("audit"), 0, "every hold has an owner");
    cli_finish();
}

static bool ends_for_good(void *context)
{
    return proc_logged(context, "at_once=0 anew=0");
}

/* TERM while the children end for a new id: a stop, and the second one kills. */
static void test_stopped_meanwhile(void)
{
    struct proc *first = &cli_farm.workers;
    pid_t children[8];

    begin();
    clone_disk(true);
    CU_ASSERT_EQUAL_FATAL(proc_children(first, children, 8), 3);
    CU_ASSERT_EQUAL(kill(children[0], SIGSTOP), 0); /* it keeps the others waiting */
    start_other();
    CU_ASSERT(wait_until("the children to be ended", 20000, ends_for_anew, first));
    CU_ASSERT_EQUAL(kill(first->pid, SIGTERM), 0);
    CU_ASSERT(wait_until("the stop", 10000, ends_for_good, first));
    CU_ASSERT_EQUAL(proc_stop(first, SIGTERM, 10000), 1);
    CU_ASSERT_FALSE(proc_logged(first, "instance.in_use"));
    push_articles(ARTICLES);
    CU_ASSERT(farm_drained(&cli_farm, 40000));
    CU_ASSERT_EQUAL(farm_articles(&cli_farm), pushed);
    stop_other();
    cli_finish();
}

/* Kills, starts right after them, and reloads are one family: nobody waits for a lease. */
static void test_family(void)
{
    char before[LINE_BYTES], after[LINE_BYTES];

    cli_begin();
    pushed = 0;
    farm_start_savers(&cli_farm);
    for (int i = 0; i < 3; i++) {
        farm_start_workers(&cli_farm);
        if (i == 0)
            read_line(cli_farm.dir, "workers", before);
        push_articles(20);
        CU_ASSERT_EQUAL(kill(cli_farm.workers.pid, SIGKILL), 0);
        CU_ASSERT_EQUAL(proc_wait(&cli_farm.workers, 10000), 1000 + SIGKILL);
        /* One that dies before it has reached Redis is no gap in the family. */
        proc_start(&cli_farm.workers, "newsmill-workers", cli_farm.env, NULL);
        CU_ASSERT_EQUAL(proc_stop(&cli_farm.workers, SIGKILL, 10000), 1000 + SIGKILL);
    }
    farm_start_workers(&cli_farm);
    CU_ASSERT(wait_until("the workers to be ready", 20000, is_ready, &cli_farm.workers));
    CU_ASSERT_EQUAL(kill(cli_farm.workers.pid, SIGHUP), 0);
    CU_ASSERT(wait_until("the reload", 30000, is_reloaded, &cli_farm.workers));
    CU_ASSERT(wait_until("all articles to be worked", 40000, all_worked, NULL));
    CU_ASSERT(farm_drained(&cli_farm, 40000));
    CU_ASSERT_EQUAL(farm_articles(&cli_farm), pushed);
    CU_ASSERT_FALSE(proc_logged(&cli_farm.workers, "instance.in_use"));
    read_line(cli_farm.dir, "workers", after);
    CU_ASSERT_EQUAL(strncmp(before, after, ID_BYTES), 0);
    stop_first();
    cli_finish();
}

/* A file of an earlier version has the id alone. */
static void test_old_file(void)
{
    static const char id[] = "0123456789abcdef";
    char line[LINE_BYTES];

    cli_begin();
    overwrite(cli_farm.dir, "workers", id, ID_BYTES);
    farm_start_workers(&cli_farm);
    CU_ASSERT_TRUE(proc_logged(&cli_farm.workers, "owner=workers:0123456789abcdef:"));
    CU_ASSERT_FALSE(proc_logged(&cli_farm.workers, "instance."));
    read_line(cli_farm.dir, "workers", line);
    CU_ASSERT_EQUAL(strncmp(line, id, ID_BYTES), 0);
    CU_ASSERT_TRUE(strlen(line) > PLACE_END);
    CU_ASSERT_EQUAL(proc_stop(&cli_farm.workers, SIGTERM, 20000), 0);
    cli_finish();
}

void suite_instance(void);
void suite_instance(void)
{
    CU_pSuite s = CU_add_suite("instance", NULL, NULL);

    CU_add_test(s, "a state directory copied while its roles run", test_copied_while_running);
    CU_add_test(s, "a state directory copied while they are stopped", test_copied_while_stopped);
    CU_add_test(s, "a cloned disk", test_cloned_disk);
    CU_add_test(s, "a disk cloned this moment", test_cloned_disk_of_the_moment);
    CU_add_test(s, "a stop while a new id is taken", test_stopped_meanwhile);
    CU_add_test(s, "kills, starts and reloads are one family", test_family);
    CU_add_test(s, "a file of an earlier version", test_old_file);
}
