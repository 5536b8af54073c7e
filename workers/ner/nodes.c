/* nodes: see nodes.h. */
#include "nodes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "floats.h"
#include "msgpack_read.h"

#define MAX_FILE_BYTES ((size_t)512 << 20)
#define MAX_NODES      4096
#define MAX_FLOATS     ((size_t)128 << 20)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "<f4 is read as it stands in the file");

struct nodes {
    struct msgpack_file *file;
    char name[160];
    const msgpack_object *nodes, *attributes, *parameters; /* arrays of one length */
    size_t count;
};

static const msgpack_object *element(const msgpack_object *array, int at)
{
    return &array->via.array.ptr[at];
}

static bool is_array(const msgpack_object *o, size_t length)
{
    return o && o->type == MSGPACK_OBJECT_ARRAY && o->via.array.size == length;
}

static bool node_name(const struct nodes *n, int node, const char **text, size_t *length)
{
    const msgpack_object *name = msgpack_get(element(n->nodes, node), "name");

    return name && msgpack_text(name, text, length);
}

/* A chain or a wrapper spells out its parts, "maxout>>layernorm", "with_array(…)"; the parts are
 * nodes too, so only plain names need to be known. */
static bool known_layer(const char *name, size_t length)
{
    static const char *const known[] = {"parser_model",
                                        "extract_features",
                                        "hashembed",
                                        "static_vectors",
                                        "maxout",
                                        "layernorm",
                                        "expand_window",
                                        "linear",
                                        "dropout",
                                        "list2ragged",
                                        "ragged2list",
                                        "list2array",
                                        "ints-getitem",
                                        "tok2vec-listener",
                                        "precomputable_affine",
                                        "noop"};

    if (memchr(name, '>', length) || memchr(name, '|', length) || memchr(name, '(', length))
        return true;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i]) == length && memcmp(known[i], name, length) == 0)
            return true;
    return false;
}

static int check_names(const struct nodes *n, struct err *e)
{
    const char *name;
    size_t length;

    for (size_t i = 0; i < n->count; i++) {
        if (!node_name(n, (int)i, &name, &length))
            return err_set(e, ERR_CONFIG, "%s: nodes[%zu].name: missing", n->name, i);
        if (!known_layer(name, length))
            return err_set(e, ERR_CONFIG, "%s: nodes[%zu].name: a \"%.*s\" layer is not supported",
                           n->name, i, length < 60 ? (int)length : 60, name);
    }
    return 0;
}

static int check_lists(struct nodes *n, struct err *e)
{
    const msgpack_object *root = msgpack_file_root(n->file);

    n->nodes = msgpack_get(root, "nodes");
    n->attributes = msgpack_get(root, "attrs");
    n->parameters = msgpack_get(root, "params");
    if (!n->nodes || n->nodes->type != MSGPACK_OBJECT_ARRAY || n->nodes->via.array.size == 0 ||
        n->nodes->via.array.size > MAX_NODES)
        return err_set(e, ERR_CONFIG, "%s: nodes: not a list of 1 to %d", n->name, MAX_NODES);
    n->count = n->nodes->via.array.size;
    if (!is_array(n->attributes, n->count) || !is_array(n->parameters, n->count))
        return err_set(e, ERR_CONFIG, "%s: attrs, params: not lists as long as nodes", n->name);
    return check_names(n, e);
}

int nodes_open(const char *directory, const char *component, struct nodes **out, struct err *e)
{
    struct nodes *n = xcalloc(1, sizeof *n);
    int rc;

    snprintf(n->name, sizeof n->name, "%s/model", component);
    rc = msgpack_file_open(directory, n->name, MAX_FILE_BYTES, &n->file, e);
    if (rc == 0)
        rc = check_lists(n, e);
    if (rc < 0) {
        nodes_close(n);
        return rc;
    }
    *out = n;
    return 0;
}

void nodes_close(struct nodes *n)
{
    if (!n)
        return;
    msgpack_file_close(n->file);
    free(n);
}

int nodes_missing(const struct nodes *n, const char *layer, struct err *e)
{
    return err_set(e, ERR_CONFIG, "%s: nodes: no \"%s\" layer", n->name, layer);
}

const char *nodes_name(const struct nodes *n)
{
    return n->name;
}

int nodes_find(const struct nodes *n, const char *name, size_t nth)
{
    const char *text;
    size_t length;

    for (size_t i = 0; i < n->count; i++)
        if (node_name(n, (int)i, &text, &length) && length == strlen(name) &&
            memcmp(text, name, length) == 0 && nth-- == 0)
            return (int)i;
    return -1;
}

int nodes_find_start(const struct nodes *n, const char *start)
{
    const char *text;
    size_t length;

    for (size_t i = 0; i < n->count; i++)
        if (node_name(n, (int)i, &text, &length) && length >= strlen(start) &&
            memcmp(text, start, strlen(start)) == 0)
            return (int)i;
    return -1;
}

