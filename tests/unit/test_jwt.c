/* Tokens that we sign: verified with the public key, as the other side does it. */
#include <CUnit/CUnit.h>
#include <cjson/cJSON.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "store/jwt.h"

static const struct jwt_claims claims = {
    .key_id = "key \"7\"",
    .issuer = "saver@project.iam.gserviceaccount.com",
    .audience = "https://firestore.googleapis.com/",
    .issued_s = 1764000000,
    .expires_s = 1764003600,
};

static char *pem_of(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes;

    CU_ASSERT_FATAL(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    long length = BIO_get_mem_data(bio, &bytes);
    char *pem = xcalloc(1, (size_t)length + 1);
    memcpy(pem, bytes, (size_t)length);
    BIO_free(bio);
    return pem;
}

/* The bytes of a base64url part without padding. */
static size_t decode(const char *part, size_t length, unsigned char *out)
{
    char text[4096];

    CU_ASSERT_FATAL(length < sizeof text - 4);
    CU_ASSERT_PTR_NULL(memchr(part, '=', length));
    for (size_t i = 0; i < length; i++)
        text[i] = part[i] == '-' ? '+' : part[i] == '_' ? '/' : part[i];
    size_t padded = (length + 3) / 4 * 4;
    memset(text + length, '=', padded - length);
    int bytes = EVP_DecodeBlock(out, (unsigned char *)text, (int)padded);
    CU_ASSERT_FATAL(bytes >= 0);
    return (size_t)bytes - (padded - length);
}

static void expect_member(const cJSON *object, const char *name, const char *wanted)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    CU_ASSERT_FATAL(cJSON_IsString(item));
    CU_ASSERT_STRING_EQUAL(item->valuestring, wanted);
}

static cJSON *part_as_json(const char *part, size_t length)
{
    unsigned char bytes[4096];
    size_t got = decode(part, length, bytes);
    cJSON *object = cJSON_ParseWithLength((char *)bytes, got);

    CU_ASSERT_FATAL(object != NULL);
    return object;
}

static void check_token(const char *token, EVP_PKEY *key)
{
    const char *dot = strchr(token, '.');
    const char *second = dot ? strchr(dot + 1, '.') : NULL;
    unsigned char signature[4096];

    CU_ASSERT_FATAL(second != NULL);
    cJSON *head = part_as_json(token, (size_t)(dot - token));
    expect_member(head, "alg", "RS256");
    expect_member(head, "typ", "JWT");
    expect_member(head, "kid", claims.key_id);
    cJSON *body = part_as_json(dot + 1, (size_t)(second - dot - 1));
    expect_member(body, "iss", claims.issuer);
    expect_member(body, "sub", claims.issuer);
    expect_member(body, "aud", claims.audience);
    CU_ASSERT_EQUAL(cJSON_GetObjectItem(body, "iat")->valuedouble, 1764000000.0);
    CU_ASSERT_EQUAL(cJSON_GetObjectItem(body, "exp")->valuedouble, 1764003600.0);
    cJSON_Delete(head);
    cJSON_Delete(body);
    size_t length = decode(second + 1, strlen(second + 1), signature);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    CU_ASSERT_EQUAL(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key), 1);
    CU_ASSERT_EQUAL(EVP_DigestVerify(context, signature, length, (const unsigned char *)token,
                                     (size_t)(second - token)),
                    1);
    EVP_MD_CTX_free(context);
}

static void test_token(void)
{
    EVP_PKEY *pair = EVP_RSA_gen(2048);
    char *pem = pem_of(pair);
    struct jwt_key *key;
    struct buf token;
    struct err e;

    CU_ASSERT_EQUAL_FATAL(jwt_key_read(pem, &key, &e), 0);
    buf_init(&token, 1 << 16);
    buf_append_text(&token, "in front:");
    CU_ASSERT_EQUAL_FATAL(jwt_sign(key, &claims, &token), 0);
    check_token(token.bytes + strlen("in front:"), pair);
    buf_fini(&token);
    buf_init(&token, 100);
    CU_ASSERT_EQUAL(jwt_sign(key, &claims, &token), ERR_LIMIT);
    buf_fini(&token);
    jwt_key_free(key);
    jwt_key_free(NULL);
    EVP_PKEY_free(pair);
    free(pem);
}

static void expect_refused(const char *pem, const char *part)
{
    struct jwt_key *key;
    struct err e;

    CU_ASSERT_EQUAL(jwt_key_read(pem, &key, &e), ERR_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, part));
}

static void test_keys_refused(void)
{
    EVP_PKEY *short_key = EVP_RSA_gen(1024), *curve = EVP_EC_gen("P-256");
    char *short_pem = pem_of(short_key), *curve_pem = pem_of(curve);

    expect_refused("", "PEM");
    expect_refused("not a key", "PEM");
    expect_refused("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n", "PEM");
    expect_refused(short_pem, "2048");
    expect_refused(curve_pem, "RSA");
    free(short_pem);
    free(curve_pem);
    EVP_PKEY_free(short_key);
    EVP_PKEY_free(curve);
}

void suite_jwt(void);

void suite_jwt(void)
{
    CU_pSuite suite = CU_add_suite("jwt", NULL, NULL);

    CU_add_test(suite, "a token verifies with the public key", test_token);
    CU_add_test(suite, "keys that are not taken", test_keys_refused);
}
