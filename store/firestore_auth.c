/* firestore_auth: see firestore_auth.h. A service account signs its tokens itself (AIP-4111); users
 * and machines are given theirs by a token endpoint (RFC 6749) or the metadata server. */
#include "firestore_auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "firestore_credentials.h"
#include "firestore_json.h"

#define AUDIENCE        "https://firestore.googleapis.com/"
#define SCOPE           "https://www.googleapis.com/auth/datastore"
#define EMULATOR_TOKEN  "owner"
#define JWT_LIFE_S      3600
#define RENEW_EARLY_MS  225000 /* as Google's own library does */
#define RENEW_AGAIN_MS  10000  /* after a failure, while the old token is still good */
#define TOKEN_MAX_BYTES (32u << 10)
#define ANSWER_BYTES    (64u << 10)
#define TIMEOUT_MS      20000
#define MACHINE_WAIT_MS 3000
#define MACHINE_TRIES   3

struct firestore_auth {
    struct firestore_credentials credentials;
    struct http_client *http;
    struct buf token;
    int64_t ends_ms;  /* clock_ms() when the token is no longer good; 0: there is none */
    int64_t renew_ms; /* when to look for the next one */
};

int firestore_auth_open(const struct conf *conf, struct http_client *http,
                        struct firestore_auth **out, struct err *e)
{
    struct firestore_credentials credentials;

    if (firestore_credentials_find(conf, &credentials, e) < 0)
        return e->code;
    struct firestore_auth *a = xcalloc(1, sizeof *a);
    a->credentials = credentials;
    a->http = http;
    buf_init(&a->token, TOKEN_MAX_BYTES);
    buf_reserve(&a->token, TOKEN_MAX_BYTES); /* at once: growing would leave copies behind */
    *out = a;
    return 0;
}

void firestore_auth_forget(struct firestore_auth *a)
{
    explicit_bzero(a->token.bytes, a->token.capacity);
    buf_clear(&a->token);
    a->ends_ms = a->renew_ms = 0;
}

static void set_life(struct firestore_auth *a, int64_t life_ms)
{
    int64_t early_ms = life_ms / 2 < RENEW_EARLY_MS ? life_ms / 2 : RENEW_EARLY_MS;

    a->ends_ms = clock_ms() + life_ms;
    a->renew_ms = a->ends_ms - early_ms;
}

void firestore_auth_close(struct firestore_auth *a)
{
    if (!a)
        return;
    firestore_auth_forget(a);
    buf_fini(&a->token);
    firestore_credentials_fini(&a->credentials);
    free(a);
}

static int sign(struct firestore_auth *a, struct err *e)
{
    time_t now = time(NULL);
    struct jwt_claims claims = {.key_id = a->credentials.key_id,
                                .issuer = a->credentials.email,
                                .audience = AUDIENCE,
                                .issued_s = now,
                                .expires_s = now + JWT_LIFE_S};

    firestore_auth_forget(a);
    if (jwt_sign(a->credentials.key, &claims, &a->token) < 0)
        return err_set(e, ERR_AGAIN, "a token of more than %u bytes", TOKEN_MAX_BYTES);
    set_life(a, JWT_LIFE_S * 1000ll);
    return 0;
}

/* --- tokens that others make -------------------------------------------------------------------
 */

/* RFC 6750: what may stand in an Authorization header, so that no answer can add another header. */
static bool is_token(const char *text)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
    size_t length = strlen(text);

    return length > 0 && length < TOKEN_MAX_BYTES && strspn(text, allowed) == length;
}

static int take_answer(struct firestore_auth *a, const struct http_reply *reply, struct err *e)
{
    cJSON *tree = json_tree(reply->body.bytes, reply->body.length);
    const char *token = json_text(json_member(tree, "access_token"));
    const char *fault = json_text(json_member(tree, "error"));
    const cJSON *life = json_member(tree, "expires_in");
    int code = 0;

    if (reply->status != 200 || !is_token(token)) {
        code = err_set(e, ERR_AGAIN, "status %ld %.80s", reply->status, fault);
    } else {
        double life_s = cJSON_IsNumber(life) && life->valuedouble > 0 ? life->valuedouble : 0;
        firestore_auth_forget(a);
        buf_append_text(&a->token, token);
        set_life(a, (int64_t)(life_s < 86400 ? life_s : 86400) * 1000);
    }
    json_wipe(tree);
    return code;
}

static int ask(struct firestore_auth *a, const struct http_call *call, struct err *e)
{
    struct http_reply reply;
    int code = http_client_send(a->http, call, &reply, e);

    if (code == 0)
        code = take_answer(a, &reply, e);
    http_reply_fini(&reply);
    return code < 0 ? err_set(e, ERR_AGAIN, "no token from %.200s: %s", call->url, e->text) : 0;
}

static int ask_endpoint(struct firestore_auth *a, struct err *e)
{
    struct http_call call = {
        .url = a->credentials.token_url,
        .content_type = "application/x-www-form-urlencoded",
        .body = a->credentials.form,
        .body_length = strlen(a->credentials.form),
        .timeout_ms = TIMEOUT_MS,
        .max_answer_bytes = ANSWER_BYTES,
    };

    return ask(a, &call, e);
}

static int ask_machine(struct firestore_auth *a, struct err *e)
{
    const char *host = getenv("GCE_METADATA_HOST");
    char url[512];
    struct http_call call = {
        .url = url,
        .header = "Metadata-Flavor: Google",
        .timeout_ms = MACHINE_WAIT_MS,
        .max_answer_bytes = ANSWER_BYTES,
        .plain = true,
    };

    snprintf(url, sizeof url,
             "http://%.200s/computeMetadata/v1/instance/service-accounts/default/token?scopes=%s",
             host && *host ? host : "metadata.google.internal", SCOPE);
    for (int try = 1;; try++)
        if (ask(a, &call, e) == 0)
            return 0;
        else if (try == MACHINE_TRIES)
            return err_prefix(e, "no credentials were given and");
}

static int renew(struct firestore_auth *a, struct err *e)
{
    switch (a->credentials.kind) {
    case FIRESTORE_SERVICE_ACCOUNT:
        return sign(a, e);
    case FIRESTORE_USER:
        return ask_endpoint(a, e);
    default:
        return ask_machine(a, e);
    }
}

int firestore_auth_token(struct firestore_auth *a, const char **token, struct err *e)
{
    int64_t now_ms = clock_ms();

    if (a->credentials.kind == FIRESTORE_EMULATOR) {
        *token = EMULATOR_TOKEN;
        return 0;
    }
    if (now_ms >= a->renew_ms && renew(a, e) < 0) {
        if (now_ms >= a->ends_ms)
            return ERR_AGAIN;
        a->renew_ms = now_ms + RENEW_AGAIN_MS; /* it is used to its end */
    }
    *token = a->token.bytes;
    return 0;
}
