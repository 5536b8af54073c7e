/* keep_alive: a process of its own with clients that keep their connections, post one article after
 * the other, some at once and some after a pause, and note how each request fared. */
#ifndef NEWSMILL_KEEP_ALIVE_H
#define NEWSMILL_KEEP_ALIVE_H

struct keep_alive;

struct keep_alive_result {
    long created;   /* answers with 201 */
    long other;     /* other answers */
    long cut;       /* requests that were sent and never answered */
    long told;      /* connections that ended as an answer had said */
    long idle_ends; /* connections that ended between two requests */
    int last_other; /* status */
};

/* `connections` clients. Each article has an id of its own. */
struct keep_alive *keep_alive_start(int port, int connections);
/* Ends it after the requests under way and frees it. */
void keep_alive_stop(struct keep_alive *k, struct keep_alive_result *out);

#endif
