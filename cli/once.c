/* once: see once.h. */
#include "cli/once.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

struct once {
    EVP_MD_CTX *hash; /* of what came out */
    uint64_t given;
    EVP_MD_CTX *repeat; /* of what came since it began anew; NULL: it has caught up */
    uint64_t repeated;
};

static EVP_MD_CTX *hash_new(void)
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();

    if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
        panic("SHA-256 failed");
    return hash;
}

static void hash_add(EVP_MD_CTX *hash, const char *bytes, size_t length)
{
    if (EVP_DigestUpdate(hash, bytes, length) != 1)
        panic("SHA-256 failed");
}

static bool is_same(const EVP_MD_CTX *a, const EVP_MD_CTX *b)
{
    const EVP_MD_CTX *both[2] = {a, b};
    unsigned char digests[2][EVP_MAX_MD_SIZE] = {{0}, {0}};

    for (int i = 0; i < 2; i++) {
        EVP_MD_CTX *copy = EVP_MD_CTX_new();
        if (!copy || EVP_MD_CTX_copy_ex(copy, both[i]) != 1 ||
            EVP_DigestFinal_ex(copy, digests[i], NULL) != 1)
            panic("SHA-256 failed");
        EVP_MD_CTX_free(copy);
    }
    return memcmp(digests[0], digests[1], sizeof digests[0]) == 0;
}

struct once *once_new(void)
{
    struct once *o = xcalloc(1, sizeof *o);

    o->hash = hash_new();
    return o;
}

void once_free(struct once *o)
{
    if (!o)
        return;
    EVP_MD_CTX_free(o->hash);
    EVP_MD_CTX_free(o->repeat);
    free(o);
}

void once_go_on(struct once *o)
{
    EVP_MD_CTX_free(o->repeat);
    o->repeat = NULL;
}

void once_again(struct once *o)
{
    once_go_on(o);
    o->repeated = 0;
    if (o->given > 0)
        o->repeat = hash_new();
}

int once_take(struct once *o, const char **bytes, size_t *length)
{
    if (o->repeat) {
        uint64_t left = o->given - o->repeated;
        size_t part = *length < left ? *length : (size_t)left;

        hash_add(o->repeat, *bytes, part);
        o->repeated += part;
        *bytes += part;
        *length -= part;
        if (o->repeated == o->given) {
            if (!is_same(o->repeat, o->hash))
                return ERR_INPUT;
            once_go_on(o);
        }
    }
    hash_add(o->hash, *bytes, *length);
    o->given += *length;
    return 0;
}

bool once_is_behind(const struct once *o)
{
    return o->repeat != NULL;
}

uint64_t once_given(const struct once *o)
{
    return o->given;
}
