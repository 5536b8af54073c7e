/* Document ids: what Firestore forbids never comes out, nothing is lost, no two words meet. */
#include <CUnit/CUnit.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/utf8.h"
#include "store/firestore_ids.h"

/* What the tests try: words or publications. */
static int (*make_id)(const char *, size_t, struct buf *) = firestore_word_id;

static struct buf id_of(const char *word, size_t length)
{
    struct buf id;

    buf_init(&id, 1 << 20);
    buf_append_text(&id, "");
    CU_ASSERT_EQUAL_FATAL(make_id(word, length, &id), 0);
    return id;
}

static void expect(const char *word, const char *wanted)
{
    struct buf id = id_of(word, strlen(word));

    CU_ASSERT_STRING_EQUAL(id.bytes, wanted);
    buf_fini(&id);
}

static void test_examples(void)
{
    expect("tim cook", "tim cook");
    expect("50%", "50%");
    expect("a#b", "a#b");
    expect("a~b", "a~b");
    expect("...", "...");
    expect("_x_", "_x_");
    expect("__x", "__x");
    expect("m\xc3\xbcnchen", "m\xc3\xbcnchen");
    expect("", "~");
    expect(".", "~.");
    expect("..", "~..");
    expect("ap/reuters", "~ap~2Freuters");
    expect("__x__", "~__x__");
    expect("____", "~____");
    expect("~", "~~7E");
    expect("~#", "~~7E~23");
    expect("a:b", "a:b");
    expect("a:b/c", "~a:b~2Fc");
}

/* Their ids stand in addresses, where a colon begins the name of a method. */
static void test_publications(void)
{
    make_id = firestore_publication_id;
    expect("50% #1", "50% #1");
    expect("ap/reuters", "~ap~2Freuters");
    expect("wire: asia", "~wire~3A asia");
    expect(":", "~~3A");
    make_id = firestore_word_id;
}

/* Stable over versions of newsmill: a changed id would count a word anew. */
static void test_hash_is_pinned(void)
{
    char word[1502];

    memset(word, 'x', sizeof word);
    struct buf id = id_of(word, 1501);
    CU_ASSERT_STRING_EQUAL(id.bytes,
                           "~#775e5307d08454596fb5fdc64dff00aa0affe72cc02e90b67b5dfdee688c0fba");
    buf_fini(&id);
    id = id_of(word, 1500);
    CU_ASSERT_EQUAL(id.length, 1500);
    buf_fini(&id);
    word[700] = '/'; /* 1500 bytes, but not with the escape */
    id = id_of(word, 1500);
    CU_ASSERT_EQUAL(id.length, 66);
    buf_fini(&id);
    id = id_of(word, 1497);
    CU_ASSERT_EQUAL(id.length, 1500);
    buf_fini(&id);
}

/* --- a property test ---------------------------------------------------------------------------
 */

struct pair {
    struct buf word, id;
};

static uint64_t state = 88172645463325252ull;

static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

/* Few different pieces, so that words close to each other and to escapes come often. */
static void make_word(struct buf *word)
{
    static const char *const pieces[] = {
        "~",   "/",  "#",  "%",  ".", "_",        ":", "3A", "__",  "7E",
        "2F",  "23", "~#", "~~", "a", "\xc3\xa9", " ", "\n", "~7E", "\xf0\x9f\x98\x80",
        "~2F", "25"};
    static const size_t lengths[] = {1, 2, 3, 4, 6, 8, 300, 1600};
    size_t pieces_wanted = draw(lengths[draw(draw(16) ? 6 : 8)] + 1);

    buf_init(word, 1 << 16);
    buf_append_text(word, "");
    for (size_t i = 0; i < pieces_wanted; i++)
        buf_append_text(word, pieces[draw(sizeof pieces / sizeof pieces[0])]);
}

