/* dead_options: what `newsmill dead` was asked to do. */
#ifndef NEWSMILL_DEAD_OPTIONS_H
#define NEWSMILL_DEAD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/dead_entry.h"

#define DEAD_COMMAND "dead"

enum dead_verb { DEAD_LIST, DEAD_SHOW, DEAD_RETRY, DEAD_EXPORT, DEAD_PURGE };

/* One entry as people name it: by its position, or by the start of its id. */
struct dead_selector {
    const char *word; /* as written, borrowed */
    const char *id;   /* NULL: a position is meant */
    size_t position;  /* from 1, the newest */
    size_t hits;      /* entries found so far */
};

struct dead_options {
    enum dead_verb verb;
    const char *list; /* "articles", "results"; NULL where none is named */
    const char *file; /* of export */
    size_t number;    /* most entries of a list; 0: all */
    bool json, all, yes, force;
    struct dead_selector *selectors;
    size_t selector_count;
};

/* Returns -1 to go on (free with dead_options_fini()), else the exit code. */
int dead_options_parse(int argc, char **argv, struct dead_options *out);
void dead_options_fini(struct dead_options *o);

/* The first selector that means the entry, counted as a hit; NULL where none does. */
struct dead_selector *dead_options_match(struct dead_options *o, const char *id, size_t position);

/* Says which selectors found nothing; returns their number. */
size_t dead_options_missed(const struct dead_options *o);

#endif
