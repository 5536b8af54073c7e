/* fuzz_article: an item of the articles list; what is said of it must be what the slow reference
 * says, and what is accepted must come through a write and a second parse unchanged. */
#include <string.h>

#include "common/article.h"
#include "fuzz.h"
#include "tests/harness/article_reference.h"

#define MAX_CONTENT_BYTES 65536

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static void check_text(const char *a, const char *b)
{
    FUZZ_CHECK((a == NULL) == (b == NULL));
    FUZZ_CHECK(!a || strcmp(a, b) == 0);
}

static void check_again(const struct article *a)
{
    struct article b;
    struct article_fault fault;
    struct buf out;

    buf_init(&out, 16u << 20);
    FUZZ_CHECK(article_write(a, NULL, &out) == 0);
    FUZZ_CHECK(article_parse(out.bytes, out.length, MAX_CONTENT_BYTES, &b, &fault) == 0);
    FUZZ_CHECK(a->content_length == b.content_length);
    check_text(a->content, b.content);
    check_text(a->publication, b.publication);
    check_text(a->key, b.key);
    check_text(a->id, b.id);
    check_text(a->url, b.url);
    check_text(a->title, b.title);
    check_text(a->published, b.published);
    article_fini(&b);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct article a;
    struct article_fault fault;
    struct buf dead;

    FUZZ_CHECK(article_reference_differs((const char *)data, size, MAX_CONTENT_BYTES) == NULL);
    int rc = article_parse((const char *)data, size, MAX_CONTENT_BYTES, &a, &fault);
    FUZZ_CHECK(rc == 0 || rc == ERR_INPUT);
    if (rc == 0) {
        check_again(&a);
        article_fini(&a);
        return 0;
    }
    FUZZ_CHECK(fault.type && fault.message && *fault.text);
    buf_init(&dead, 16u << 20);
    FUZZ_CHECK(article_write_dead(1, fault.text, 1, (const char *)data, size, &dead) == 0);
    buf_fini(&dead);
    return 0;
}
