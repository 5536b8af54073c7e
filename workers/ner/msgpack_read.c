/* msgpack_read: see msgpack_read.h.
 *
 * The bytes are walked once by check_shape() before msgpack-c sees them, because msgpack-c
 * allocates whatever an array or map header claims: a header of five bytes could ask for 100 GB. */
#include "msgpack_read.h"

#include <stdlib.h>
#include <string.h>

#include "read_file.h"

/* msgpack-c's parser has a fixed stack of 32 levels, the topmost object included. */
#define MAX_DEPTH 31

struct msgpack_file {
    char *owned; /* the file's bytes, or NULL when they are borrowed */
    char *name;
    msgpack_zone zone;
    msgpack_object root;
};

static const char *check_shape(const unsigned char *bytes, size_t length);

int msgpack_file_open(const char *directory, const char *name, size_t max_bytes,
                      struct msgpack_file **out, struct err *e)
{
    char *bytes = NULL;
    size_t length = 0;

    if (read_file(directory, name, max_bytes, &bytes, &length, e) < 0)
        return e->code;
    if (msgpack_file_parse(bytes, length, name, out, e) < 0) {
        free(bytes);
        return e->code;
    }
    (*out)->owned = bytes;
    return 0;
}

int msgpack_file_parse(const char *bytes, size_t length, const char *name,
                       struct msgpack_file **out, struct err *e)
{
    const char *fault = check_shape((const unsigned char *)bytes, length);
    if (fault)
        return err_set(e, ERR_CONFIG, "%s: %s", name, fault);

    struct msgpack_file *f = xcalloc(1, sizeof *f);
    size_t offset = 0;
    f->name = xstrdup(name);
    if (!msgpack_zone_init(&f->zone, MSGPACK_ZONE_CHUNK_SIZE))
        panic("out of memory for a msgpack zone");
    if (msgpack_unpack(bytes, length, &offset, &f->zone, &f->root) != MSGPACK_UNPACK_SUCCESS) {
        msgpack_file_close(f);
        return err_set(e, ERR_CONFIG, "%s: not msgpack", name);
    }
    *out = f;
    return 0;
}

void msgpack_file_close(struct msgpack_file *f)
{
    if (!f)
        return;
    msgpack_zone_destroy(&f->zone);
    free(f->owned);
    free(f->name);
    free(f);
}

const msgpack_object *msgpack_file_root(const struct msgpack_file *f)
{
    return &f->root;
}

const char *msgpack_file_name(const struct msgpack_file *f)
{
    return f->name;
}

const msgpack_object *msgpack_get(const msgpack_object *map, const char *key)
{
    size_t key_length = strlen(key);

    if (!map || map->type != MSGPACK_OBJECT_MAP)
        return NULL;
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *kv = &map->via.map.ptr[i];
        const char *bytes;
        size_t length;
        if (msgpack_text(&kv->key, &bytes, &length) && length == key_length &&
            memcmp(bytes, key, length) == 0)
            return &kv->val;
    }
    return NULL;
}

const msgpack_object *msgpack_get_int(const msgpack_object *map, uint64_t key)
{
    if (!map || map->type != MSGPACK_OBJECT_MAP)
        return NULL;
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        uint64_t value;
        if (msgpack_uint(&map->via.map.ptr[i].key, &value) && value == key)
            return &map->via.map.ptr[i].val;
    }
    return NULL;
}

bool msgpack_text(const msgpack_object *o, const char **bytes, size_t *length)
{
    if (o && o->type == MSGPACK_OBJECT_STR) {
        *bytes = o->via.str.ptr;
        *length = o->via.str.size;
        return true;
    }
    if (o && o->type == MSGPACK_OBJECT_BIN) {
        *bytes = o->via.bin.ptr;
        *length = o->via.bin.size;
        return true;
    }
    return false;
}

bool msgpack_uint(const msgpack_object *o, uint64_t *value)
{
    if (!o || o->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return false;
    *value = o->via.u64;
    return true;
}

/* Big-endian integer of `width` bytes. */
static uint64_t number(const unsigned char *at, unsigned width)
{
    uint64_t value = 0;

    while (width--)
        value = value << 8 | *at++;
    return value;
}

/* What one header says: bytes of its own, bytes of payload, objects inside. */
struct header {
    unsigned width; /* of the length field after the first byte */
    uint64_t payload;
    uint64_t children;
};

/* Width of the length field or of the fixed payload of the types c0..df (msgpack specification). */
static bool describe(unsigned char first, const unsigned char *after, size_t left, struct header *h)
{
    static const unsigned char length_width[32] = {
        [0x04] = 1, [0x05] = 2, [0x06] = 4,             /* bin */
        [0x07] = 1, [0x08] = 2, [0x09] = 4,             /* ext */
        [0x19] = 1, [0x1a] = 2, [0x1b] = 4,             /* str */
        [0x1c] = 2, [0x1d] = 4, [0x1e] = 2, [0x1f] = 4, /* array, map */
    };
    static const unsigned char fixed[32] = {
        [0x0a] = 4, [0x0b] = 8,                                     /* floats */
        [0x0c] = 1, [0x0d] = 2, [0x0e] = 4, [0x0f] = 8,             /* unsigned */
        [0x10] = 1, [0x11] = 2, [0x12] = 4, [0x13] = 8,             /* signed */
        [0x14] = 2, [0x15] = 3, [0x16] = 5, [0x17] = 9, [0x18] = 17 /* fixext */
    };

    *h = (struct header){0};
    if (first <= 0x7f || first >= 0xe0) /* small integers */
        return true;
    if (first < 0xa0) { /* fixmap, fixarray */
        h->children = (uint64_t)(first & 0x0f) * (first < 0x90 ? 2 : 1);
        return true;
    }
    if (first < 0xc0) { /* fixstr */
        h->payload = first & 0x1f;
        return true;
    }
    unsigned type = first - 0xc0u;
    h->width = length_width[type];
    h->payload = fixed[type];
    if (h->width == 0)
        return first != 0xc1; /* the one byte that is never used */
    if (h->width > left)
        return false;
    uint64_t count = number(after, h->width);
    if (type >= 0x1c)
        h->children = count * (type >= 0x1e ? 2 : 1);
    else
        h->payload = count + (type >= 0x07 && type <= 0x09 ? 1 : 0); /* ext has a type byte */
    return true;
}

/* NULL when the bytes are exactly one well-formed object; otherwise what is wrong. */
static const char *check_shape(const unsigned char *bytes, size_t length)
{
    uint64_t open[MAX_DEPTH + 1] = {1}; /* objects still missing on each level */
    unsigned depth = 0;
    size_t at = 0;

    while (depth > 0 || open[0] > 0) {
        struct header h;
        if (at == length)
            return "cut off";
        unsigned char first = bytes[at++];
        if (!describe(first, bytes + at, length - at, &h))
            return first == 0xc1 ? "not msgpack" : "cut off";
        at += h.width;
        if (h.payload > length - at || h.children > length - at)
            return "cut off";
        at += h.payload;
        open[depth]--;
        if (h.children > 0) {
            if (depth == MAX_DEPTH)
                return "nested too deep";
            open[++depth] = h.children;
        }
        while (depth > 0 && open[depth] == 0)
            depth--;
    }
    return at == length ? NULL : "bytes after the end";
}
