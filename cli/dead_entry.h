/* dead_entry: what stands in a dead list, read back. */
#ifndef NEWSMILL_DEAD_ENTRY_H
#define NEWSMILL_DEAD_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define DEAD_ENTRY_ID_LENGTH 40

struct dead_entry {
    char id[DEAD_ENTRY_ID_LENGTH + 1]; /* SHA-1 of the entry as it stands in the list, in hex */
    bool readable;                     /* false: the rest is empty, `fault` says why */
    const char *fault;
    int64_t at_ms; /* since 1970 by Redis TIME; 0 where it is not said */
    char *reason;
    unsigned attempts;
    char *item; /* the very bytes that were in the list; a NUL follows */
    size_t item_length;
    bool is_base64; /* the item is not UTF-8, or has a NUL inside */
};

/* Reads an entry as article_write_dead() writes it; free with dead_entry_fini(), also when it was
 * not readable. */
void dead_entry_read(const char *bytes, size_t length, struct dead_entry *out);
void dead_entry_fini(struct dead_entry *d);

/* Prints one line of JSON: list, id, at, reason, attempts and item or item_base64; or list, id and
 * entry_base64 of an entry that cannot be read. `bytes` are the entry as it stands in the list. */
void dead_entry_print_json(FILE *to, const struct dead_entry *d, const char *list,
                           const char *bytes, size_t length);

#endif
