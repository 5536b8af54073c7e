/* harness: what the integration tests stand on: a temporary directory, a private redis-server, the
 * real programs of this build, HTTP requests, and waiting on conditions. Nothing here sleeps for a
 * fixed time, and whatever was started dies with the test process. */
#ifndef NEWSMILL_HARNESS_H
#define NEWSMILL_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Once per test program, from main(): where the programs of this build are. */
void harness_setup(const char *argv0);
/* At the end of each test (or from a suite's tear-down): kills every process started since, removes
 * the temporary directories. */
void harness_end(void);
/* Removes the temporary directories of a process that could not do so itself. */
void harness_clean(pid_t pid);
/* The test at work cannot be done on this machine, for that reason: it counts as skipped, in the
 * summary, unless an assertion fails. The test itself returns. */
void harness_skip(const char *reason);

/* A new temporary directory, removed by harness_end(). The text lives until then. */
const char *harness_dir(void);
/* A TCP port that was free a moment ago. */
int harness_port(void);

/* Polls `condition` until it is true, at most timeout_ms; returns whether it became true. On
 * failure prints `what` was awaited. */
bool wait_until(const char *what, int timeout_ms, bool (*condition)(void *context), void *context);

/* --- processes --- */

struct proc {
    pid_t pid;     /* 0 when not running */
    char log[256]; /* file with its stdout and stderr */
};

/* Starts a program in its own process group: `name` is one of this build ("newsmill-workers") or a
 * path or a program of PATH. `env`: "NAME=value" entries added to ours, NULL-terminated, or NULL;
 * `args` without argv[0], NULL-terminated. */
void proc_start(struct proc *p, const char *name, const char *const *env, const char *const *args);
/* The next proc_start() finds the socket as systemd hands it over: descriptor 3, LISTEN_FDS. */
void proc_hand_over(int fd);
/* The next proc_start() has this as its stderr in place of the log. */
void proc_log_to(int fd);
/* Waits for its end; returns the exit code, 1000 + signal, or -1 when timeout_ms passed. */
int proc_wait(struct proc *p, int timeout_ms);
int proc_stop(struct proc *p, int signal, int timeout_ms); /* signal, then wait */
/* Runs a program to its end. *output (to free; may be NULL) gets what it wrote to stdout; stderr
 * goes along when `both`. Returns as proc_wait. */
int proc_run(const char *name, const char *const *env, const char *const *args, bool both,
             char **output, int timeout_ms);
/* True when the log has the text. */
bool proc_logged(const struct proc *p, const char *text);
int proc_log_count(const struct proc *p, const char *text); /* how often */
/* Processor time of it and its living children so far, in ms. */
long proc_cpu_ms(const struct proc *p);
/* A process forked by a test itself, in a group of its own: dies with harness_end() too. */
void proc_adopt(pid_t pid);
/* The pids of its direct children, up to max; returns their number. */
int proc_children(const struct proc *p, pid_t *pids, int max);

/* --- Redis --- */

struct redis {
    struct proc proc;
    int port;
    char url[64]; /* for NEWSMILL_REDIS_URL */
    const char *dir;
    const char *acl_file, *user; /* for the next start; NULL: none, "default" (any password) */
    void *connection;
};

/* Starts a private redis-server with the project's redis.conf; waits for PING. */
void redis_start(struct redis *r);
void redis_stop(struct redis *r);    /* TERM: it saves */
void redis_kill(struct redis *r);    /* KILL */
void redis_restart(struct redis *r); /* on the same port and data, after a stop or kill */
/* A command by printf-like words as hiredis has them ("LPUSH %s %b"). The answer as an integer
 * (integers, string length or array length; -1 error or nil). */
long long redis_int(struct redis *r, const char *format, ...);
/* The answer as text, to free; NULL for nil or an error. */
char *redis_text(struct redis *r, const char *format, ...);

/* --- the farm --- */

struct farm {
    struct redis redis;
    const char *dir; /* store, state, keys: all under it */
    struct proc gateway, workers, savers;
    int gateway_port;
    char environment[16][320]; /* "NEWSMILL_…=…" for every program of this farm */
    const char *env[17];
    int env_count;
};

/* Starts Redis only and sets the environment (model from the repository's var/models). */
void farm_init(struct farm *f);
/* Adds or replaces a setting for programs started from now on: farm_set(f, "WORKERS_PROCESSES",
 * "3"). */
void farm_set(struct farm *f, const char *name, const char *value);
void farm_start_gateway(struct farm *f); /* waits for /readyz */
void farm_start_workers(struct farm *f); /* waits until its log says that a slot entered */
void farm_start_savers(struct farm *f);
/* Waits until the lists and all holds are empty. */
bool farm_drained(struct farm *f, int timeout_ms);
/* Number of items in all holds of "articles" or "results". */
long long farm_held(struct farm *f, const char *list);
/* Sum of the articles counted in the SQLite store; -1 when it is not there yet. */
long long farm_articles(const struct farm *f);
/* A field of the stats hash as a number, 0 when missing. */
long long farm_stat(struct farm *f, const char *field);

/* --- HTTP --- */

struct http_answer {
    long status;          /* 0: no answer */
    char *body, *headers; /* NUL-terminated; http_free() */
};

/* `headers`: "Name: value" entries, NULL-terminated, or NULL. */
void http_request(int port, const char *method, const char *path, const char *const *headers,
                  const char *body, size_t body_length, struct http_answer *out);
void http_free(struct http_answer *a);

#endif
