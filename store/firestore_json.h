/* firestore_json: reading the JSON of answers and credentials without trusting their shape. Every
 * function takes NULL, so that a path of members needs one check at its end. */
#ifndef NEWSMILL_FIRESTORE_JSON_H
#define NEWSMILL_FIRESTORE_JSON_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

/* The tree of a text that is JSON by RFC 8259 to its end, or NULL. To cJSON_Delete() or, where it
 * holds secrets, json_wipe(). */
cJSON *json_tree(const char *text, size_t length);

/* A member by its exact name, or NULL. */
const cJSON *json_member(const cJSON *object, const char *name);

/* The text of a string, "" for anything else. Borrowed. */
const char *json_text(const cJSON *item);

/* The number of Firestore's {"integerValue":"12"}; 0 for anything else and for what is negative. */
uint64_t json_integer_value(const cJSON *value);

/* Zeroes all strings of the tree and frees it. */
void json_wipe(cJSON *tree);

#endif
