/* stub_tokens: see stub_tokens.h. */
#include "stub_tokens.h"

#include <cjson/cJSON.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/err.h"

#define MACHINE_PATH "/computeMetadata/v1/instance/service-accounts/default/token"

struct stub_tokens {
    EVP_PKEY *key;
    long given, revoked;
    bool refuse_once;
};

struct stub_tokens *stub_tokens_new(const char *jwt_key)
{
    struct stub_tokens *t = xcalloc(1, sizeof *t);

    if (jwt_key) {
        FILE *file = fopen(jwt_key, "r");
        t->key = file ? PEM_read_PUBKEY(file, NULL, NULL, NULL) : NULL;
        if (!t->key)
            panic("stub: no public key in %s", jwt_key);
        fclose(file);
    }
    return t;
}

/* Undoes base64url; returns the length. `out` takes 4096 bytes. */
static size_t decode(const char *part, size_t length, unsigned char *out)
{
    char text[4096];

    if (length > sizeof text - 4)
        return 0;
    for (size_t i = 0; i < length; i++)
        text[i] = part[i] == '-' ? '+' : part[i] == '_' ? '/' : part[i];
    size_t padded = (length + 3) / 4 * 4;
    memset(text + length, '=', padded - length);
    int bytes = EVP_DecodeBlock(out, (unsigned char *)text, (int)padded);
    return bytes < 0 ? 0 : (size_t)bytes - (padded - length);
}

static bool is_signed(EVP_PKEY *key, const char *token, const char *signature)
{
    unsigned char bytes[4096];
    size_t length = decode(signature, strlen(signature), bytes);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestVerify(context, bytes, length, (const unsigned char *)token,
                                 (size_t)(signature - token) - 1) == 1;

    EVP_MD_CTX_free(context);
    return good;
}

static bool are_claims_good(const char *part, size_t length)
{
    unsigned char bytes[4096];
    size_t got = decode(part, length, bytes);
    cJSON *claims = cJSON_ParseWithLength((char *)bytes, got);
    const cJSON *audience = cJSON_GetObjectItemCaseSensitive(claims, "aud");
    const cJSON *issued = cJSON_GetObjectItemCaseSensitive(claims, "iat");
    const cJSON *expires = cJSON_GetObjectItemCaseSensitive(claims, "exp");
    double now = (double)time(NULL);
    bool good = cJSON_IsString(audience) && cJSON_IsNumber(issued) && cJSON_IsNumber(expires) &&
                strcmp(audience->valuestring, "https://firestore.googleapis.com/") == 0 &&
                issued->valuedouble <= now && expires->valuedouble > now &&
                expires->valuedouble - issued->valuedouble <= 3600;

    cJSON_Delete(claims);
    return good;
}

static bool is_jwt_good(struct stub_tokens *t, const char *token)
{
    const char *first = strchr(token, '.'), *second = first ? strchr(first + 1, '.') : NULL;

    return second && is_signed(t->key, token, second + 1) &&
           are_claims_good(first + 1, (size_t)(second - first - 1));
}

bool stub_tokens_check(struct stub_tokens *t, struct evhttp_request *r)
{
    const char *header = evhttp_find_header(evhttp_request_get_input_headers(r), "Authorization");
    bool refuse = t->refuse_once;

    t->refuse_once = false;
    if (refuse || !header || strncmp(header, "Bearer ", 7) != 0)
        return false;
    if (t->key)
        return is_jwt_good(t, header + 7);
    long number = strncmp(header + 7, "token-", 6) == 0 ? strtol(header + 13, NULL, 10) : 0;
    return number > t->revoked && number <= t->given;
}

void stub_tokens_serve(struct stub_tokens *t, struct evhttp_request *r, const char *path,
                       const char *body)
{
    const char *flavor = evhttp_find_header(evhttp_request_get_input_headers(r), "Metadata-Flavor");
    bool machine = strcmp(path, MACHINE_PATH) == 0 && flavor && strcmp(flavor, "Google") == 0;
    bool user = strcmp(path, "/token") == 0 &&
                strcmp(body, "grant_type=refresh_token&client_id=the%20client"
                             "&client_secret=s3cret%2B&refresh_token=refresh%2Fit") == 0;
    struct evbuffer *answer = evbuffer_new();

    if (machine || user)
        evbuffer_add_printf(
            answer,
            "{\"access_token\":\"token-%ld\",\"expires_in\":3599,\"token_type\":\"Bearer\"}",
            ++t->given);
    else
        evbuffer_add_printf(answer, "{\"error\":\"invalid_grant\"}");
    evhttp_send_reply(r, machine || user ? 200 : 400, "Because", answer);
    evbuffer_free(answer);
}

void stub_tokens_revoke(struct stub_tokens *t)
{
    t->revoked = t->given;
    t->refuse_once = t->key != NULL;
}

long stub_tokens_given(const struct stub_tokens *t)
{
    return t->given;
}
