/* role: see role.h. */
#include "role.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "instance.h"
#include "janitor.h"
#include "log.h"
#include "supervisor.h"

#define EXIT_CONFIG 2
#define EXIT_USAGE  64
#define MAX_OPTIONS 64
#define SETTLE_MS   10000 /* beyond redis.timeout_ms, for a large tally */

struct command_line {
    struct conf_sources sources;
    const char *options[MAX_OPTIONS];
    int print, check;
};

static void print_help(const struct role *role, FILE *to)
{
    fprintf(to,
            "newsmill-%s: %s\n\n"
            "usage: newsmill-%s [-c FILE] [-o section.key=value]...\n\n"
            "  -c FILE            settings file (default: newsmill.conf where there is one)\n"
            "  -o section.key=v   one setting; before the environment (NEWSMILL_SECTION_KEY)\n"
            "                     and the file\n"
            "  --print-config     print all settings as a file and exit\n"
            "  --check-config     exit with 0 if the settings are right, 2 if not\n"
            "  --version, --help\n",
            role->name, role->summary, role->name);
}

/* Returns -1 to go on, else an exit code. */
static int parse_arguments(const struct role *role, int argc, char **argv,
                           struct command_line *line)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(role, stdout);
            return 0;
        }
        if (strcmp(argv[i], "--version") == 0) {
            printf("newsmill-%s %s\n", role->name, NEWSMILL_VERSION);
            return 0;
        }
        if (strcmp(argv[i], "--print-config") == 0) {
            line->print = 1;
        } else if (strcmp(argv[i], "--check-config") == 0) {
            line->check = 1;
        } else if (strcmp(argv[i], "-c") == 0 && i + 1 < argc) {
            line->sources.file = argv[++i];
        } else if (strcmp(argv[i], "-o") == 0 && i + 1 < argc &&
                   line->sources.option_count < MAX_OPTIONS) {
            line->options[line->sources.option_count++] = argv[++i];
        } else {
            fprintf(stderr, "newsmill-%s: %s is not an option, or lacks its value\n", role->name,
                    argv[i]);
            print_help(role, stderr);
            return EXIT_USAGE;
        }
    }
    line->sources.options = line->options;
    return -1;
}

/* One generation's worth: settings and what setup made of them. */
struct generation_context {
    struct conf conf;
    void *shared;
};

struct running {
    const struct role *role;
    const struct conf_sources *sources;
    struct instance instance;
    int metrics_fd; /* of the janitors; -1: none */
};

/* The children get at the role through this; a program has one role. */
static struct running running;

static int run_child(struct supervisor_job *job, struct slot *slot)
{
    const struct generation_context *g = job->context;
    struct role_child child = {
        .conf = &g->conf,
        .shared = g->shared,
        .instance = &running.instance,
        .slot = slot,
        .slots = job->slots,
        .slot_count = job->count,
        .metrics_fd = running.metrics_fd,
    };

    if (slot->number == SLOTS_JANITOR)
        return janitor_run(running.role, &child);
    if (running.metrics_fd >= 0)
        close(running.metrics_fd);
    return running.role->run(&child);
}

int64_t role_stall_ms(const struct role *role, const struct conf *conf)
{
    return role->stall_ms ? role->stall_ms(conf) + conf->redis.timeout_ms + SETTLE_MS : 0;
}

static struct supervisor_job make_job(struct generation_context *g)
{
    const struct role *role = running.role;

    return (struct supervisor_job){
        .count = role->processes(&g->conf) + role->consumes,
        .janitor = role->consumes,
        .hang_ms = role->hang_ms ? role->hang_ms(&g->conf) : 0,
        .stall_ms = role_stall_ms(role, &g->conf),
        .run = run_child,
        .context = g,
    };
}

static void told(const char *name)
{
    log_warn("reload.kept", "setting=%s reason=\"only a restart changes it\"", name);
}

