/* vectors: see vectors.h. */
#include "vectors.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gemm.h"
#include "msgpack_read.h"
#include "read_file.h"

#define TABLE          "vocab/vectors"
#define KEYS           "vocab/key2row"
#define MAX_FILE_BYTES ((size_t)2 << 30)
#define MAX_KEYS_BYTES ((size_t)512 << 20)
#define MAX_KEYS       (1u << 24)

struct slot {
    uint64_t key;
    int64_t row; /* -1: free */
};

struct vectors {
    float *table; /* [rows, width] */
    size_t rows, width;
    struct slot *slots; /* open addressing, a power of two, at most half full */
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
    free(v->table);
    free(v->slots);
    free(v);
}

/* Keys are hashes already, all but the few reserved symbols. */
static struct slot *slot_of(const struct vectors *v, uint64_t key)
{
    size_t at = (size_t)(key ^ key >> 32) & (v->slot_count - 1);

    while (v->slots[at].row >= 0 && v->slots[at].key != key)
        at = (at + 1) & (v->slot_count - 1);
    return &v->slots[at];
}

const float *vectors_find(const struct vectors *v, uint64_t orth)
{
    const struct slot *slot = slot_of(v, orth);

    return slot->row < 0 ? NULL : v->table + (size_t)slot->row * v->width;
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
    char *bytes;
    int rc = read_file(directory, TABLE, MAX_FILE_BYTES, &bytes, &length, e);

    if (rc < 0)
        return rc;
    start = parse_header(bytes, length, &v->rows, &columns);
    if (!start)
        rc = err_set(e, ERR_CONFIG, TABLE ": not a .npy file of <f4 in C order");
    else if (columns != v->width)
        rc = err_set(e, ERR_CONFIG, TABLE ": %zu wide where the network wants %zu", columns,
                     v->width);
    else if (v->rows > MAX_FILE_BYTES || v->rows * columns * sizeof(float) != length - start)
        rc = err_set(e, ERR_CONFIG, TABLE ": data and shape differ in length");
    if (rc == 0) {
        v->table = gemm_alloc(v->rows * columns);
        memcpy(v->table, bytes + start, length - start);
    }
    free(bytes);
    for (size_t i = 0; rc == 0 && i < v->rows * columns; i++)
        if (!isfinite(v->table[i]))
            rc = err_set(e, ERR_CONFIG, TABLE ": holds a number that is not finite");
    return rc;
}

static int add_keys(const msgpack_object_map *map, struct vectors *v, struct err *e)
{
    uint64_t key, row;

    for (uint32_t i = 0; i < map->size; i++) {
        if (!msgpack_uint(&map->ptr[i].key, &key) || !msgpack_uint(&map->ptr[i].val, &row) ||
            row >= v->rows)
            return err_set(e, ERR_CONFIG, KEYS ": entry %u is not a key and a row of the table",
                           (unsigned)i);
        *slot_of(v, key) = (struct slot){.key = key, .row = (int64_t)row};
    }
    return 0;
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
        for (v->slot_count = 16; v->slot_count < 2 * (size_t)root->via.map.size;)
            v->slot_count *= 2;
        v->slots = xmalloc(v->slot_count * sizeof *v->slots);
        for (size_t i = 0; i < v->slot_count; i++)
            v->slots[i].row = -1;
        rc = add_keys(&root->via.map, v, e);
    }
    msgpack_file_close(file);
    return rc;
}
