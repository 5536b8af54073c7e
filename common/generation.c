/* generation: see generation.h. */
#include "generation.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "err.h"
#include "log.h"
#include "oom.h"
#include "stop.h"

#define EXIT_NOT_RESPAWNED 2

struct child {
    struct slot *slot;
    struct backoff backoff;
    int64_t start_at_ms; /* when to fork it; 0: it runs, or will not run again */
    bool gave_up;
    bool hung;   /* killed by us, over one item */
    bool killed; /* killed by us, for this reason or another */
};

struct generation {
    struct supervisor_job job;
    struct child *children;
    sigset_t mask;
    long oom_kills;
    bool draining, wants_anew;
    int exit_code;
};

struct generation *generation_new(const struct supervisor_job *job, int base, bool inherits,
                                  const sigset_t *mask)
{
    struct generation *g = xcalloc(1, sizeof *g);

    g->job = *job;
    g->job.slots = slots_new(job->count, base);
    if (job->janitor)
        g->job.slots[job->count - 1].number = SLOTS_JANITOR;
    g->mask = *mask;
    g->oom_kills = oom_kills();
    g->children = xcalloc((size_t)job->count, sizeof *g->children);
    for (int i = 0; i < job->count; i++) {
        atomic_store(&g->job.slots[i].inherits, inherits);
        g->children[i] = (struct child){.slot = &g->job.slots[i],
                                        .backoff = {.first_ms = 100, .max_ms = 10000},
                                        .start_at_ms = clock_ms()};
    }
    return g;
}

void generation_free(struct generation *g)
{
    slots_free(g->job.slots, g->job.count);
    free(g->children);
    free(g);
}

struct supervisor_job *generation_job(struct generation *g)
{
    return &g->job;
}

static void run_child(struct generation *g, struct child *child, pid_t parent)
{
    /* SIGKILL, not TERM: no process of ours may outlive its supervisor, not even a stuck one, and
     * what it held is safe. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(1);
    stop_setup();
    sigprocmask(SIG_SETMASK, &g->mask, NULL);
    log_set_slot(child->slot->number);
    exit(g->job.run(&g->job, child->slot));
}

static void start(struct generation *g, struct child *child)
{
    struct slot *slot = child->slot;
    pid_t parent = getpid();

    atomic_store(&slot->handled, 0);
    atomic_store(&slot->ready, false);
    atomic_store(&slot->hand_since_ms, 0);
    atomic_store(&slot->beat_ms, clock_ms());
    child->start_at_ms = 0;
    child->hung = child->killed = false;
    pid_t pid = fork();
    if (pid == 0)
        run_child(g, child, parent);
    if (pid < 0) {
        int wait_ms = backoff_next_ms(&child->backoff);
        log_error("fork.failed", "slot=%d retry_ms=%d reason=\"%s\"", slot->number, wait_ms,
                  strerror(errno));
        child->start_at_ms = clock_ms() + wait_ms;
        return;
    }
    atomic_store(&slot->pid, pid);
}

/* A crash is blamed on the item in hand only if the process died by its own fault: a signal that
 * its own code raises, our time-out, or the kernel's kill for its memory. Never a foreign KILL or
 * TERM, however often: after a KILL the item is only named, so that it cannot starve others. */
static void blame(struct generation *g, struct child *child, pid_t pid, int status)
{
    struct slot *slot = child->slot;
    long kills = oom_kills();
    bool own_fault = false, killed = false;

    if (WIFSIGNALED(status)) {
        int signal = WTERMSIG(status);
        own_fault = signal == SIGSEGV || signal == SIGABRT || signal == SIGBUS ||
                    signal == SIGFPE || signal == SIGILL ||
                    (signal == SIGKILL && (child->hung || kills > g->oom_kills || oom_logged(pid)));
        killed = signal == SIGKILL;
    }
    g->oom_kills = kills;
    if (!own_fault && !killed)
        return;
    atomic_store(&slot->careful, true);
    if (atomic_load(&slot->hand_since_ms) == 0 || !*slot->owner)
        return;
    slot->blame_unseen = !own_fault;
    slot->blame_index = atomic_load(&slot->hand_index);
    memcpy(slot->blame_owner, slot->owner, sizeof slot->blame_owner);
    atomic_store(&slot->blame, WTERMSIG(status));
}

static void end_well_or_not(struct generation *g, struct child *child, int status)
{
    bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    uint64_t handled = atomic_load(&child->slot->handled);
    int wait_ms = 0;

    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_RESPAWNED) {
        log_error("child.gave_up", "slot=%d code=%d", child->slot->number, EXIT_NOT_RESPAWNED);
        child->gave_up = true;
        g->exit_code = EXIT_NOT_RESPAWNED;
        return;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == SLOTS_EXIT_IN_USE) {
        g->wants_anew = true;
        return;
    }
    if (handled > 0)
        backoff_reset(&child->backoff);
    else
        wait_ms = backoff_next_ms(&child->backoff);
    if (clean)
        log_info("child.retired", "slot=%d handled=%llu", child->slot->number,
                 (unsigned long long)handled);
    else
        log_warn("child.died", "slot=%d %s=%d hung=%d handled=%llu respawn_ms=%d",
                 child->slot->number, WIFSIGNALED(status) ? "signal" : "code",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), child->hung,
                 (unsigned long long)handled, wait_ms);
    atomic_fetch_add(&child->slot->restarts, 1);
    child->start_at_ms = clock_ms() + wait_ms;
}

