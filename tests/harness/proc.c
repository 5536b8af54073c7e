/* proc: processes, temporary directories and waiting, for harness.h. */
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/err.h"

#define MAX_STARTED 256

static char build_dir[PATH_MAX];
static pid_t started[MAX_STARTED];
static int started_count;
static char *dirs[64];
static int dir_count;
static int log_number;
static int handed_over = -1;
static int log_to = -1;

void harness_setup(const char *argv0)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s", argv0);
    if (!realpath(dirname(path), build_dir))
        panic("realpath %s", argv0);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

void harness_end(void)
{
    for (int i = 0; i < started_count; i++) {
        kill(-started[i], SIGKILL);
        waitpid(started[i], NULL, 0);
    }
    started_count = 0;
    for (int i = 0; i < dir_count; i++) {
        if (!getenv("KEEP"))
            nftw(dirs[i], remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(dirs[i]);
    }
    dir_count = 0;
}

void harness_clean(pid_t pid)
{
    char pattern[64];
    glob_t found;

    snprintf(pattern, sizeof pattern, "/tmp/newsmill-test-%d-*", (int)pid);
    if (!getenv("KEEP") && glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            nftw(found.gl_pathv[i], remove_one, 16, FTW_DEPTH | FTW_PHYS);
        globfree(&found);
    }
}

const char *harness_dir(void)
{
    char path[64];

    snprintf(path, sizeof path, "/tmp/newsmill-test-%d-XXXXXX", (int)getpid());
    if (dir_count == 64 || !mkdtemp(path))
        panic("temporary directory: %s", strerror(errno));
    return dirs[dir_count++] = xstrdup(path);
}

int harness_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        panic("free port: %s", strerror(errno));
    close(fd);
    return ntohs(address.sin_port);
}

static void pause_ms(int ms) /* between two looks at a condition */
{
    struct timespec pause = {.tv_nsec = ms * 1000000L};

    nanosleep(&pause, NULL);
}

bool wait_until(const char *what, int timeout_ms, bool (*condition)(void *), void *context)
{
    int64_t deadline = clock_ms() + timeout_ms;

    while (!condition(context)) {
        if (clock_ms() > deadline) {
            fprintf(stderr, "\n  waited %d ms in vain for: %s\n", timeout_ms, what);
            return false;
        }
        pause_ms(5);
    }
    return true;
}

void proc_log_to(int fd)
{
    log_to = fd;
}

void proc_hand_over(int fd)
{
    handed_over = fd;
}

/* In the child. sd_listen_fds(3). */
static void take_over(void)
{
    static char pid[32];

    if (handed_over < 0)
        return;
    /* dup2 of a descriptor to itself would leave it to be closed by exec. */
    if (handed_over == 3 ? fcntl(3, F_SETFD, 0) < 0 : dup2(handed_over, 3) < 0)
        panic("descriptor 3: %s", strerror(errno));
    snprintf(pid, sizeof pid, "LISTEN_PID=%d", getpid());
    putenv(pid);
    putenv((char *)(uintptr_t) "LISTEN_FDS=1");
}

static void exec_program(const char *name, const char *const *env, const char *const *args)
{
    char path[PATH_MAX + 64];
    const char *argv[64] = {name};

    for (int i = 0; args && args[i] && i < 62; i++)
        argv[i + 1] = args[i];
    for (int i = 0; env && env[i]; i++)
        putenv((char *)(uintptr_t)env[i]);
    snprintf(path, sizeof path, "%s/%s", build_dir, name);
    if (!strchr(name, '/') && access(path, X_OK) == 0)
        execv(path, (char **)(uintptr_t)argv);
    execvp(name, (char **)(uintptr_t)argv);
    fprintf(stderr, "exec %s: %s\n", name, strerror(errno));
    _exit(127);
}

void proc_adopt(pid_t pid)
{
    if (started_count == MAX_STARTED)
        panic("too many processes in one test");
    started[started_count++] = pid;
}

