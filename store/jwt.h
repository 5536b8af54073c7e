/* jwt: a JSON Web Token signed with RSA and SHA-256 (RFC 7519, RFC 7515 "RS256"). */
#ifndef NEWSMILL_JWT_H
#define NEWSMILL_JWT_H

#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

struct jwt_key;

struct jwt_claims {
    const char *key_id;   /* "kid" */
    const char *issuer;   /* "iss" and "sub" */
    const char *audience; /* "aud" */
    int64_t issued_s;     /* "iat": seconds since 1970 */
    int64_t expires_s;    /* "exp" */
};

/* Reads an unencrypted private RSA key in PEM. Returns 0 or ERR_CONFIG; the text never quotes it.
 */
int jwt_key_read(const char *pem, struct jwt_key **out, struct err *e);
void jwt_key_free(struct jwt_key *key); /* zeroes it; NULL is fine */

/* Appends the signed token. Returns 0 or ERR_LIMIT. */
int jwt_sign(const struct jwt_key *key, const struct jwt_claims *claims, struct buf *out);

#endif