static void check_allowed(const struct buf *id)
{
    bool reserved = id->length >= 4 && memcmp(id->bytes, "__", 2) == 0 &&
                    memcmp(id->bytes + id->length - 2, "__", 2) == 0;

    CU_ASSERT(id->length >= 1 && id->length <= FIRESTORE_ID_MAX_BYTES);
    CU_ASSERT(!memchr(id->bytes, '/', id->length) && !memchr(id->bytes, 0, id->length));
    CU_ASSERT(strcmp(id->bytes, ".") != 0 && strcmp(id->bytes, "..") != 0);
    CU_ASSERT(!reserved);
    CU_ASSERT(utf8_valid(id->bytes, id->length));
}

static void check_way_back(const struct pair *p)
{
    struct buf word;
    bool hashed = p->id.length == 66 && memcmp(p->id.bytes, "~#", 2) == 0;

    buf_init(&word, 1 << 16);
    buf_append_text(&word, "");
    CU_ASSERT_EQUAL(firestore_publication_key(p->id.bytes, p->id.length, &word),
                    hashed ? ERR_INPUT : 0);
    if (!hashed)
        CU_ASSERT(word.length == p->word.length &&
                  memcmp(word.bytes, p->word.bytes, word.length) == 0);
    buf_fini(&word);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct pair *)a)->id.bytes, ((const struct pair *)b)->id.bytes);
}

static void test_property(void)
{
    enum { WORDS = 60000 };
    struct pair *pairs = xcalloc(WORDS, sizeof *pairs);
    int hashed = 0, escaped = 0;

    for (int i = 0; i < WORDS; i++) {
        make_word(&pairs[i].word);
        pairs[i].id = id_of(pairs[i].word.bytes, pairs[i].word.length);
        check_allowed(&pairs[i].id);
        if (make_id == firestore_publication_id) {
            CU_ASSERT(!memchr(pairs[i].id.bytes, ':', pairs[i].id.length));
            check_way_back(&pairs[i]);
        }
        hashed += strncmp(pairs[i].id.bytes, "~#", 2) == 0;
        escaped += pairs[i].id.bytes[0] == '~';
    }
    CU_ASSERT(hashed > 100 && escaped > 10000 && escaped < WORDS - 1000);
    qsort(pairs, WORDS, sizeof *pairs, by_id);
    for (int i = 1; i < WORDS; i++)
        if (strcmp(pairs[i - 1].id.bytes, pairs[i].id.bytes) == 0)
            CU_ASSERT_STRING_EQUAL(pairs[i - 1].word.bytes, pairs[i].word.bytes);
    for (int i = 0; i < WORDS; i++) {
        buf_fini(&pairs[i].word);
        buf_fini(&pairs[i].id);
    }
    free(pairs);
}

static void test_property_of_publications(void)
{
    make_id = firestore_publication_id;
    test_property();
    make_id = firestore_word_id;
}

/* All ids of four of the bytes that matter: none stands for two words, or for the wrong one.
 */
static void test_foreign_ids(void)
{
    static const char bytes[] = "~/#%._7E2F3aA:";
    size_t count = sizeof bytes - 1;

    make_id = firestore_publication_id;
    for (size_t n = 0; n < count * count * count * count; n++) {
        char id[5] = {bytes[n % count], bytes[n / count % count], bytes[n / count / count % count],
                      bytes[n / count / count / count], 0};
        struct buf word;
        buf_init(&word, 100);
        buf_append_text(&word, "");
        if (firestore_publication_key(id, 4, &word) == 0)
            expect(word.bytes, id);
        buf_fini(&word);
    }
    make_id = firestore_word_id;
}

void suite_firestore_ids(void);

void suite_firestore_ids(void)
{
    CU_pSuite suite = CU_add_suite("firestore_ids", NULL, NULL);

    CU_add_test(suite, "examples", test_examples);
    CU_add_test(suite, "what is too long is hashed, always the same", test_hash_is_pinned);
    CU_add_test(suite, "of publications", test_publications);
    CU_add_test(suite, "allowed, without collision", test_property);
    CU_add_test(suite, "of publications: reversible, too", test_property_of_publications);
    CU_add_test(suite, "foreign ids are refused", test_foreign_ids);
}
