/* jwt: see jwt.h. */
#include "jwt.h"

#include <inttypes.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"

#define MIN_KEY_BITS   2048
#define MAX_SIGNATURE  2048 /* bytes: keys up to 16384 bits */
#define MAX_PART_BYTES 8192

/* What struct jwt_key stands for is OpenSSL's own key. */
static EVP_PKEY *inside(const struct jwt_key *key)
{
    return (EVP_PKEY *)(uintptr_t)key;
}

/* Stands in for OpenSSL's own, which would ask on the terminal. */
static int no_password(char *out, int size, int writing, void *context)
{
    (void)out, (void)size, (void)writing, (void)context;
    return -1;
}

int jwt_key_read(const char *pem, struct jwt_key **out, struct err *e)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);

    if (!bio)
        panic("out of memory for a key");
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    BIO_free(bio);
    if (!key)
        return err_set(e, ERR_CONFIG, "the private key is not readable as PEM");
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key) < MIN_KEY_BITS ||
        EVP_PKEY_get_size(key) > MAX_SIGNATURE) {
        EVP_PKEY_free(key);
        return err_set(e, ERR_CONFIG, "the private key is not RSA of at least %d bits",
                       MIN_KEY_BITS);
    }
    *out = (struct jwt_key *)key;
    return 0;
}

void jwt_key_free(struct jwt_key *key)
{
    EVP_PKEY_free(inside(key)); /* clears private numbers */
}

/* base64url without padding (RFC 4648 section 5). */
static void append_base64url(struct buf *out, const void *bytes, size_t length)
{
    size_t room = (length + 2) / 3 * 4;
    char *text = buf_reserve(out, room + 1); /* OpenSSL adds a NUL */

    if (!text)
        return;
    size_t written = (size_t)EVP_EncodeBlock((unsigned char *)text, bytes, (int)length);
    while (written && text[written - 1] == '=')
        written--;
    for (size_t i = 0; i < written; i++)
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    text[written] = 0;
    out->length += written;
}

static void append_member(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, "\"%s\":", name);
    json_append_string(out, text, strlen(text));
}

static void append_head(const struct jwt_claims *claims, struct buf *out)
{
    struct buf json;

    buf_init(&json, MAX_PART_BYTES);
    buf_append_text(&json, "{\"alg\":\"RS256\",\"typ\":\"JWT\",");
    append_member(&json, "kid", claims->key_id);
    buf_append_text(&json, "}");
    out->failed |= buf_failed(&json);
    append_base64url(out, json.bytes, json.length);
    buf_append_text(out, ".");
    buf_clear(&json);
    buf_append_text(&json, "{");
    append_member(&json, "iss", claims->issuer);
    buf_append_text(&json, ",");
    append_member(&json, "sub", claims->issuer);
    buf_append_text(&json, ",");
    append_member(&json, "aud", claims->audience);
    buf_printf(&json, ",\"iat\":%" PRId64 ",\"exp\":%" PRId64 "}", claims->issued_s,
               claims->expires_s);
    out->failed |= buf_failed(&json);
    append_base64url(out, json.bytes, json.length);
    buf_fini(&json);
}

int jwt_sign(const struct jwt_key *key, const struct jwt_claims *claims, struct buf *out)
{
    unsigned char signature[MAX_SIGNATURE];
    size_t start = out->length, length = sizeof signature;

    append_head(claims, out);
    if (buf_failed(out))
        return ERR_LIMIT;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    /* The default padding of an RSA key is PKCS #1 v1.5, as RS256 wants it. */
    if (!context || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, inside(key)) != 1 ||
        EVP_DigestSign(context, signature, &length, (unsigned char *)out->bytes + start,
                       out->length - start) != 1)
        panic("OpenSSL cannot sign");
    EVP_MD_CTX_free(context);
    buf_append_text(out, ".");
    append_base64url(out, signature, length);
    return buf_failed(out) ? ERR_LIMIT : 0;
}
