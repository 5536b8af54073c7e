/* firestore_credentials: who we are to Google: found in the order of Application Default
 * Credentials, read, and zeroed after use. */
#ifndef NEWSMILL_FIRESTORE_CREDENTIALS_H
#define NEWSMILL_FIRESTORE_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/conf.h"
#include "common/err.h"
#include "jwt.h"

enum firestore_credentials_kind {
    FIRESTORE_EMULATOR,        /* FIRESTORE_EMULATOR_HOST is set */
    FIRESTORE_SERVICE_ACCOUNT, /* a key file */
    FIRESTORE_USER,            /* "gcloud auth application-default login" */
    FIRESTORE_METADATA,        /* the metadata server of the machine we run on */
};

struct firestore_credentials {
    enum firestore_credentials_kind kind;
    char *source;           /* the file, for messages */
    char *email, *key_id;   /* service account */
    struct jwt_key *key;    /* service account */
    char *form, *token_url; /* user: what is posted where for a token */
};

/* The file that firestore_credentials_find() reads; false: it reads none. */
bool firestore_credentials_path(const struct conf *conf, char *path, size_t size);

/* Looks, in this order, at: FIRESTORE_EMULATOR_HOST; store.credentials_file; the systemd credential
 * "firestore"; $GOOGLE_APPLICATION_CREDENTIALS; gcloud's own file; else it is the metadata server.
 * Returns 0 (end with firestore_credentials_fini()) or ERR_CONFIG. */
int firestore_credentials_find(const struct conf *conf, struct firestore_credentials *out,
                               struct err *e);
void firestore_credentials_fini(struct firestore_credentials *c);

/* The value of FIRESTORE_EMULATOR_HOST, or NULL where it is empty or not set. */
const char *firestore_emulator_host(void);

#endif
