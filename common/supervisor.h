/* supervisor: forks the slots of a role, reaps and respawns them, ends them. No Redis in it. */
#ifndef NEWSMILL_SUPERVISOR_H
#define NEWSMILL_SUPERVISOR_H

#include "slots.h"

struct supervisor_job {
    int (*run)(void *context, struct slot *slot); /* in the child; its exit code */
    void *context;
};

/* Runs `count` children until TERM or INT; a second one, or 30 s, kills what is left. A child that
 * ends without having handled anything is started again with a growing delay, any other at once;
 * one that exits with 2 is not started again. Returns the exit code of the program. */
int supervisor_run(const struct supervisor_job *job, struct slot *slots, int count);

#endif
