/* firestore_auth: the bearer token of each request, made or fetched when it is needed and renewed
 * before it ends. Tokens and keys are never logged or quoted in an error. */
#ifndef NEWSMILL_FIRESTORE_AUTH_H
#define NEWSMILL_FIRESTORE_AUTH_H

#include "common/conf.h"
#include "http_client.h"

struct firestore_auth;

/* Finds and reads the credentials; asks nobody yet. `http` is borrowed. Returns 0 or ERR_CONFIG. */
int firestore_auth_open(const struct conf *conf, struct http_client *http,
                        struct firestore_auth **out, struct err *e);
void firestore_auth_close(struct firestore_auth *a); /* NULL is fine */

/* A token that is good for some minutes, borrowed until the next call of any function here.
 * Returns 0 or ERR_AGAIN. */
int firestore_auth_token(struct firestore_auth *a, const char **token, struct err *e);

/* The server did not take the token (401): the next one will be new. */
void firestore_auth_forget(struct firestore_auth *a);

#endif
