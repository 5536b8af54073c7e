/* oom: has the kernel killed something of ours for its memory? It tells a SIGKILL that was our own
 * fault from one that somebody sent. */
#ifndef NEWSMILL_OOM_H
#define NEWSMILL_OOM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Number of out-of-memory kills in this process's cgroup (v2 or v1) so far; 0 where that cannot be
 * seen. */
long oom_kills(void);

/* Whether the kernel's log says that this process was killed for memory a moment ago; false where
 * that may not be read. */
bool oom_logged(pid_t pid);

/* The same of one record of /dev/kmsg, written at `since_us` (of the clock since boot) or later. */
bool oom_record_names(const char *record, pid_t pid, int64_t since_us);

#endif
