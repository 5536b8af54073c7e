/* slots: one page shared by the supervisor and its children, made before the fork. A child writes
 * its own slot, the supervisor reads. */
#ifndef NEWSMILL_SLOTS_H
#define NEWSMILL_SLOTS_H

#include <stdatomic.h>
#include <stdint.h>

struct slot {
    int number;
    _Atomic int pid;          /* 0: no process */
    _Atomic uint64_t handled; /* items (or requests) since this process started */
    _Atomic int64_t beat_ms;  /* clock_ms() of the last progress */
};

/* Maps `count` zeroed slots. Panics when there is no memory. */
struct slot *slots_new(int count);

#endif
