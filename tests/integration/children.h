/* children: what the kernel says of a role's children. */
#ifndef NEWSMILL_CHILDREN_H
#define NEWSMILL_CHILDREN_H

#include <sys/types.h>

#include "tests/harness/harness.h"

#define CHILDREN_MAX 4

struct children {
    pid_t pids[CHILDREN_MAX];
    int count, files; /* files: open descriptors of all */
    long resident_kb;
};

void children_look(const struct proc *role, struct children *out);

#endif
