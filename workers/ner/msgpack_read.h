/* msgpack_read: a msgpack file as a checked tree (msgpack-c). Keys of spaCy's maps may be str, bin
 * or integers of any width. All objects are borrowed from the file's tree. */
#ifndef NEWSMILL_MSGPACK_READ_H
#define NEWSMILL_MSGPACK_READ_H

#include <msgpack.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct msgpack_file;

/* Reads and unpacks the whole of `directory`/`name` (at most `max_bytes`). Returns 0 or ERR_CONFIG
 * naming the file: missing, too large, cut off, not msgpack, bytes after the end, nested deeper
 * than 31. */
int msgpack_file_open(const char *directory, const char *name, size_t max_bytes,
                      struct msgpack_file **out, struct err *e);
/* The same over bytes in memory (borrowed for the life of the tree); `name` is for messages. */
int msgpack_file_parse(const char *bytes, size_t length, const char *name,
                       struct msgpack_file **out, struct err *e);
void msgpack_file_close(struct msgpack_file *f);
const msgpack_object *msgpack_file_root(const struct msgpack_file *f);
const char *msgpack_file_name(const struct msgpack_file *f); /* for messages */

/* The value under a str or bin key; NULL when `map` is no map or has no such key. */
const msgpack_object *msgpack_get(const msgpack_object *map, const char *key);
/* The value under an integer key. */
const msgpack_object *msgpack_get_int(const msgpack_object *map, uint64_t key);

/* Views: true when the object is of that kind. Text and bytes are not NUL-terminated. */
bool msgpack_text(const msgpack_object *o, const char **bytes, size_t *length); /* str or bin */
bool msgpack_uint(const msgpack_object *o, uint64_t *value);

#endif
