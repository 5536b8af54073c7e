/* own_host: is a Host header a name of this machine? Asked by what listens on loopback and wants no
 * key: a page of another site that has its name resolved to this machine (DNS rebinding) sends that
 * name. */
#ifndef NEWSMILL_OWN_HOST_H
#define NEWSMILL_OWN_HOST_H

#include <stdbool.h>

struct own_host {
    bool loopback; /* only this machine can reach it */
    char text[64]; /* the address as Host has it, without the port: "127.0.0.1", "[::1]"; "" for a
                      Unix socket */
};

/* Of a listening socket. Returns 0, or -1 with errno. */
int own_host_find(int listening_fd, struct own_host *out);

/* True for the bound address, the names and addresses of loopback, and `configured`, the name that
 * the settings have for it (may be empty), with any port. `host` NULL: no Host is there; false. */
bool own_host_matches(const struct own_host *own, const char *configured, const char *host);

#endif
