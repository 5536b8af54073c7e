/* digest: see digest.h. */
#include "digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/article.h"

#define HASH_BYTES (DIGEST_HEX_LENGTH / 2)

struct digest {
    EVP_MD_CTX *context;
};

/* Looked up once: that takes longer than the hash of an article. */
static const EVP_MD *sha256(void)
{
    static EVP_MD *found;

    if (!found)
        found = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!found)
        panic("no SHA-256 in libcrypto");
    return found;
}

static void write_hex(const unsigned char *bytes, size_t length, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < length; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * length] = 0;
}

static void begin(struct digest *d)
{
    if (EVP_DigestInit_ex(d->context, sha256(), NULL) != 1)
        panic("EVP_DigestInit_ex");
}

static void finish(struct digest *d, unsigned char hash[HASH_BYTES])
{
    if (EVP_DigestFinal_ex(d->context, hash, NULL) != 1)
        panic("EVP_DigestFinal_ex");
    begin(d);
}

struct digest *digest_new(void)
{
    struct digest *d = xcalloc(1, sizeof *d);

    d->context = EVP_MD_CTX_new();
    if (!d->context)
        panic("EVP_MD_CTX_new");
    begin(d);
    return d;
}

void digest_add(struct digest *d, const void *bytes, size_t length)
{
    if (length > 0 && EVP_DigestUpdate(d->context, bytes, length) != 1)
        panic("EVP_DigestUpdate");
}

void digest_take(struct digest *d, char hex[DIGEST_HEX_LENGTH + 1])
{
    unsigned char hash[HASH_BYTES];

    finish(d, hash);
    write_hex(hash, sizeof hash, hex);
}

void digest_free(struct digest *d)
{
    if (!d)
        return;
    EVP_MD_CTX_free(d->context);
    free(d);
}

void digest_hex(const void *bytes, size_t length, char hex[DIGEST_HEX_LENGTH + 1])
{
    struct digest *d = digest_new();

    digest_add(d, bytes, length);
    digest_take(d, hex);
    digest_free(d);
}

void digest_article(struct digest *d, const struct article *a, char hex[DIGEST_ARTICLE_LENGTH + 1])
{
    unsigned char hash[HASH_BYTES];

    digest_add(d, a->key, strlen(a->key) + 1); /* its NUL keeps the two apart */
    digest_add(d, a->content, a->content_length);
    finish(d, hash);
    write_hex(hash, DIGEST_ARTICLE_LENGTH / 2, hex);
}

/* A system call would take longer than all else that an article's id needs. */
void digest_random(char *hex, size_t digits)
{
    static unsigned char drawn[512];
    static size_t left;

    if (digits / 2 > left) {
        if (digits / 2 > sizeof drawn || getrandom(drawn, sizeof drawn, 0) != sizeof drawn)
            panic("getrandom of %zu digits: %s", digits, strerror(errno));
        left = sizeof drawn;
    }
    left -= digits / 2;
    write_hex(drawn + left, digits / 2, hex);
}
