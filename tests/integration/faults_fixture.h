/* faults_fixture: a farm that works while something is done to its Redis; for test_faults.c and
 * test_ways.c. One test at a time. */
#ifndef NEWSMILL_FAULTS_FIXTURE_H
#define NEWSMILL_FAULTS_FIXTURE_H

#include "tests/harness/harness.h"
#include "tests/harness/tcp_proxy.h"

#define FAULTS_WORKERS 2

struct faults {
    struct farm farm;
    struct tcp_proxy proxy;
    long long sent; /* articles that the farm has taken and must count */
};
extern struct faults faults;

void faults_prepare(void);                           /* Redis and settings */
void faults_start(struct proc *p, const char *name); /* a role; waits until it is ready */
void faults_start_roles(void);
void faults_begin(void); /* both */
/* The same; the roles reach Redis through the proxy, the tests go straight. */
void faults_begin_behind_proxy(void);

void faults_push(int count);       /* raw LPUSH */
long faults_post(const char *key); /* one article by HTTP; key: Idempotency-Key or NULL */
/* Posts until it is taken, at most `timeout_ms`. */
void faults_post_until_taken(const char *key, int timeout_ms);
void faults_await_claim(void);

/* Waits until the log has `text` `count` times. */
bool faults_logged(const struct proc *p, const char *text, int count, int timeout_ms);

/* Waits until workers and savers have tried in vain for some times more, and sees that no role
 * spins meanwhile. */
void faults_wait_for_retries(void);

/* All is counted, no sum is out of step (QUEUES.md, "What holds"), and each role ends well. */
void faults_expect_exact_and_stop(void);

#endif