bool generation_reap(struct generation *g, pid_t pid, int status)
{
    for (int i = 0; i < g->job.count; i++) {
        struct child *child = &g->children[i];
        if (atomic_load(&child->slot->pid) != pid)
            continue;
        atomic_store(&child->slot->pid, 0);
        blame(g, child, pid, status);
        if (!g->draining)
            end_well_or_not(g, child, status);
        else if (!WIFEXITED(status) ||
                 (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != SLOTS_EXIT_IN_USE))
            g->exit_code = 1;
        return true;
    }
    return false;
}

/* A child that has not come by in its loop for so long, stopped by somebody or stuck in a call, is
 * killed without blame: the store or the machine may be the reason. */
static void kill_if_stalled(struct generation *g, struct child *child, int64_t now, int64_t *next)
{
    int64_t due = atomic_load(&child->slot->beat_ms) + g->job.stall_ms;
    int pid = atomic_load(&child->slot->pid);

    if (!g->job.stall_ms || pid <= 0 || child->killed || child->slot->number == SLOTS_JANITOR)
        return;
    if (due <= now) {
        log_warn("child.stalled", "slot=%d ms=%lld", child->slot->number,
                 (long long)(now - due + g->job.stall_ms));
        child->killed = true;
        kill(pid, SIGKILL);
    } else if (due < *next) {
        *next = due;
    }
}

static void kill_if_hung(struct generation *g, struct child *child, int64_t now, int64_t *next)
{
    int64_t since = atomic_load(&child->slot->hand_since_ms);
    int pid = atomic_load(&child->slot->pid);

    if (!g->job.hang_ms || pid <= 0 || since == 0 || child->hung)
        return;
    if (since + g->job.hang_ms <= now) {
        log_warn("child.hangs", "slot=%d ms=%lld", child->slot->number, (long long)(now - since));
        child->hung = child->killed = true;
        kill(pid, SIGKILL);
    } else if (since + g->job.hang_ms < *next) {
        *next = since + g->job.hang_ms;
    }
}

int64_t generation_tick(struct generation *g)
{
    int64_t now = clock_ms(), next = INT64_MAX;

    for (int i = 0; i < g->job.count; i++) {
        struct child *child = &g->children[i];
        if (!g->draining && child->start_at_ms && child->start_at_ms <= now)
            start(g, child);
        if (!g->draining && child->start_at_ms && child->start_at_ms < next)
            next = child->start_at_ms;
        kill_if_hung(g, child, now, &next);
        kill_if_stalled(g, child, now, &next);
    }
    return next;
}

void generation_signal(struct generation *g, int number)
{
    for (int i = 0; i < g->job.count; i++) {
        int pid = atomic_load(&g->children[i].slot->pid);
        if (pid > 0)
            kill(pid, number);
    }
}

void generation_drain(struct generation *g)
{
    g->draining = true;
    generation_signal(g, SIGTERM);
}

void generation_disinherit(struct generation *g)
{
    for (int i = 0; i < g->job.count; i++)
        atomic_store(&g->job.slots[i].inherits, false);
}

bool generation_ready(const struct generation *g)
{
    for (int i = 0; i < g->job.count; i++)
        if (!atomic_load(&g->job.slots[i].ready))
            return false;
    return true;
}

bool generation_gave_up(const struct generation *g)
{
    for (int i = 0; i < g->job.count; i++)
        if (g->children[i].gave_up)
            return true;
    return false;
}

bool generation_wants_anew(const struct generation *g)
{
    return g->wants_anew;
}

bool generation_hopeless(const struct generation *g)
{
    for (int i = 0; i < g->job.count; i++)
        if (!g->children[i].gave_up && g->children[i].slot->number != SLOTS_JANITOR)
            return false;
    return true;
}

bool generation_finished(const struct generation *g)
{
    for (int i = 0; i < g->job.count; i++)
        if (atomic_load(&g->children[i].slot->pid) > 0)
            return false;
    return g->draining;
}

int generation_exit_code(const struct generation *g)
{
    return g->exit_code;
}

bool generation_alive(const struct generation *g, int64_t within_ms)
{
    int64_t now = clock_ms();

    for (int i = 0; i < g->job.count; i++) {
        if (g->job.slots[i].number == SLOTS_JANITOR)
            continue; /* its rounds are no progress */
        if (g->children[i].start_at_ms || now - atomic_load(&g->job.slots[i].beat_ms) <= within_ms)
            return true;
    }
    return false;
}

uint64_t generation_handled(const struct generation *g)
{
    uint64_t sum = 0;

    for (int i = 0; i < g->job.count; i++)
        sum += atomic_load(&g->job.slots[i].counters[SLOT_ITEMS]);
    return sum;
}
