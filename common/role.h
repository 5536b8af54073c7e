/* role: the life of every newsmill program but the command line, written once.
 *
 * role_main: settings -> log -> setup (what is fit to inherit) -> fork -> supervise; in each child:
 * run -> exit code. Exit codes: 0 clean stop, 1 failed, 2 settings or model are wrong (no respawn),
 * 64 usage. */
#ifndef NEWSMILL_ROLE_H
#define NEWSMILL_ROLE_H

#include "conf.h"
#include "err.h"
#include "slots.h"

struct role {
    const char *name;    /* "workers": program newsmill-workers, section [workers] */
    const char *summary; /* one line for --help */
    /* How many children `conf` asks for. */
    int (*processes)(const struct conf *conf);
    /* Before the fork: the listening socket, the model. No connection may be opened here, none
     * survives a fork. Returns 0 and *shared (given to run and teardown), or a negative code. */
    int (*setup)(const struct conf *conf, void **shared, struct err *e);
    /* In a child; returns its exit code. Stops when stop_asked(). */
    int (*run)(const struct conf *conf, void *shared, struct slot *slot, int slots);
    void (*teardown)(void *shared); /* may be NULL */
};

int role_main(const struct role *role, int argc, char **argv);

/* This machine's id for a role, 16 hex digits, made once and kept in `state_dir` under a lock, so
 * that two farms (or containers with one host name) never speak for each other. Waits up to 10 s
 * for a predecessor's lock. The lock is held until the process and its children are gone. Returns 0
 * or ERR_CONFIG. `id` takes 17 bytes. */
int role_instance(const char *state_dir, const char *role, char id[17], struct err *e);

#endif