/* HUP: everything anew. Bad settings or a bad model: the old ones go on. */
static int reload(void *context, const struct supervisor_job *now, struct supervisor_job *next)
{
    const struct generation_context *old = now->context;
    struct generation_context *g = xcalloc(1, sizeof *g);
    struct err e;

    (void)context;
    if (conf_load(running.sources, &g->conf, &e) < 0)
        goto failed;
    conf_keep_fixed(&g->conf, &old->conf, told);
    log_setup(running.role->name, g->conf.log.level, g->conf.log.format);
    if (running.role->setup(&g->conf, old->shared, &g->shared, &e) < 0) {
        log_setup(running.role->name, old->conf.log.level, old->conf.log.format);
        conf_fini(&g->conf);
        goto failed;
    }
    *next = make_job(g);
    return 0;
failed:
    log_error("reload.failed", "reason=\"%s\"", e.text);
    free(g);
    return -1;
}

static void stop(void *context, struct supervisor_job *job)
{
    const struct generation_context *g = job->context;

    (void)context;
    if (running.role->stop)
        running.role->stop(g->shared);
}

static void retire(void *context, struct supervisor_job *job)
{
    struct generation_context *g = job->context;

    (void)context;
    if (running.role->teardown)
        running.role->teardown(g->shared);
    conf_fini(&g->conf);
    free(g);
}

/* Another living process has our instance id. */
static int begin_anew(void *context)
{
    char old[INSTANCE_ID_BYTES];
    struct err e;

    (void)context;
    memcpy(old, running.instance.id, sizeof old);
    if (instance_renew(&running.instance, &e) < 0) {
        log_error("instance.in_use", "old=%s reason=\"%s\"", old, e.text);
        return -1;
    }
    log_warn(
        "instance.in_use",
        "old=%s new=%s advice=\"another process lives under the old id: the state directory or "
        "its disk was copied. What the old id held is given back when its lease has ended\"",
        old, running.instance.id);
    return 0;
}

static int take_instance(const struct conf *conf, struct err *e)
{
    const char *role = running.role->name, *dir = conf->redis.state_dir;

    if (instance_take(dir, role, &running.instance, e) < 0)
        return e->code;
    if (*running.instance.copied)
        log_warn(
            "instance.copied",
            "file=\"%s/%s.instance\" old=%s new=%s advice=\"the file was made elsewhere: this "
            "machine has taken a new id. What the old id held is given back when its lease has "
            "ended\"",
            dir, role, running.instance.copied, running.instance.id);
    return 0;
}

/* Takes the settings. */
static int run_role(struct conf *conf)
{
    const struct role *role = running.role;
    struct generation_context *g = xcalloc(1, sizeof *g);
    struct supervisor_hooks hooks = {
        .reload = reload, .stop = stop, .retire = retire, .anew = begin_anew};
    struct err e;

    g->conf = *conf;
    log_setup(role->name, conf->log.level, conf->log.format);
    if (role->setup(conf, NULL, &g->shared, &e) < 0 ||
        (role->consumes && take_instance(conf, &e) < 0)) {
        log_error("setup.failed", "reason=\"%s\"", e.text);
        if (g->shared && role->teardown)
            role->teardown(g->shared);
        conf_fini(&g->conf);
        free(g);
        return e.code == ERR_CONFIG ? EXIT_CONFIG : 1;
    }
    if (role->consumes)
        running.metrics_fd = janitor_listen(role, conf);
    struct supervisor_job job = make_job(g);
    log_info("started", "version=%s pid=%d processes=%d", NEWSMILL_VERSION, (int)getpid(),
             role->processes(&g->conf));
    int code = supervisor_run(&job, &hooks);
    log_info("stopped", "code=%d", code);
    return code;
}

int role_main(const struct role *role, int argc, char **argv)
{
    struct command_line line = {0};
    struct conf conf;
    struct err e;

    int code = parse_arguments(role, argc, argv, &line);
    if (code >= 0)
        return code;
    if (conf_load(&line.sources, &conf, &e) < 0) {
        fprintf(stderr, "newsmill-%s: %s\n", role->name, e.text);
        return EXIT_CONFIG;
    }
    if (line.print)
        conf_print(&conf, stdout);
    if (line.print || line.check) {
        conf_fini(&conf);
        return 0;
    }
    running = (struct running){.role = role, .sources = &line.sources, .metrics_fd = -1};
    return run_role(&conf);
}
