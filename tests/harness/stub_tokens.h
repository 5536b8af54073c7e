/* stub_tokens: the Firestore stub's tokens: a token endpoint, a metadata server, and the check of
 * what clients bring. */
#ifndef NEWSMILL_STUB_TOKENS_H
#define NEWSMILL_STUB_TOKENS_H

#include <stdbool.h>

struct evhttp_request;
struct stub_tokens;

/* `jwt_key`: PEM file of the public key that signs the tokens, or NULL: the tokens are our own. */
struct stub_tokens *stub_tokens_new(const char *jwt_key);

/* True when the request has a token that is taken. */
bool stub_tokens_check(struct stub_tokens *t, struct evhttp_request *r);

/* Answers "/token" (a refresh token "refresh/it" of the client "the client" with the secret
 * "s3cret+") and the metadata server's path; 404 for others. */
void stub_tokens_serve(struct stub_tokens *t, struct evhttp_request *r, const char *path,
                       const char *body);

/* The tokens given out so far are not taken any more; a signed one is refused once. */
void stub_tokens_revoke(struct stub_tokens *t);

long stub_tokens_given(const struct stub_tokens *t);

#endif
