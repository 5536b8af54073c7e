/* bulk_parse: the body of a bulk request into commands for Redis, a slice at a time. Pure: no I/O.
 *
 * Each chunk is one LPUSH of some articles, ready for the wire; pushed one after the other they put
 * the first article of the body nearest to the workers. */
#ifndef NEWSMILL_GATEWAY_BULK_PARSE_H
#define NEWSMILL_GATEWAY_BULK_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "digest.h"

#define BULK_MAX_ITEMS    10000
#define BULK_MAX_BYTES    ((size_t)32 << 20) /* of a body, before and after unpacking */
#define BULK_BASE_LENGTH  24                 /* hex digits in front of an item's number */
#define BULK_ID_LENGTH    (BULK_BASE_LENGTH + 8)
#define BULK_MAX_FIRST_ID 128 /* as JSON; a longer one is not remembered for the window */

enum bulk_kind { BULK_LINES, BULK_ARRAY };

enum bulk_item_kind {
    BULK_MADE_ID, /* its id is the base and its number */
    BULK_OWN_ID,  /* at: the id as it stands in the body, in quotes */
    BULK_REFUSED, /* at: in `faults`, the members of its answer */
};

struct bulk_item {
    uint32_t at, length;
    enum bulk_item_kind kind;
};

struct bulk_parse {
    /* Set by bulk_parse_init() */
    enum bulk_kind kind;
    const char *body, *end;
    size_t max_content_bytes;
    const char *list; /* key that the articles go to */
    bool window;      /* the arguments for duplicates are wanted */
    char base[BULK_BASE_LENGTH + 1];
    /* How far it is */
    const char *at;
    int state;
    size_t item_count, good_count;
    struct bulk_item *items;
    struct buf faults;
    struct digest *digest; /* with `window` */
    /* Of each good item, for bulk.lua: digest and id, as arguments on the wire. */
    struct buf window_arguments;
    /* The chunk: valid after BULK_CHUNK until the next call. */
    struct buf chunk;
    size_t chunk_items;
    const char *command;
    size_t command_length;
    /* After BULK_BAD: FastAPI's type of the error, or NULL for what is too large (413). */
    const char *type;
    size_t offset;
    const char *why;
};

enum bulk_progress {
    BULK_MORE,  /* call again */
    BULK_CHUNK, /* a chunk is ready; then call again */
    BULK_END,   /* all is read; there was no chunk left */
    BULK_BAD,   /* the body as a whole is of no use */
};

struct bulk_source {
    enum bulk_kind kind;
    const char *body;
    size_t length; /* at most BULK_MAX_BYTES */
    size_t max_content_bytes;
    const char *list;
    bool window;
};

/* Body and list are borrowed. */
void bulk_parse_init(struct bulk_parse *p, const struct bulk_source *source);
void bulk_parse_fini(struct bulk_parse *p);

/* Reads on for about `max_bytes`. */
enum bulk_progress bulk_parse_more(struct bulk_parse *p, size_t max_bytes);

/* Writes the id that item `index` gets where it brings none; no NUL. */
void bulk_made_id(const char *base, size_t index, char id[BULK_ID_LENGTH]);

#endif
