/* firestore_status: see firestore_status.h. */
#include "firestore_status.h"

#include <string.h>

#include "firestore_json.h"

#define MAX_QUOTED 300

struct answer {
    const char *status;  /* gRPC's name of it, "" where the body is no error object */
    const char *message; /* borrowed from the tree */
};

/* google.rpc.Code. What repeats without end is either not known to be undone or nothing a batch is
 * to blame for: credentials, a database that is not there yet, a quota. The marker makes repeating
 * safe in every case. */
static const struct {
    const char *status;
    enum store_outcome outcome;
} outcomes[] = {
    {"ALREADY_EXISTS", STORE_ALREADY}, /* of all our preconditions only the marker's can fail so */
    {"INVALID_ARGUMENT", STORE_REJECTED},
    {"OUT_OF_RANGE", STORE_REJECTED},
    {"ABORTED", STORE_AGAIN}, /* a transaction on the same documents; not applied */
    {"CANCELLED", STORE_AGAIN},
    {"DATA_LOSS", STORE_AGAIN},
    {"DEADLINE_EXCEEDED", STORE_AGAIN},
    {"FAILED_PRECONDITION", STORE_AGAIN}, /* the database's state, e.g. in Datastore mode */
    {"INTERNAL", STORE_AGAIN},
    {"NOT_FOUND", STORE_AGAIN}, /* no such project or database */
    {"PERMISSION_DENIED", STORE_AGAIN},
    {"RESOURCE_EXHAUSTED", STORE_AGAIN},
    {"UNAUTHENTICATED", STORE_AGAIN},
    {"UNAVAILABLE", STORE_AGAIN},
    {"UNIMPLEMENTED", STORE_AGAIN},
    {"UNKNOWN", STORE_AGAIN},
};

/* A streaming method (runQuery) wraps its error into an array. */
static struct answer read_error(const cJSON *tree)
{
    const cJSON *error = json_member(cJSON_IsArray(tree) ? tree->child : tree, "error");

    return (struct answer){.status = json_text(json_member(error, "status")),
                           .message = json_text(json_member(error, "message"))};
}

static int quote(long http_status, const struct answer *a, int code, struct err *e)
{
    if (*a->status)
        return err_set(e, code, "Firestore says %s: %.*s", a->status, MAX_QUOTED, a->message);
    return err_set(e, code, "HTTP status %ld that is not Firestore's own", http_status);
}

static enum store_outcome find_outcome(const char *status)
{
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++)
        if (strcmp(outcomes[i].status, status) == 0)
            return outcomes[i].outcome;
    return STORE_AGAIN; /* a code of the future */
}

enum store_outcome firestore_outcome(long http_status, const char *body, size_t length,
                                     struct err *why)
{
    cJSON *tree = json_tree(body, length);
    enum store_outcome outcome = STORE_AGAIN;

    if (http_status == 200) {
        if (*json_text(json_member(tree, "commitTime")))
            outcome = STORE_APPLIED;
        else
            err_set(why, ERR_AGAIN, "an answer that is cut short or not Firestore's");
    } else {
        struct answer answer = read_error(tree);
        outcome = find_outcome(answer.status);
        if (http_status == 413) /* by Google's front end, in HTML; a commit is cut no further */
            outcome = STORE_REJECTED;
        quote(http_status, &answer, outcome == STORE_REJECTED ? ERR_INPUT : ERR_AGAIN, why);
    }
    cJSON_Delete(tree);
    return outcome;
}

int firestore_read_error(long http_status, const char *body, size_t length, struct err *e)
{
    cJSON *tree = json_tree(body, length);
    struct answer answer = read_error(tree);

    quote(http_status, &answer, ERR_AGAIN, e);
    cJSON_Delete(tree);
    return ERR_AGAIN;
}
