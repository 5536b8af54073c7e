/* listen: the listening socket, opened before the fork and shared by all children. */
#ifndef NEWSMILL_GATEWAY_LISTEN_H
#define NEWSMILL_GATEWAY_LISTEN_H

#include "common/err.h"
#include "common/own_host.h"

struct listen_socket {
    int fd;
    struct own_host host;
};

/* Opens a non-blocking listening socket, or takes the one that systemd hands over (LISTEN_FDS, see
 * sd_listen_fds(3)). Returns 0, ERR_CONFIG for an address that is none here, or ERR_AGAIN (port in
 * use, no rights). */
int listen_open(const char *address, int port, struct listen_socket *out, struct err *e);

#endif
