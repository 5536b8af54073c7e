/* good_client: a process of its own that posts one article after the other, as fast as it is
 * answered, on connections that live for some requests; while others do their worst. */
#ifndef NEWSMILL_GOOD_CLIENT_H
#define NEWSMILL_GOOD_CLIENT_H

struct good_client;

struct good_client_result {
    long requests, failures; /* a failure is anything but 201 within the time-out */
    double p50_ms, p99_ms, max_ms;
};

struct good_client *good_client_start(int port);
long good_client_requests(const struct good_client *c); /* so far */
/* Ends it after the request under way and frees it. */
void good_client_stop(struct good_client *c, struct good_client_result *out);

#endif
