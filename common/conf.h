/* conf: the settings of all programs, one row each in conf_table.c.
 *
 * Order of precedence: `-o section.key=value`, then environment NEWSMILL_SECTION_KEY, then the
 * file, then the built-in default. An unknown key or a value out of bounds is ERR_CONFIG and names
 * the place (file and line, variable or option) and, for a key, the nearest one that exists. */
#ifndef NEWSMILL_CONF_H
#define NEWSMILL_CONF_H

#include <stdint.h>
#include <stdio.h>

#include "err.h"

struct conf {
    struct {
        char *url;  /* redis://[user:password@]host:port[/db] or unix:/path */
        char *user; /* with the next one in place of what is in the url; may be empty */
        char *password_file;
        char *queue;        /* prefix of all keys */
        int64_t timeout_ms; /* for connect and for each answer */
        char *state_dir;    /* where this machine's instance ids are kept */
    } redis;
    struct {
        char *address;
        int64_t port;
        int64_t processes;
        char *keys_file;           /* empty: no key, loopback only */
        int64_t max_article_bytes; /* of content; the workers hold raw LPUSHes to it too */
        int64_t max_backlog;       /* articles waiting above which the gateway answers 503 */
        int64_t dedup_window_s;    /* so long an article counts as a duplicate; 0: never */
        int64_t max_connections;
        int64_t head_timeout_ms;  /* for the head of a request, from its first byte on */
        int64_t body_timeout_ms;  /* for its body, and more for a long one */
        int64_t idle_timeout_ms;  /* between two requests of a connection */
        int64_t rate_limit_per_s; /* articles of one key; 0: no limit */
        int64_t rate_limit_burst; /* articles at once; 0: those of one second */
        char *cors_origins;
        char *access_log; /* "off" | "logfmt" | "json" */
    } gateway;
    struct {
        int64_t processes; /* 0: one a core */
        int64_t flush_articles;
        int64_t flush_interval_ms;
        int64_t flush_bytes;
        int64_t max_results; /* batches waiting above which workers stop claiming */
        int64_t article_timeout_ms;
        int64_t max_memory_bytes;
        char *metrics_address;
        int64_t metrics_port; /* 0: none */
        char *skip_labels;    /* separated by spaces */
    } workers;
    struct {
        int64_t processes;
        int64_t max_batches; /* claimed at once */
        int64_t batch_timeout_ms;
        char *metrics_address;
        int64_t metrics_port; /* 0: none */
    } savers;
    struct {
        char *kind;     /* "sqlite" | "none" | "firestore" */
        char *path;     /* of the SQLite file */
        char *project;  /* this and what follows: Firestore */
        char *database; /* "(default)" */
        char *credentials_file;
        char *endpoint; /* https://host */
        char *ca_file;
        int64_t timeout_ms;
        int64_t first_writes_per_second; /* of all savers together; 0: no limit */
    } store;
    struct {
        char *path; /* a spaCy model directory */
    } model;
    struct {
        char *level;
        char *format;
    } log;
    char **origins; /* by row of the table: "built-in", "FILE:LINE", a variable's name, "-o" */
};

/* Where settings come from besides the environment. */
struct conf_sources {
    const char *file;           /* NULL: "newsmill.conf" where that exists, else none */
    const char *const *options; /* "section.key=value", borrowed */
    int option_count;
};

/* Loads all settings into *out (free with conf_fini()). Returns 0 or ERR_CONFIG. */
int conf_load(const struct conf_sources *from, struct conf *out, struct err *e);
void conf_fini(struct conf *c);

/* Prints an annotated newsmill.conf with the values of `c` (secrets masked) and where each comes
 * from; NULL prints the built-in defaults. */
void conf_print(const struct conf *c, FILE *to);

/* Before a reload takes effect: settings that only a restart can change get the value they have in
 * `now`; `told` is called with the name of each that was to change. */
void conf_keep_fixed(struct conf *next, const struct conf *now, void (*told)(const char *name));

#endif
