/* generation: the children of one job: start, reap, blame, kill what hangs. Used by supervisor.c
 * alone. */
#ifndef NEWSMILL_GENERATION_H
#define NEWSMILL_GENERATION_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervisor.h"

struct generation;

/* `base`: its lowest slot number. `mask`: the signal mask that children get back. */
struct generation *generation_new(const struct supervisor_job *job, int base, bool inherits,
                                  const sigset_t *mask);
void generation_free(struct generation *g);
struct supervisor_job *generation_job(struct generation *g);

/* Starts children that are due (none once it drains) and kills those that hang. Returns
 * clock_ms() of the next thing due, INT64_MAX: nothing. */
int64_t generation_tick(struct generation *g);

/* If `pid` is one of its children, takes its end into account and returns true. */
bool generation_reap(struct generation *g, pid_t pid, int status);

void generation_signal(struct generation *g, int number); /* to every child */
void generation_drain(struct generation *g);              /* TERM, and no respawn any more */
void generation_disinherit(struct generation *g);         /* another generation lives now */

bool generation_ready(const struct generation *g);      /* all children are */
bool generation_gave_up(const struct generation *g);    /* a child exited with 2 */
bool generation_hopeless(const struct generation *g);   /* all did that serve items */
bool generation_wants_anew(const struct generation *g); /* a child exited with 3 */
bool generation_finished(const struct generation *g);   /* it drains and no child lives */
int generation_exit_code(const struct generation *g);   /* 0 when all ended well */

/* True if a child that serves made progress within `within_ms`, or waits to be started again. */
bool generation_alive(const struct generation *g, int64_t within_ms);
uint64_t generation_handled(const struct generation *g);

#endif
