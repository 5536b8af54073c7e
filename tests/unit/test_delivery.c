/* Blocks and their delivery: how rows are cut, which keys they get, what is sent after which
 * answer. A small gateway of this test's own keeps the bodies it got by key, as the real one does.
 */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/delivery.h"

#define MAX_KEYS 1000

static struct {
    char key[BLOCK_KEY_BYTES];
    char *body;
} memory[MAX_KEYS];
static int memory_count;
static int counted; /* rows that this gateway put on its list */
static int requests;
static char refused[1000]; /* "LINE+COUNT: why\n" of what was refused */

static void forget(void)
{
    for (int i = 0; i < memory_count; i++)
        free(memory[i].body);
    memory_count = counted = 0;
}

static void on_refused(void *context, const struct block_row *row, int count, const char *why)
{
    size_t length = strlen(refused);

    (void)context;
    snprintf(refused + length, sizeof refused - length, "%llu+%d: %s\n",
             (unsigned long long)row->line, count, why);
}

/* What the gateway makes of a parcel. */
static void serve(struct delivery *d, const struct parcel *p)
{
    const struct block_row *first = &p->block->rows[p->first], *last = first + p->count - 1;
    size_t length = last->start + last->length - first->start;
    char *body = strndup(p->block->body.bytes + first->start, length);
    char key[BLOCK_KEY_BYTES];
    int at = 0;

    requests++;
    block_key(p->block, p->first, NULL, 0, key);
    while (at < memory_count && strcmp(memory[at].key, key) != 0)
        at++;
    if (at < memory_count && strcmp(memory[at].body, body) != 0) {
        delivery_refused_whole(d, p, true, "another body");
        free(body);
        return;
    }
    bool is_new = at == memory_count;
    if (is_new) {
        CU_ASSERT_FATAL(memory_count < MAX_KEYS);
        snprintf(memory[at].key, sizeof memory[at].key, "%s", key);
        memory[memory_count++].body = strdup(body);
    }
    for (int i = 0; i < p->count; i++) {
        const struct block_row *row = first + i;
        if (strstr(p->block->body.bytes + row->start, "\"BAD") ==
            p->block->body.bytes + row->start + strlen("{\"content\":")) {
            delivery_refused(d, p, i, "bad");
            continue;
        }
        counted += is_new;
        delivery_accepted(d, !is_new);
    }
    delivery_done(d, p);
    free(body);
}

/* Rows 1 to `count`, of which `odd` has another text: NULL is no article at all. Stops after
 * `limit` requests. */
static void deliver(int count, int odd, const char *text, int limit)
{
    struct delivery_options options = {
        .max_blocks = 4, .max_bytes = 1 << 20, .refused = on_refused};
    struct delivery *d = delivery_new(&options);
    struct block *block = NULL;
    struct parcel parcel;
    char content[32];

    requests = 0;
    refused[0] = 0;
    for (int i = 1; i <= count; i++) {
        struct row row = {.name = "f", .number = (uint64_t)i, .line = (uint64_t)i};
        snprintf(content, sizeof content, "row %d", i);
        row.article =
            (struct article){.content = i == odd && text ? text : content, .publication = "p"};
        row.article.content_length = strlen(row.article.content);
        block = block ? block : block_new();
        if (i != odd || text)
            CU_ASSERT_EQUAL(block_add(block, &row, 100), 0);
        if (block_is_full(block, row.number) || i == count) {
            while (!delivery_has_room(d) && requests < limit && delivery_next(d, &parcel))
                serve(d, &parcel);
            delivery_add(d, block);
            block = NULL;
        }
    }
    block_free(block);
    while (requests < limit && delivery_next(d, &parcel))
        serve(d, &parcel);
    CU_ASSERT(requests == limit || delivery_is_empty(d));
    delivery_free(d);
}

static void test_whole(void)
{
    deliver(400, 0, NULL, 1000);
    CU_ASSERT_EQUAL(counted, 400);
    CU_ASSERT_EQUAL(requests, 4);
    deliver(400, 0, NULL, 1000);
    CU_ASSERT_EQUAL(counted, 400);
    CU_ASSERT_EQUAL(requests, 4);
    forget();
}

static void test_tail(void)
{
    for (int count = 0; count <= 101; count += count == 2 ? 96 : 1) {
        deliver(count, 0, NULL, 1000);
        CU_ASSERT_EQUAL(counted, count);
        CU_ASSERT_EQUAL(requests, count / 100 + count % 100);
        forget();
    }
}

/* From any length to any other, whatever was sent before it broke. */
static void test_grows(void)
{
    for (int from = 0; from <= 210; from += 7)
        for (int limit = 1; limit < 120; limit += 13) {
            deliver(from, 0, NULL, limit);
            deliver(from + 3, 0, NULL, 1000);
            deliver(310, 0, NULL, limit);
            deliver(310, 0, NULL, 1000);
            CU_ASSERT_EQUAL(counted, 310);
            CU_ASSERT_EQUAL(refused[0], 0);
            forget();
        }
}

