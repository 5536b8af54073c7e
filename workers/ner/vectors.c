/* vectors: see vectors.h. */
#include "vectors.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "msgpack_read.h"
#include "read_file.h"

#define TABLE          "vocab/vectors"
#define KEYS           "vocab/key2row"
#define MAX_FILE_BYTES ((size_t)2 << 30)
#define MAX_KEYS_BYTES ((size_t)512 << 20)
#define MAX_KEYS       (1u << 24)

#define NO_ROW UINT32_MAX

struct vectors {
    char *bytes;  /* the file; the table stands in it, so that it is in memory once */
    float *table; /* [rows, width] */
    size_t rows, width;
    /* Open addressing, a power of two, at most three quarters full; two arrays, for lack of
     * padding. */
    uint64_t *keys;
    uint32_t *row_of; /* NO_ROW: free */
    size_t slot_count;
};

static int load_table(const char *directory, struct vectors *v, struct err *e);
static int load_keys(const char *directory, struct vectors *v, struct err *e);

int vectors_load(const char *directory, size_t width, struct vectors **out, struct err *e)
{
    struct vectors *v = xcalloc(1, sizeof *v);
    int rc;

    v->width = width;
    rc = load_table(directory, v, e);
    if (rc == 0)
        rc = load_keys(directory, v, e);
    if (rc < 0) {
        vectors_free(v);
        return rc;
    }
    *out = v;
    return 0;
}

void vectors_free(struct vectors *v)
{
    if (!v)
        return;
    free(v->bytes);
    free(v->keys);
    free(v->row_of);
    free(v);
}

/* Where a key is or would go. Keys are hashes already, all but the few reserved symbols. */
static size_t slot_of(const struct vectors *v, uint64_t key)
{
    size_t at = (size_t)(key ^ key >> 32) & (v->slot_count - 1);

    while (v->row_of[at] != NO_ROW && v->keys[at] != key)
        at = (at + 1) & (v->slot_count - 1);
    return at;
}

const float *vectors_find(const struct vectors *v, uint64_t orth)
{
    uint32_t row = v->row_of[slot_of(v, orth)];

    return row == NO_ROW ? NULL : v->table + (size_t)row * v->width;
}

size_t vectors_rows(const struct vectors *v)
{
    return v->rows;
}

/* The header of a .npy file (NEP 1): a Python dictionary in text. Returns where the data starts,
 * or 0. */
static size_t parse_header(char *bytes, size_t length, size_t *rows, size_t *columns)
{
    const unsigned char *b = (const unsigned char *)bytes;
    size_t start, header;

    if (length < 12 || memcmp(bytes, "\x93NUMPY", 6) != 0)
        return 0;
    start = b[6] == 1 ? 10 : 12;
    header = b[8] | (size_t)b[9] << 8;
    if (b[6] > 1)
        header |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
    if (header > length - start || header == 0)
        return 0;
    bytes[start + header - 1] = 0; /* it ends in a newline */
    const char *text = bytes + start, *shape = strstr(text, "'shape': (");
    if (!shape || !strstr(text, "'descr': '<f4'") || !strstr(text, "'fortran_order': False") ||
        sscanf(shape, "'shape': (%12zu, %12zu)", rows, columns) != 2)
        return 0;
    return start + header;
}

static int load_table(const char *directory, struct vectors *v, struct err *e)
{
    size_t length, start, columns = 0;
    int rc = read_file(directory, TABLE, MAX_FILE_BYTES, &v->bytes, &length, e);

    if (rc < 0)
        return rc;
    start = parse_header(v->bytes, length, &v->rows, &columns);
    if (!start)
        return err_set(e, ERR_CONFIG, TABLE ": not a .npy file of <f4 in C order");
    if (columns != v->width)
        return err_set(e, ERR_CONFIG, TABLE ": %zu wide where the network wants %zu", columns,
                       v->width);
    if (v->rows > MAX_FILE_BYTES || v->rows * columns * sizeof(float) != length - start)
        return err_set(e, ERR_CONFIG, TABLE ": data and shape differ in length");
    /* NEP 1 pads the header so that the data is aligned; where it is not, it moves down to be. */
    if (start % sizeof(float)) {
        memmove(v->bytes, v->bytes + start, length - start);
        start = 0;
    }
    v->table = (float *)(void *)(v->bytes + start);
    for (size_t i = 0; i < v->rows * columns; i++)
        if (!isfinite(v->table[i]))
            return err_set(e, ERR_CONFIG, TABLE ": holds a number that is not finite");
    return 0;
}

static int add_keys(const msgpack_object_map *map, struct vectors *v, struct err *e)
{
    uint64_t key, row;

    for (uint32_t i = 0; i < map->size; i++) {
        if (!msgpack_uint(&map->ptr[i].key, &key) || !msgpack_uint(&map->ptr[i].val, &row) ||
            row >= v->rows || row >= NO_ROW)
            return err_set(e, ERR_CONFIG, KEYS ": entry %u is not a key and a row of the table",
                           (unsigned)i);
        size_t at = slot_of(v, key);
        v->keys[at] = key;
        v->row_of[at] = (uint32_t)row;
    }
    return 0;
}

static void make_slots(struct vectors *v, size_t keys)
{
    for (v->slot_count = 16; v->slot_count / 4 * 3 < keys;)
        v->slot_count *= 2;
    v->keys = xmalloc(v->slot_count * sizeof *v->keys);
    v->row_of = xmalloc(v->slot_count * sizeof *v->row_of);
    for (size_t i = 0; i < v->slot_count; i++)
        v->row_of[i] = NO_ROW;
}

static int load_keys(const char *directory, struct vectors *v, struct err *e)
{
    const msgpack_object *root;
    struct msgpack_file *file;
    int rc = msgpack_file_open(directory, KEYS, MAX_KEYS_BYTES, &file, e);

    if (rc < 0)
        return rc;
    root = msgpack_file_root(file);
    if (root->type != MSGPACK_OBJECT_MAP || root->via.map.size > MAX_KEYS) {
        rc = err_set(e, ERR_CONFIG, KEYS ": not a map of at most %u", MAX_KEYS);
    } else {
        make_slots(v, root->via.map.size);
        rc = add_keys(&root->via.map, v, e);
    }
    msgpack_file_close(file);
    return rc;
}
