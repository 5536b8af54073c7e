/* supervisor: see supervisor.h. It waits in sigtimedwait with its signals blocked, so nothing runs
 * in a handler and no wake-up is lost. */
#include "supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "clock.h"
#include "err.h"
#include "generation.h"
#include "log.h"
#include "notify.h"

#define STOP_TIMEOUT_MS  30000
#define READY_TIMEOUT_MS 30000
#define TICK_MS          1000
#define READY_TICK_MS    50 /* while children start: how soon their readiness is seen */

struct supervisor {
    const struct supervisor_hooks *hooks;
    struct generation *current, *next, *old; /* next: starting on a reload; old: draining */
    sigset_t signals, before;
    int base;   /* of current's slot numbers */
    bool ready; /* systemd was told */
    bool reload_asked;
    int64_t next_deadline_ms;
    int stops;          /* TERM or INT so far */
    bool anew;          /* no stop: the job begins once more when all children have ended */
    int64_t kill_at_ms; /* when stopping */
    int64_t watchdog_ms, status_at_ms;
    int exit_code;
};

static void begin_reload(struct supervisor *s)
{
    struct supervisor_job job;

    s->reload_asked = false;
    notify_reloading();
    if (s->hooks->reload(s->hooks->context, generation_job(s->current), &job) < 0) {
        notify_ready();
        return;
    }
    /* From now on two generations live: a slot must give back its own number's hold only. */
    generation_disinherit(s->current);
    s->next = generation_new(&job, s->base ? 0 : SLOTS_STRIDE, false, &s->before);
    s->next_deadline_ms = clock_ms() + READY_TIMEOUT_MS;
}

static void end_reload(struct supervisor *s)
{
    bool good = generation_ready(s->next);

    if (!good && !generation_gave_up(s->next) && clock_ms() < s->next_deadline_ms)
        return;
    if (good) {
        s->old = s->current;
        s->current = s->next;
        s->base = s->base ? 0 : SLOTS_STRIDE;
    } else {
        s->old = s->next;
    }
    s->next = NULL;
    generation_drain(s->old);
    if (good)
        log_info("reloaded", "base=%d", s->base);
    else
        log_error("reload.failed", "reason=\"the new children did not become ready\"");
    notify_ready();
}

static void retire(struct supervisor *s, struct generation **g)
{
    s->hooks->retire(s->hooks->context, generation_job(*g));
    generation_free(*g);
    *g = NULL;
}

static void tell_systemd(struct supervisor *s)
{
    int64_t now = clock_ms();

    if (!s->ready && !s->stops && generation_ready(s->current)) {
        s->ready = true;
        log_info("ready", "after=start");
        notify_ready();
    }
    if (now < s->status_at_ms)
        return;
    s->status_at_ms = now + (s->watchdog_ms && s->watchdog_ms < 5000 ? s->watchdog_ms : 5000);
    notify_status("%s, %llu handled",
                  s->stops   ? "stopping"
                  : s->ready ? "running"
                             : "starting",
                  (unsigned long long)generation_handled(s->current));
    /* Fed by progress: a supervisor that runs over children that all stand still must not live. */
    if (s->watchdog_ms &&
        generation_alive(s->current, 2 * s->watchdog_ms + generation_job(s->current)->stall_ms))
        notify_watchdog();
}

static void begin_stop(struct supervisor *s, int number)
{
    struct generation *all[] = {s->current, s->next, s->old};

    if (number && s->anew) { /* now it is one, the first */
        s->anew = false;
        s->stops = 0;
    }
    s->stops++;
    if (s->stops == 1 && !s->anew)
        notify_stopping();
    log_info("stopping", "signal=%d at_once=%d anew=%d", number, s->stops > 1, s->anew);
    s->kill_at_ms = clock_ms() + STOP_TIMEOUT_MS;
    for (int i = 0; i < 3; i++)
        if (all[i] && s->stops == 1)
            s->hooks->stop(s->hooks->context, generation_job(all[i]));
    for (int i = 0; i < 3; i++)
        if (all[i] && s->stops > 1)
            generation_signal(all[i], SIGKILL);
        else if (all[i])
            generation_drain(all[i]);
}

