/* oom: has the kernel killed something of our cgroup for its memory? It tells a SIGKILL that was
 * our own fault from one that somebody sent. */
#ifndef NEWSMILL_OOM_H
#define NEWSMILL_OOM_H

/* Number of out-of-memory kills in this process's cgroup (v2) so far; 0 where that cannot be seen.
 */
long oom_kills(void);

#endif
