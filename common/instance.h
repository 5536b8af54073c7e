/* instance: this machine's id for a role, so that two farms, or containers with one host name,
 * never speak for each other; and what tells that a state directory was copied.
 *
 * The file STATE_DIR/ROLE.instance is one line: "ID PLACE BOOT TOKEN TOKEN…", each of 16 hex
 * digits. PLACE stands for the machine and the file's inode: it fits no copy. Each start of the
 * role has a token of its own, the first one; behind it are those of its predecessors since the
 * machine BOOTed, which are dead, as the file is locked. enter.lua looks whether the id's living
 * token is one of them. Only the id is there in the file of an earlier version. */
#ifndef NEWSMILL_INSTANCE_H
#define NEWSMILL_INSTANCE_H

#include <stdbool.h>

#include "err.h"

#define INSTANCE_ID_BYTES 17 /* with the NUL; of a token too */
/* Predecessors may die faster than one of them reaches Redis: so many, our own among them. */
#define INSTANCE_TOKENS       16
#define INSTANCE_TOKENS_BYTES (INSTANCE_TOKENS * INSTANCE_ID_BYTES)

struct instance {
    char id[INSTANCE_ID_BYTES];
    char tokens[INSTANCE_TOKENS_BYTES]; /* with a space between; the first is our own */
    char copied[INSTANCE_ID_BYTES];     /* the id of the file, which is a copy; "": it is none */
    int fd;                             /* the lock */
};

/* Takes the id kept in `state_dir` (created where missing), or a new one where there is none or the
 * file is a copy. Waits up to 10 s for a predecessor's lock. The lock is held until this process
 * and the children it forks are gone. Returns 0 or ERR_CONFIG. */
int instance_take(const char *state_dir, const char *role, struct instance *instance,
                  struct err *e);

/* Another living process has the id: takes a new one. Returns 0 or ERR_CONFIG. */
int instance_renew(struct instance *instance, struct err *e);

/* What the file says, without taking it: tokens are those that a start now would trust, without a
 * new one; `copied` is set where a start now would take a new id. Returns false where there is no
 * file with an id. */
bool instance_read(const char *state_dir, const char *role, struct instance *instance);

#endif
