/* clients: who may use the gateway: the keys of the keys file, read anew when it changes, and each
 * one's place on the board. */
#ifndef NEWSMILL_GATEWAY_CLIENTS_H
#define NEWSMILL_GATEWAY_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "board.h"
#include "common/err.h"

struct clients;
struct head;

/* `path` may be empty: no key is asked for. Returns 0 or ERR_CONFIG. */
int clients_load(const char *path, struct board *board, struct clients **out, struct err *e);
void clients_free(struct clients *c); /* NULL is fine */

bool clients_need_key(const struct clients *c);
size_t clients_count(const struct clients *c); /* keys in the file */

/* Whose key is in access_token or Authorization: Bearer; the one client where none is asked for.
 * NULL when the key is none, or has expired. */
struct board_client *clients_find(const struct clients *c, const struct head *head);

/* Reads the file again if it has changed since, or could not be read. A file that is wrong changes
 * nothing, and what is wrong is logged once. To be called once a second. */
void clients_refresh(struct clients *c);

#endif
