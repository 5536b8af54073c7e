/* tcp_proxy: stands between a role and Redis and does to the connections what networks do. It is a
 * process of its own, ended by harness_end(). */
#ifndef NEWSMILL_TCP_PROXY_H
#define NEWSMILL_TCP_PROXY_H

#include <sys/types.h>

enum tcp_proxy_mode {
    PROXY_PASS,
    PROXY_STALL,  /* connections are taken, nothing is forwarded; a later PASS forwards it late */
    PROXY_REFUSE, /* connections are taken and reset at once */
    PROXY_SLICE,  /* a byte at a time, both ways */
    PROXY_DEAF,   /* what goes to the server arrives, its answers are thrown away */
};

struct tcp_proxy {
    int port; /* 127.0.0.1 */
    int control;
    pid_t pid;
};

void tcp_proxy_start(struct tcp_proxy *p, int to_port);
/* Both return when it is in force for all connections. */
void tcp_proxy_set(struct tcp_proxy *p, enum tcp_proxy_mode mode);
void tcp_proxy_cut(struct tcp_proxy *p); /* resets all connections of the moment; the mode stays */

#endif
