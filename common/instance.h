/* instance: this machine's id for a role, so that two farms, or containers with one host name,
 * never speak for each other. */
#ifndef NEWSMILL_INSTANCE_H
#define NEWSMILL_INSTANCE_H

#include "err.h"

/* 16 hex digits and a NUL, made once and kept in `state_dir` (created where missing) under a lock.
 * Waits up to 10 s for a predecessor's lock. The lock is held until this process and the children
 * it forks are gone. Returns 0 or ERR_CONFIG. */
int instance_take(const char *state_dir, const char *role, char id[17], struct err *e);

#endif
