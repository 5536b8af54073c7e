/* janitor: the child of a role that serves no items. It renews the leases of the live slots, takes
 * over holds whose lease has ended, and serves /metrics. */
#ifndef NEWSMILL_JANITOR_H
#define NEWSMILL_JANITOR_H

#include "role.h"

/* Opens the socket for /metrics, once for the life of the role: were each janitor to open its own,
 * another farm could have the port in between, or at the same time. Returns it; or -1 where none is
 * wanted or the port is taken, which is logged and lived with: metrics are not worth dying for. */
int janitor_listen(const struct role *role, const struct conf *conf);

/* child->metrics_fd: from janitor_listen(). */
int janitor_run(const struct role *role, const struct role_child *child);

#endif
