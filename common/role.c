/* role: see role.h. */
#include "role.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "supervisor.h"

#define EXIT_CONFIG     2
#define EXIT_USAGE      64
#define MAX_OPTIONS     64
#define LOCK_TIMEOUT_MS 10000

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

struct running {
    const struct role *role;
    const struct conf *conf;
    void *shared;
    int slots;
};

static int run_child(void *context, struct slot *slot)
{
    const struct running *r = context;

    return r->role->run(r->conf, r->shared, slot, r->slots);
}

static int run_role(const struct role *role, const struct conf *conf)
{
    struct running running = {.role = role, .conf = conf};
    struct err e;

    log_setup(role->name, conf->log.level, conf->log.format);
    if (role->setup(conf, &running.shared, &e) < 0) {
        log_error("setup.failed", "reason=\"%s\"", e.text);
        return e.code == ERR_CONFIG ? EXIT_CONFIG : 1;
    }
    running.slots = role->processes(conf);
    log_info("started", "version=%s pid=%d processes=%d", NEWSMILL_VERSION, (int)getpid(),
             running.slots);
    struct supervisor_job job = {.run = run_child, .context = &running};
    int code = supervisor_run(&job, slots_new(running.slots), running.slots);
    if (role->teardown)
        role->teardown(running.shared);
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
    code = 0;
    if (line.print)
        conf_print(&conf, stdout);
    else if (!line.check)
        code = run_role(role, &conf);
    conf_fini(&conf);
    return code;
}

static int read_or_make_id(int fd, char id[17])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char random[8];

    if (pread(fd, id, 16, 0) == 16) {
        id[16] = 0;
        if (strspn(id, digits) == 16)
            return 0;
    }
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return -1;
    for (int i = 0; i < 8; i++) {
        id[2 * i] = digits[random[i] >> 4];
        id[2 * i + 1] = digits[random[i] & 15];
    }
    id[16] = 0;
    if (ftruncate(fd, 0) < 0 || pwrite(fd, id, 16, 0) != 16 || fsync(fd) < 0)
        return -1;
    return 0;
}

int role_instance(const char *state_dir, const char *role, char id[17], struct err *e)
{
    char path[4096];
    int64_t deadline = clock_ms() + LOCK_TIMEOUT_MS;

    if (snprintf(path, sizeof path, "%s/%s.instance", state_dir, role) >= (int)sizeof path)
        return err_set(e, ERR_CONFIG, "%s.state_dir: the path is too long", role);
    if (mkdir(state_dir, 0755) < 0 && errno != EEXIST)
        return err_set(e, ERR_CONFIG, "%s.state_dir: %s: %s", role, state_dir, strerror(errno));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644); /* kept open: it is the lock */
    if (fd < 0)
        return err_set(e, ERR_CONFIG, "%s.state_dir: %s: %s", role, path, strerror(errno));
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK || clock_ms() > deadline) {
            close(fd);
            return err_set(e, ERR_CONFIG, "%s.state_dir: another newsmill-%s uses %s", role, role,
                           path);
        }
        usleep(20000);
    }
    if (read_or_make_id(fd, id) < 0) {
        err_set(e, ERR_CONFIG, "%s.state_dir: %s: %s", role, path, strerror(errno));
        close(fd);
        return e->code;
    }
    return 0;
}
