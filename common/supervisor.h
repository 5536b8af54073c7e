/* supervisor: forks the slots of a role, reaps and respawns them, replaces them by a new generation
 * on HUP, ends them. No Redis in it. */
#ifndef NEWSMILL_SUPERVISOR_H
#define NEWSMILL_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#include "slots.h"

/* One generation of children. */
struct supervisor_job {
    int count;        /* children */
    bool janitor;     /* the last one is the janitor */
    int64_t hang_ms;  /* an item in hand for longer gets its process killed; 0: never */
    int64_t stall_ms; /* so does no progress at all for longer, and blames nothing; 0: never */
    int (*run)(struct supervisor_job *job, struct slot *slot); /* in the child; its exit code */
    struct slot *slots; /* set by the supervisor before the fork */
    void *context;      /* the role's */
};

struct supervisor_hooks {
    /* On HUP: makes the job of a new generation. Returns 0, or -1 to go on as before. */
    int (*reload)(void *context, const struct supervisor_job *now, struct supervisor_job *next);
    /* TERM or INT: before the children of each generation are told to end. */
    void (*stop)(void *context, struct supervisor_job *job);
    /* A child exited with SLOTS_EXIT_IN_USE and no child lives any more: sees to another instance
     * id. Returns 0, or -1 to end with exit code 1. */
    int (*anew)(void *context);
    /* The last child of the generation is gone. */
    void (*retire)(void *context, struct supervisor_job *job);
    void *context;
};

/* Runs until TERM or INT; a second one, or 30 s, kills what is left. A child that ends without
 * having handled anything is started again with a growing delay, any other at once; one that exits
 * with 2 is not started again; one that exits with SLOTS_EXIT_IN_USE has all end and begin anew. On
 * HUP the new generation must be ready before the old one drains; if it is not within 30 s, it is
 * dropped and the old one goes on. `job` is retired too. Returns the exit code of the program. */
int supervisor_run(const struct supervisor_job *job, const struct supervisor_hooks *hooks);

#endif
