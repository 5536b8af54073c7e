/* keys: API keys of the gateway. The file holds only SHA-256 hashes, a line each:
 *   NAME SHA256HEX [EXPIRES as RFC 3339]     and # for comments
 */
#ifndef NEWSMILL_KEYS_H
#define NEWSMILL_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define KEYS_KEY_BYTES      64 /* room for a key's text and its NUL */
#define KEYS_MAX            10000
#define KEYS_MAX_FILE_BYTES ((size_t)4 << 20)
/* Of a key that is added: it must fit a header line. Others have made shorter ones than we would;
 * one under KEYS_SHORT_LENGTH may be guessed. */
#define KEYS_MIN_LENGTH   8
#define KEYS_SHORT_LENGTH 16
#define KEYS_MAX_LENGTH   512

struct keys;

/* Reads the file. Returns 0, or ERR_CONFIG with file and line. */
int keys_load(const char *path, struct keys **out, struct err *e);
void keys_free(struct keys *k);
size_t keys_count(const struct keys *k);

/* One key of the file, for listing. */
struct keys_entry {
    const char *name;  /* borrowed from the keys */
    char hash[65];     /* SHA-256 in hex */
    int64_t expires_s; /* since 1970; KEYS_NEVER */
};
#define KEYS_NEVER INT64_MAX
void keys_entry(const struct keys *k, size_t index, struct keys_entry *out);

/* The index of the key that `key` is, for keys_entry(); -1 when it is none or has expired. Only
 * hashes are compared. */
long keys_find(const struct keys *k, const char *key, size_t length);

/* Makes a key, appends its hash to the file (created with mode 0600) and writes its text to `key`;
 * it is not kept anywhere else. A name is letters, digits, '.', '_' and '-', at most 64, and not in
 * the file yet. Returns 0, ERR_INPUT or ERR_CONFIG. */
int keys_create(const char *path, const char *name, char key[KEYS_KEY_BYTES], struct err *e);

/* Appends the hash of a key that exists already, with the same care. The key is printable ASCII
 * without spaces, KEYS_MIN_LENGTH to KEYS_MAX_LENGTH bytes, and not in the file under any name.
 * Returns 0, ERR_INPUT or ERR_CONFIG. */
int keys_add(const char *path, const char *name, const char *key, size_t length, struct err *e);

#endif