/* A row that was no article is one now. */
static void test_put_right(void)
{
    for (int odd = 2; odd <= 100; odd += 14)
        for (int limit = 1; limit < 200; limit += 33) {
            deliver(250, odd, NULL, limit);
            deliver(250, odd, NULL, 1000);
            CU_ASSERT_EQUAL(counted, 249);
            deliver(250, 0, NULL, 1000);
            CU_ASSERT_EQUAL(counted, 250);
            CU_ASSERT_EQUAL(refused[0], 0);
            forget();
        }
}

/* What the gateway would refuse goes by itself from the start. */
static void test_doubtful(void)
{
    char text[102];

    memset(text, 'x', 101);
    memcpy(text, "BAD", 3);
    text[101] = 0;
    deliver(250, 7, text, 1000);
    CU_ASSERT_EQUAL(counted, 249);
    CU_ASSERT_STRING_EQUAL(refused, "7+1: bad\n");
    deliver(250, 0, NULL, 1000);
    CU_ASSERT_EQUAL(counted, 250);
    CU_ASSERT_EQUAL(refused[0], 0);
    forget();
    deliver(100, 7, "BAD", 1000); /* not to be foreseen */
    CU_ASSERT_EQUAL(counted, 99);
    CU_ASSERT_EQUAL(requests, 1);
    CU_ASSERT_STRING_EQUAL(refused, "7+1: bad\n");
    forget();
}

/* Rows of a block that was sent whole: none is counted twice. */
static void test_changed(void)
{
    deliver(250, 0, NULL, 1000);
    deliver(250, 107, "another", 1000);
    CU_ASSERT_EQUAL(counted, 250);
    CU_ASSERT_PTR_NOT_NULL(strstr(refused, "101+100: sent before together"));
    deliver(150, 0, NULL, 1000); /* it was cut short */
    CU_ASSERT_EQUAL(counted, 250);
    CU_ASSERT_PTR_NOT_NULL(strstr(refused, "101+50: sent before together"));
    deliver(250, 107, NULL, 1000);
    CU_ASSERT_EQUAL(counted, 250);
    forget();
    deliver(250, 207, "one", 1000); /* in the tail rows stand for themselves */
    deliver(250, 207, "two", 1000);
    CU_ASSERT_EQUAL(counted, 251);
    CU_ASSERT_EQUAL(refused[0], 0);
    forget();
}

/* The limit that block.h states: the first row is the key of its block. */
static void test_first_changed(void)
{
    deliver(100, 0, NULL, 1000);
    deliver(100, 1, "another", 1000);
    CU_ASSERT_EQUAL(counted, 200);
    forget();
}

static void test_order(void)
{
    struct delivery_options options = {
        .max_blocks = 4, .max_bytes = 1 << 20, .refused = on_refused};
    struct delivery *d = delivery_new(&options);
    struct block *block = block_new();
    struct row row = {.name = "f",
                      .article = {.content = "c", .content_length = 1, .publication = "p"}};
    struct parcel parcels[4];

    for (row.number = 1; row.number <= 3; row.number++)
        CU_ASSERT_EQUAL(block_add(block, &row, 100), 0);
    delivery_add(d, block);
    CU_ASSERT(delivery_next(d, &parcels[0])); /* the first row alone, */
    CU_ASSERT_FALSE(delivery_next(d, &parcels[1]));
    delivery_accepted(d, false);
    delivery_done(d, &parcels[0]);
    CU_ASSERT(delivery_next(d, &parcels[1])); /* then the others at once */
    CU_ASSERT(delivery_next(d, &parcels[2]));
    CU_ASSERT_FALSE(delivery_next(d, &parcels[3]));
    CU_ASSERT_EQUAL(parcels[2].first, 2);
    delivery_refused_whole(d, &parcels[2], false, "no");
    CU_ASSERT_FALSE(delivery_is_empty(d));
    delivery_accepted(d, false);
    delivery_done(d, &parcels[1]);
    CU_ASSERT(delivery_is_empty(d));
    delivery_free(d);
    refused[0] = 0;
}

static void test_ceilings(void)
{
    struct block *block = block_new();
    size_t length = 5 << 20;
    char *text = malloc(length + 1);
    struct row row = {.name = "f", .number = 1, .article = {.content = text, .publication = "p"}};

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    memset(text, 'x', length);
    text[length] = 0;
    row.article.content_length = length;
    CU_ASSERT_EQUAL(block_add(block, &row, length), 0);
    CU_ASSERT_FALSE(block_is_full(block, row.number++));
    CU_ASSERT_EQUAL(block_add(block, &row, length), 0);
    CU_ASSERT(block_is_full(block, row.number));
    CU_ASSERT_FALSE(block_is_whole(block));
    block_free(block);
    free(text);
}

void suite_delivery(void);

void suite_delivery(void)
{
    CU_pSuite suite = CU_add_suite("delivery", NULL, NULL);

    CU_add_test(suite, "whole blocks", test_whole);
    CU_add_test(suite, "what is left", test_tail);
    CU_add_test(suite, "the input grows", test_grows);
    CU_add_test(suite, "a row is put right", test_put_right);
    CU_add_test(suite, "doubtful rows", test_doubtful);
    CU_add_test(suite, "changed rows", test_changed);
    CU_add_test(suite, "a changed first row", test_first_changed);
    CU_add_test(suite, "order", test_order);
    CU_add_test(suite, "ceilings", test_ceilings);
}
