/* batch: the message on the results list, one store commit each.
 *
 *   {"v":1,"id":"…","at":1732400000000,"day":null,"publication":"key","name":"As Written",
 *    "articles":12,"entities":[["tim cook",{"PERSON":7,"ORG":1}],…]}
 *
 * Immutable from the push until it is applied: a saver that sends it again sends the same. */
#ifndef NEWSMILL_BATCH_H
#define NEWSMILL_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"

/* A tally is cut so that a batch fits one commit of every store. */
#define BATCH_MAX_ENTITIES 498       /* 500 documents a commit: best by tests/bench/bench-savers */
#define BATCH_MAX_BYTES    (1 << 20) /* of entity words; one longer word makes a batch alone */
#define BATCH_ID_LENGTH    32

/* Ceilings of a message that is read; what we write keeps well within them. */
#define BATCH_MAX_JSON_BYTES  (16u << 20)
#define BATCH_MAX_PARSED      2000 /* entities */
#define BATCH_MAX_KEY_BYTES   4096 /* publication and name; lower-casing may lengthen a key */
#define BATCH_MAX_LABELS      256  /* of one entity */
#define BATCH_MAX_LABEL_BYTES 256

/* Counts, and an entity's in sum, are below: a settle of a million articles with a name in each of
 * eight million tokens is, and half a million such batches fit into the 63 bits of a store's sum.
 */
#define BATCH_COUNT_END (1ull << 44)
#define BATCH_AT_END    (1ull << 53) /* ms; JSON numbers are doubles */

struct batch_label {
    const char *label;
    uint64_t count;
};

struct batch_entity {
    const char *word; /* lower-cased */
    struct batch_label *labels;
    size_t label_count;
    uint64_t count; /* sum over the labels */
};

struct batch {
    char id[BATCH_ID_LENGTH + 1]; /* 32 hex digits, random: an id that repeated after a lost Redis
                                     would be taken for applied and its counts lost */
    int64_t at_ms;                /* Redis TIME when it was made */
    const char *publication;      /* key */
    const char *name;             /* as first written in this tally */
    uint64_t articles;
    struct batch_entity *entities;
    size_t entity_count;
    void
        *memory; /* owns the strings and arrays of a parsed batch; NULL in one under construction */
};

/* Fills id with fresh random digits. */
void batch_new_id(struct batch *b);

/* Appends the JSON message. Returns 0 or ERR_LIMIT (the buffer is full, or a count is too large).
 */
int batch_write(const struct batch *b, struct buf *out);

/* Parses and checks a message; every string and count is verified, unknown fields are ignored.
 * Returns 0 (free with batch_fini()) or ERR_INPUT with the field named. */
int batch_parse(const char *json, size_t length, struct batch *out, struct err *e);
void batch_fini(struct batch *b);

#endif
