/* nodes: a `model` file as thinc's Model.to_bytes() writes it: the nodes of a network in breadth-
 * first order, each with a name, references to other nodes, attributes and parameters. */
#ifndef NEWSMILL_NER_NODES_H
#define NEWSMILL_NER_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct nodes;

/* Reads `directory`/`component`/model. Returns 0 or ERR_CONFIG; a layer whose name we do not know
 * is refused by that name. */
int nodes_open(const char *directory, const char *component, struct nodes **out, struct err *e);
void nodes_close(struct nodes *n);
const char *nodes_name(const struct nodes *n); /* of the file, for messages */
/* Says that the file lacks a layer; returns ERR_CONFIG. */
int nodes_missing(const struct nodes *n, const char *layer, struct err *e);

/* The nth (from 0) node of exactly that name, or -1. `nodes_find_start` matches a name's start. */
int nodes_find(const struct nodes *n, const char *name, size_t nth);
int nodes_find_start(const struct nodes *n, const char *start);
/* The node that `node` refers to as `reference`, or -1. */
int nodes_reference(const struct nodes *n, int node, const char *reference);

/* An attribute that is a whole number or a boolean (0, 1), at most `max`. */
int nodes_number(const struct nodes *n, int node, const char *attribute, uint64_t max,
                 uint64_t *out, struct err *e);
/* The texts of an attribute that is a list of texts: calls `each` in order, until it is not 0. */
int nodes_texts(const struct nodes *n, int node, const char *attribute,
                int (*each)(void *context, const char *text, size_t length, struct err *e),
                void *context, struct err *e);

/* A float32 parameter of `rank` dimensions. Each `shape` element is what is wanted, or 0 for
 * anything from 1 to NODES_MAX_SIDE, and is then filled in. *out is an aligned copy in the file's
 * order (free() it). Returns 0, or ERR_CONFIG for a wrong shape, length or type, or a number that
 * is not finite. */
#define NODES_MAX_SIDE (1u << 24)
int nodes_floats(const struct nodes *n, int node, const char *parameter, size_t rank,
                 size_t shape[], float **out, struct err *e);

#endif
