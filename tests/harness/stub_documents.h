/* stub_documents: what the Firestore stub keeps: documents in memory, commits that are all or
 * nothing, and the two queries that newsmill asks. As strict as Firestore about the shape of a
 * request. */
#ifndef NEWSMILL_STUB_DOCUMENTS_H
#define NEWSMILL_STUB_DOCUMENTS_H

#include <cjson/cJSON.h>
#include <stddef.h>

struct stub_documents;

struct stub_error {
    int http;           /* 0: none */
    const char *status; /* gRPC's name */
    char message[256];
};

struct stub_documents *stub_documents_new(void);

/* Applies {"writes":[…]}, or nothing of it and *error says why. Returns the number of writes. */
size_t stub_documents_commit(struct stub_documents *d, const cJSON *body, struct stub_error *error);

/* The answer to {"structuredQuery":…} on the collections of `parent` ("projects/…/documents" or a
 * document's full name): an array to cJSON_Delete(), or NULL and *error. */
cJSON *stub_documents_query(struct stub_documents *d, const char *parent, const cJSON *body,
                            struct stub_error *error);

#endif