static pid_t spawn(const char *name, const char *const *env, const char *const *args, int out,
                   int err)
{
    pid_t parent = getpid(), pid = fork();

    if (pid < 0)
        panic("fork: %s", strerror(errno));
    if (pid == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(127);
        int null = open("/dev/null", O_RDONLY);
        dup2(null, STDIN_FILENO);
        dup2(out, STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        take_over();
        exec_program(name, env, args);
    }
    setpgid(pid, pid);
    proc_adopt(pid);
    return pid;
}

void proc_start(struct proc *p, const char *name, const char *const *env, const char *const *args)
{
    static const char *log_dir;

    log_dir = dir_count ? dirs[0] : harness_dir();
    const char *base = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
    snprintf(p->log, sizeof p->log, "%s/%s.%d.log", log_dir, base, log_number++);
    int fd = open(p->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        panic("%s: %s", p->log, strerror(errno));
    p->pid = spawn(name, env, args, fd, log_to < 0 ? fd : log_to);
    handed_over = log_to = -1;
    close(fd);
}

static void forget_started(pid_t pid)
{
    for (int i = 0; i < started_count; i++)
        if (started[i] == pid)
            started[i] = started[--started_count];
}

int proc_wait(struct proc *p, int timeout_ms)
{
    int64_t deadline = clock_ms() + timeout_ms;
    int status;

    for (;;) {
        pid_t pid = waitpid(p->pid, &status, WNOHANG);
        if (pid == p->pid)
            break;
        if (pid < 0 || clock_ms() > deadline)
            return -1;
        pause_ms(2);
    }
    forget_started(p->pid);
    p->pid = 0;
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

int proc_stop(struct proc *p, int signal, int timeout_ms)
{
    kill(p->pid, signal);
    return proc_wait(p, timeout_ms);
}

static char *read_all(const char *path)
{
    FILE *file = fopen(path, "r");
    size_t length = 0, capacity = 1 << 16;
    char *text = xmalloc(capacity);

    while (file) {
        size_t got = fread(text + length, 1, capacity - length - 1, file);
        length += got;
        if (got == 0)
            break;
        if (capacity - length < 2)
            text = xrealloc(text, capacity *= 2);
    }
    if (file)
        fclose(file);
    text[length] = 0;
    return text;
}

int proc_run(const char *name, const char *const *env, const char *const *args, bool both,
             char **output, int timeout_ms)
{
    char path[64];

    snprintf(path, sizeof path, "/tmp/newsmill-test-%d-XXXXXX", (int)getpid());
    int fd = mkostemp(path, O_CLOEXEC), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct proc p = {0};

    if (fd < 0)
        panic("%s: %s", path, strerror(errno));
    p.pid = spawn(name, env, args, fd, both ? fd : null);
    int code = proc_wait(&p, timeout_ms);
    if (output)
        *output = read_all(path);
    close(fd);
    close(null);
    unlink(path);
    return code;
}

bool proc_logged(const struct proc *p, const char *text)
{
    char *log = read_all(p->log);
    bool found = strstr(log, text) != NULL;

    free(log);
    return found;
}

int proc_log_count(const struct proc *p, const char *text)
{
    char *log = read_all(p->log);
    int count = 0;

    for (const char *at = log; (at = strstr(at, text)); at += strlen(text))
        count++;
    free(log);
    return count;
}

static long cpu_ms(pid_t pid)
{
    unsigned long user = 0, system = 0;
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r"); /* proc(5): utime and stime are fields 14 and 15 */
    if (!file)
        return 0;
    if (fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
               &system) != 2)
        user = system = 0;
    fclose(file);
    return (long)((user + system) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK));
}

long proc_cpu_ms(const struct proc *p)
{
    pid_t pids[64];
    int count = proc_children(p, pids, 64);
    long sum = cpu_ms(p->pid);

    for (int i = 0; i < count; i++)
        sum += cpu_ms(pids[i]);
    return sum;
}

int proc_children(const struct proc *p, pid_t *pids, int max)
{
    char path[64];
    int count = 0;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", p->pid, p->pid);
    FILE *file = fopen(path, "r");
    while (file && count < max && fscanf(file, "%d", &pids[count]) == 1)
        count++;
    if (file)
        fclose(file);
    return count;
}
