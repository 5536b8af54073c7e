/* janitor: the child of a role that serves no items. It renews the leases of the live slots, takes
 * over holds whose lease has ended, and serves /metrics. */
#ifndef NEWSMILL_JANITOR_H
#define NEWSMILL_JANITOR_H

#include "role.h"

int janitor_run(const struct role *role, const struct role_child *child);

#endif
