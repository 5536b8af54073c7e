/* role: the life of every newsmill program but the command line, written once.
 *
 * role_main: settings -> log -> setup (what is fit to inherit) -> fork -> supervise; in each child:
 * run -> exit code. Exit codes: 0 clean stop, 1 failed, 2 settings or model are wrong (no respawn),
 * 64 usage. */
#ifndef NEWSMILL_ROLE_H
#define NEWSMILL_ROLE_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "conf.h"
#include "err.h"
#include "queue.h"
#include "slots.h"

/* What a child is given. All borrowed. */
struct role_child {
    const struct conf *conf;
    void *shared;                    /* from setup */
    const struct instance *instance; /* empty for a role without a list */
    struct slot *slot;               /* its own */
    const struct slot *slots;        /* of its generation, slot_count of them */
    int slot_count;
    int metrics_fd; /* of the janitor; -1: none */
};

struct role {
    const char *name;    /* "workers": program newsmill-workers, section [workers] */
    const char *summary; /* one line for --help */
    /* A role that takes items from a list has an instance id and a janitor (leases, metrics). */
    bool consumes;
    enum queue_list list;
    /* How many children `conf` asks for. */
    int (*processes)(const struct conf *conf);
    int64_t (*hang_ms)(const struct conf *conf); /* longest time over one item; NULL: no limit */
    /* Longest time in which a child does not come by in its loop, but for what Redis takes; NULL:
     * no limit. */
    int64_t (*stall_ms)(const struct conf *conf);
    /* Before the fork: the listening socket, the model. No connection may be opened here, none
     * survives a fork. On a reload `before` is what the running generation has (NULL at the start):
     * a listening socket passes from it to *shared. Returns 0 and *shared (given to the children
     * and to teardown), or a negative code. */
    int (*setup)(const struct conf *conf, void *before, void **shared, struct err *e);
    /* In a child; returns its exit code. Ends when stop_asked(). Sets slot->ready once it serves.
     */
    int (*run)(const struct role_child *child);
    /* The children are about to be told to end, and none will follow: lets go of what nobody else
     * should wait for. May be NULL. */
    void (*stop)(void *shared);
    void (*teardown)(void *shared); /* may be NULL */
    /* Adds to what the janitor serves at /metrics; may be NULL. */
    void (*metrics)(const struct conf *conf, struct buf *out);
};

/* role->stall_ms and the time for a settle; 0: no limit. */
int64_t role_stall_ms(const struct role *role, const struct conf *conf);

int role_main(const struct role *role, int argc, char **argv);

#endif
