/* supervisor: see supervisor.h. It waits in sigtimedwait with its signals blocked, so nothing runs
 * in a handler and no wake-up is lost. */
#include "supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "err.h"
#include "log.h"
#include "stop.h"

#define STOP_TIMEOUT_MS    30000
#define EXIT_NOT_RESPAWNED 2

struct child {
    struct slot *slot;
    struct backoff backoff;
    int64_t start_at_ms; /* when to fork it again; 0: it runs or is given up */
    bool given_up;
};

struct supervisor {
    const struct supervisor_job *job;
    struct child *children;
    int count;
    int stops;          /* TERM or INT so far */
    int64_t kill_at_ms; /* when stopping */
    int exit_code;
    sigset_t signals, before;
};

static void run_child(struct supervisor *s, struct child *child, pid_t parent)
{
    /* SIGKILL, not TERM: no process of ours may outlive its supervisor, not even a stuck one, and
     * what it held is safe. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(1);
    stop_setup();
    sigprocmask(SIG_SETMASK, &s->before, NULL);
    log_set_slot(child->slot->number);
    exit(s->job->run(s->job->context, child->slot));
}

static void start(struct supervisor *s, struct child *child)
{
    pid_t parent = getpid();

    atomic_store(&child->slot->handled, 0);
    atomic_store(&child->slot->beat_ms, clock_ms());
    child->start_at_ms = 0;
    pid_t pid = fork();
    if (pid == 0)
        run_child(s, child, parent);
    if (pid < 0) {
        int wait_ms = backoff_next_ms(&child->backoff);
        log_error("fork.failed", "slot=%d retry_ms=%d reason=\"%s\"", child->slot->number, wait_ms,
                  strerror(errno));
        child->start_at_ms = clock_ms() + wait_ms;
        return;
    }
    atomic_store(&child->slot->pid, pid);
}

static void reap(struct supervisor *s, struct child *child, int status)
{
    bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    int wait_ms = 0;

    atomic_store(&child->slot->pid, 0);
    if (s->stops) {
        if (!clean)
            s->exit_code = 1;
        return;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_RESPAWNED) {
        log_error("child.gave_up", "slot=%d code=%d", child->slot->number, WEXITSTATUS(status));
        child->given_up = true;
        s->exit_code = EXIT_NOT_RESPAWNED;
        return;
    }
    if (atomic_load(&child->slot->handled) > 0)
        backoff_reset(&child->backoff);
    else
        wait_ms = backoff_next_ms(&child->backoff);
    log_warn("child.died", "slot=%d %s=%d handled=%llu respawn_ms=%d", child->slot->number,
             WIFSIGNALED(status) ? "signal" : "code",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
             (unsigned long long)atomic_load(&child->slot->handled), wait_ms);
    child->start_at_ms = clock_ms() + wait_ms;
}

static void reap_all(struct supervisor *s)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (int i = 0; i < s->count; i++)
            if (atomic_load(&s->children[i].slot->pid) == pid)
                reap(s, &s->children[i], status);
}

static void signal_all(struct supervisor *s, int number)
{
    for (int i = 0; i < s->count; i++) {
        int pid = atomic_load(&s->children[i].slot->pid);
        if (pid > 0)
            kill(pid, number);
    }
}

/* Starts what is due; returns how long to wait for signals at most, -1: nothing left to wait for.
 */
static int next_wait_ms(struct supervisor *s)
{
    int64_t now = clock_ms(), next = INT64_MAX;
    bool any = false;

    for (int i = 0; i < s->count; i++) {
        struct child *child = &s->children[i];
        if (!s->stops && child->start_at_ms && child->start_at_ms <= now)
            start(s, child);
        bool lives = atomic_load(&child->slot->pid) > 0;
        any |= lives || (!s->stops && !child->given_up);
        if (!s->stops && child->start_at_ms && child->start_at_ms < next)
            next = child->start_at_ms;
    }
    if (!any)
        return -1;
    if (s->stops)
        next = s->kill_at_ms;
    if (next == INT64_MAX)
        return 60000;
    return next > now ? (int)(next - now) : 0;
}

static void on_signal(struct supervisor *s, int number)
{
    if (number == SIGTERM || number == SIGINT) {
        s->stops++;
        log_info("stopping", "signal=%d now=%d", number, s->stops > 1);
        s->kill_at_ms = clock_ms() + STOP_TIMEOUT_MS;
        signal_all(s, s->stops > 1 ? SIGKILL : SIGTERM);
    } else if (number < 0 && s->stops && clock_ms() >= s->kill_at_ms) {
        log_warn("stop.timeout", "after_ms=%d", STOP_TIMEOUT_MS);
        s->kill_at_ms = clock_ms() + STOP_TIMEOUT_MS;
        signal_all(s, SIGKILL);
    }
}

int supervisor_run(const struct supervisor_job *job, struct slot *slots, int count)
{
    struct supervisor s = {.job = job, .count = count};
    int wait_ms;

    sigemptyset(&s.signals);
    sigaddset(&s.signals, SIGTERM);
    sigaddset(&s.signals, SIGINT);
    sigaddset(&s.signals, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &s.signals, &s.before) < 0)
        panic("sigprocmask: %s", strerror(errno));
    s.children = xcalloc((size_t)count, sizeof *s.children);
    for (int i = 0; i < count; i++) {
        s.children[i] = (struct child){.slot = &slots[i],
                                       .backoff = {.first_ms = 100, .max_ms = 10000},
                                       .start_at_ms = clock_ms()};
    }
    while ((wait_ms = next_wait_ms(&s)) >= 0) {
        struct timespec timeout = {.tv_sec = wait_ms / 1000,
                                   .tv_nsec = (long)(wait_ms % 1000) * 1000000};
        on_signal(&s, sigtimedwait(&s.signals, NULL, &timeout));
        reap_all(&s);
    }
    free(s.children);
    return s.exit_code;
}
