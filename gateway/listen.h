/* listen: the listening socket, opened before the fork and shared by all children. */
#ifndef NEWSMILL_GATEWAY_LISTEN_H
#define NEWSMILL_GATEWAY_LISTEN_H

#include "common/err.h"
#include "common/own_host.h"

/* One descriptor for all generations: were each to have its own, the children of one would inherit
 * the other's too, and keep it open. */
struct listen_socket {
    int fd; /* -1: closed */
    unsigned users;
    struct own_host host;
};

/* Opens a non-blocking listening socket, or takes the one that systemd hands over (LISTEN_FDS, see
 * sd_listen_fds(3)). Returns 0, ERR_CONFIG for an address that is none here, or ERR_AGAIN (port in
 * use, no rights). */
int listen_open(const char *address, int port, struct listen_socket **out, struct err *e);
struct listen_socket *listen_share(struct listen_socket *s); /* one more listen_free() is due */
void listen_close(struct listen_socket *s);                  /* for all who share it */
void listen_free(struct listen_socket *s);                   /* NULL is fine */

#endif
