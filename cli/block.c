/* block: see block.h. */
#include "cli/block.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"

#define MAX_ROW_BYTES ARTICLE_MAX_ITEM_BYTES(ROWS_MAX_LINE_BYTES)

struct block *block_new(void)
{
    struct block *b = xcalloc(1, sizeof *b);

    buf_init(&b->body, BLOCK_MAX_BYTES + MAX_ROW_BYTES + 1);
    return b;
}

void block_free(struct block *b)
{
    if (!b)
        return;
    for (int i = 0; i < b->count; i++)
        if (i == 0 || b->rows[i].name != b->rows[i - 1].name)
            free((char *)b->rows[i].name);
    buf_fini(&b->body);
    free(b);
}

/* What the gateway would refuse goes by itself: once corrected, its neighbours are not concerned.
 */
static bool is_doubtful(const struct article *a, size_t max_content_bytes)
{
    const char *publication = a->publication;
    size_t length = strlen(publication), whole = length;

    utf8_trim(&publication, &length);
    return length == 0 || whole > ARTICLE_MAX_PUBLICATION_BYTES ||
           a->content_length > max_content_bytes;
}

/* Rows of one file share their name. */
static const char *share_name(const struct block *b, const char *name)
{
    const char *last = b->count > 0 ? b->rows[b->count - 1].name : NULL;

    return last && strcmp(last, name) == 0 ? last : xstrdup(name);
}

int block_add(struct block *b, const struct row *row, size_t max_content_bytes)
{
    size_t start = b->body.length;

    if (article_write(&row->article, NULL, &b->body) < 0 || buf_append(&b->body, "\n", 1) < 0) {
        b->body.length = start;
        b->body.failed = false;
        return ERR_LIMIT;
    }
    b->rows[b->count] = (struct block_row){.name = share_name(b, row->name),
                                           .number = row->number,
                                           .line = row->line,
                                           .start = start,
                                           .length = b->body.length - start};
    if (b->count++ == 0)
        b->leads = block_begins(row->number);
    b->is_doubtful |= is_doubtful(&row->article, max_content_bytes);
    return 0;
}

bool block_begins(uint64_t number)
{
    return number % BLOCK_ROWS == 1;
}

bool block_is_full(const struct block *b, uint64_t number)
{
    return number % BLOCK_ROWS == 0 || b->body.length > BLOCK_MAX_BYTES;
}

bool block_is_whole(const struct block *b)
{
    return b->count == BLOCK_ROWS && !b->is_doubtful && b->body.length <= BLOCK_MAX_BYTES;
}

struct part {
    const void *bytes;
    size_t length;
};

static void hash(const struct part *parts, size_t count, unsigned char out[32])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char digest[EVP_MAX_MD_SIZE];
    bool ok = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL);

    for (size_t i = 0; i < count; i++)
        ok = ok && EVP_DigestUpdate(context, parts[i].bytes, parts[i].length);
    if (!ok || !EVP_DigestFinal_ex(context, digest, NULL))
        panic("SHA-256 failed");
    EVP_MD_CTX_free(context);
    memcpy(out, digest, 32);
}

void block_source(const struct block *b, const char *name, unsigned char out[BLOCK_SOURCE_BYTES])
{
    const struct part parts[] = {{name, strlen(name) + 1}, /* its NUL ends it */
                                 {b->body.bytes + b->rows[0].start, b->rows[0].length}};

    hash(parts, 2, out);
}

void block_key(const struct block *b, int index, const unsigned char *salt, size_t salt_length,
               char out[BLOCK_KEY_BYTES])
{
    const struct block_row *row = &b->rows[index];
    unsigned char digest[32];
    char front[32];
    int front_length = snprintf(front, sizeof front, "%llu ", (unsigned long long)row->number);
    const struct part parts[] = {{salt, salt_length},
                                 {b->source, sizeof b->source},
                                 {front, (size_t)front_length},
                                 {b->body.bytes + row->start, row->length}};

    hash(parts, 4, digest);
    for (unsigned i = 0; i < 32; i++)
        snprintf(out + 2 * (size_t)i, 3, "%02x", digest[i]);
}