static void on_signal(struct supervisor *s, int number)
{
    if (number == SIGTERM || number == SIGINT)
        begin_stop(s, number);
    else if (number == SIGHUP && (!s->stops || s->anew))
        s->reload_asked = true;
    else if (s->stops && clock_ms() >= s->kill_at_ms)
        begin_stop(s, 0); /* waited long enough: the second stop kills */
}

static void reap_all(struct supervisor *s)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct generation *all[] = {s->current, s->next, s->old};
        for (int i = 0; i < 3; i++)
            if (all[i] && generation_reap(all[i], pid, status))
                break;
    }
}

/* All children have ended for it. Returns 0, or -1: that is the end. */
static int begin_anew(struct supervisor *s)
{
    struct supervisor_job job = *generation_job(s->current);

    s->anew = false;
    if (s->hooks->anew(s->hooks->context) < 0) {
        s->exit_code = 1;
        return -1;
    }
    generation_free(s->current);
    s->current = generation_new(&job, 0, true, &s->before);
    s->base = s->stops = 0;
    s->ready = false;
    return 0;
}

/* Moves everything on; returns how long to wait for signals, -1: all is over. */
static int tick(struct supervisor *s)
{
    int64_t due = clock_ms() + TICK_MS;
    struct generation *all[] = {s->current, s->next, s->old};

    for (int i = 0; i < 3; i++) {
        int64_t next = all[i] ? generation_tick(all[i]) : INT64_MAX;
        due = next < due ? next : due;
    }
    if (s->next && !s->stops)
        end_reload(s);
    if (s->next && s->stops && generation_finished(s->next))
        retire(s, &s->next);
    if (s->old && generation_finished(s->old))
        retire(s, &s->old);
    if (s->reload_asked && !s->stops && !s->next && !s->old)
        begin_reload(s);
    if (!s->stops && generation_hopeless(s->current)) {
        s->exit_code = generation_exit_code(s->current);
        begin_stop(s, 0);
    }
    if (!s->stops &&
        (generation_wants_anew(s->current) || (s->next && generation_wants_anew(s->next)))) {
        s->reload_asked |= s->next != NULL; /* it comes after */
        s->anew = true;
        begin_stop(s, 0);
    }
    if (generation_finished(s->current) && !s->next && !s->old && (!s->anew || begin_anew(s) < 0))
        return -1;
    tell_systemd(s);
    if ((!s->ready || s->next) && !s->stops && due > clock_ms() + READY_TICK_MS)
        due = clock_ms() + READY_TICK_MS;
    int64_t left = due - clock_ms();
    return left > 0 ? (int)left : 0;
}

int supervisor_run(const struct supervisor_job *job, const struct supervisor_hooks *hooks)
{
    struct supervisor s = {.hooks = hooks, .watchdog_ms = notify_watchdog_ms()};
    int wait_ms;

    sigemptyset(&s.signals);
    sigaddset(&s.signals, SIGTERM);
    sigaddset(&s.signals, SIGINT);
    sigaddset(&s.signals, SIGHUP);
    sigaddset(&s.signals, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &s.signals, &s.before) < 0)
        panic("sigprocmask: %s", strerror(errno));
    s.current = generation_new(job, 0, true, &s.before);
    while ((wait_ms = tick(&s)) >= 0) {
        struct timespec timeout = {.tv_sec = wait_ms / 1000,
                                   .tv_nsec = (long)(wait_ms % 1000) * 1000000};
        on_signal(&s, sigtimedwait(&s.signals, NULL, &timeout));
        reap_all(&s);
    }
    int code = s.exit_code ? s.exit_code : generation_exit_code(s.current);
    retire(&s, &s.current);
    return code;
}