int nodes_reference(const struct nodes *n, int node, const char *reference)
{
    const msgpack_object *refs = msgpack_get(element(n->nodes, node), "refs"), *target;
    uint64_t index;

    target = refs ? msgpack_get(refs, reference) : NULL;
    if (!target || !msgpack_uint(target, &index) || index >= n->count)
        return -1;
    return (int)index;
}

/* An attribute is msgpack inside a bin: opens it (close with msgpack_file_close()). */
static int open_attribute(const struct nodes *n, int node, const char *attribute,
                          struct msgpack_file **out, struct err *e)
{
    const msgpack_object *value = msgpack_get(element(n->attributes, node), attribute);
    const char *bytes;
    size_t length;

    if (!value || !msgpack_text(value, &bytes, &length))
        return err_set(e, ERR_CONFIG, "%s: attrs[%d].%s: missing", n->name, node, attribute);
    return msgpack_file_parse(bytes, length, n->name, out, e);
}

int nodes_number(const struct nodes *n, int node, const char *attribute, uint64_t max,
                 uint64_t *out, struct err *e)
{
    struct msgpack_file *inner;
    int rc = open_attribute(n, node, attribute, &inner, e);
    bool good;

    if (rc < 0)
        return rc;
    const msgpack_object *value = msgpack_file_root(inner);
    if (value->type == MSGPACK_OBJECT_BOOLEAN) {
        *out = value->via.boolean;
        good = true;
    } else {
        good = msgpack_uint(value, out);
    }
    msgpack_file_close(inner);
    if (!good || *out > max)
        return err_set(e, ERR_CONFIG, "%s: attrs[%d].%s: not a number from 0 to %llu", n->name,
                       node, attribute, (unsigned long long)max);
    return 0;
}

int nodes_texts(const struct nodes *n, int node, const char *attribute,
                int (*each)(void *context, const char *text, size_t length, struct err *e),
                void *context, struct err *e)
{
    struct msgpack_file *inner;
    const char *text;
    size_t length;
    int rc = open_attribute(n, node, attribute, &inner, e);

    if (rc < 0)
        return rc;
    const msgpack_object *list = msgpack_file_root(inner);
    if (list->type != MSGPACK_OBJECT_ARRAY)
        rc = err_set(e, ERR_CONFIG, "%s: attrs[%d].%s: not a list", n->name, node, attribute);
    for (uint32_t i = 0; rc == 0 && i < list->via.array.size; i++) {
        if (!msgpack_text(&list->via.array.ptr[i], &text, &length))
            rc = err_set(e, ERR_CONFIG, "%s: attrs[%d].%s: not a list of texts", n->name, node,
                         attribute);
        else
            rc = each(context, text, length, e);
    }
    msgpack_file_close(inner);
    return rc;
}

/* Checks dims against what is wanted and fills them in; the product is bounded on the way. */
static bool match_shape(const msgpack_object *dims, size_t rank, size_t shape[], size_t *total)
{
    uint64_t side;

    *total = 1;
    if (!is_array(dims, rank))
        return false;
    for (size_t i = 0; i < rank; i++) {
        if (!msgpack_uint(&dims->via.array.ptr[i], &side) || side < 1 || side > NODES_MAX_SIDE ||
            (shape[i] && shape[i] != side) || side > MAX_FLOATS / *total)
            return false;
        shape[i] = (size_t)side;
        *total *= (size_t)side;
    }
    return true;
}

static int bad_parameter(const struct nodes *n, int node, const char *parameter, const char *why,
                         struct err *e)
{
    return err_set(e, ERR_CONFIG, "%s: params[%d].%s: %s", n->name, node, parameter, why);
}

int nodes_floats(const struct nodes *n, int node, const char *parameter, size_t rank,
                 size_t shape[], float **out, struct err *e)
{
    const msgpack_object *array, *data, *type;
    const char *bytes;
    size_t length, total;

    *out = NULL;
    array = msgpack_get(element(n->parameters, node), parameter);
    data = array ? msgpack_get(array, "data") : NULL;
    type = array ? msgpack_get(array, "type") : NULL;
    if (!data || !type)
        return bad_parameter(n, node, parameter, "missing", e);
    if (!msgpack_text(type, &bytes, &length) || length != 3 || memcmp(bytes, "<f4", 3) != 0)
        return bad_parameter(n, node, parameter, "not of type <f4", e);
    if (!match_shape(msgpack_get(array, "shape"), rank, shape, &total))
        return bad_parameter(n, node, parameter, "shape does not fit the other layers", e);
    if (!msgpack_text(data, &bytes, &length) || length != total * sizeof(float))
        return bad_parameter(n, node, parameter, "data and shape differ in length", e);
    *out = floats_new(total);
    memcpy(*out, bytes, length);
    for (size_t i = 0; i < total; i++)
        if (!isfinite((*out)[i])) {
            free(*out);
            *out = NULL;
            return bad_parameter(n, node, parameter, "holds a number that is not finite", e);
        }
    return 0;
}
