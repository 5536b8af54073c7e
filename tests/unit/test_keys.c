/* API keys: reading the file, checking, expiry, making one. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/keys.h"
#include "tests/harness/harness.h"

/* SHA-256 of "abc" (FIPS 180-4's example) and of "secret". */
#define ABC    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SECRET "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"

static char path[300];

static void write_file(const char *text)
{
    snprintf(path, sizeof path, "%s/keys", harness_dir());
    FILE *file = fopen(path, "w");
    CU_ASSERT_FATAL(file != NULL);
    fputs(text, file);
    fclose(file);
}

static struct keys *load(const char *text)
{
    struct keys *k;
    struct err e;

    write_file(text);
    if (keys_load(path, &k, &e) < 0)
        fprintf(stderr, "\n  %s\n", e.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(k);
    return k;
}

static const char *check(const struct keys *k, const char *key)
{
    long index = keys_find(k, key, strlen(key));
    struct keys_entry entry;

    if (index < 0)
        return "";
    keys_entry(k, (size_t)index, &entry);
    return entry.name;
}

static void test_check(void)
{
    struct keys *k = load("# people\n\nann " ABC "  # hers\nbob\t" SECRET "\r\n");

    CU_ASSERT_EQUAL(keys_count(k), 2);
    CU_ASSERT_STRING_EQUAL(check(k, "abc"), "ann");
    CU_ASSERT_STRING_EQUAL(check(k, "secret"), "bob");
    CU_ASSERT_STRING_EQUAL(check(k, "ab"), "");
    CU_ASSERT_STRING_EQUAL(check(k, "abc "), "");
    CU_ASSERT_STRING_EQUAL(check(k, ""), "");
    CU_ASSERT_STRING_EQUAL(check(k, ABC), "");
    keys_free(k);
    /* One key under two names: the one that lasts counts. */
    k = load("old " ABC " 2020-01-01T00:00:00Z\nnew " ABC "\nother " SECRET "\n");
    CU_ASSERT_STRING_EQUAL(check(k, "abc"), "new");
    keys_free(k);
    k = load("new " ABC "\nold " ABC " 2020-01-01T00:00:00Z\n");
    CU_ASSERT_STRING_EQUAL(check(k, "abc"), "new");
    keys_free(k);
    k = load("");
    CU_ASSERT_EQUAL(keys_count(k), 0);
    CU_ASSERT_STRING_EQUAL(check(k, "abc"), "");
    keys_free(k);
    keys_free(NULL);
    harness_end();
}

static void test_expiry(void)
{
    struct keys *k =
        load("past " ABC " 2001-09-09T01:46:40Z\nnext " SECRET " 2999-12-31T23:59:59.5+01:00\n");

    CU_ASSERT_STRING_EQUAL(check(k, "abc"), "");
    CU_ASSERT_STRING_EQUAL(check(k, "secret"), "next");
    keys_free(k);
    harness_end();
}

static void refused(const char *text, const char *part)
{
    struct keys *k;
    struct err e;

    write_file(text);
    CU_ASSERT_EQUAL(keys_load(path, &k, &e), ERR_CONFIG);
    if (!strstr(e.text, part))
        fprintf(stderr, "\n  got: %s\n", e.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, part));
    CU_ASSERT_PTR_NULL(k);
    harness_end();
}

static void test_refused(void)
{
    struct keys *k;
    struct err e;

    refused("ann\n", "keys:1: NAME");
    refused("ann " ABC " 2030-01-01T00:00:00Z more\n", "keys:1: NAME");
    refused("\na/b " ABC "\n", "keys:2: a name");
    refused("ann abc\n", "64 hex");
    refused("ann " ABC "0\n", "64 hex");
    refused("ann g" SECRET "\n", "64 hex");
    refused("ann " ABC " 2030-01-01\n", "not a time");
    refused("ann " ABC " 2030-02-30T00:00:00Z\n", "not a time");
    refused("ann " ABC " 2030-01-01T24:00:00Z\n", "not a time");
    refused("ann " ABC " 2030-01-01T00:00:00\n", "not a time");
    refused("ann " ABC " 2030-01-01T00:00:00Zx\n", "not a time");
    refused("ann " ABC " 2030-01-01T00:00:00+1:00\n", "not a time");
    refused("ann " ABC "\nann " SECRET "\n", "keys:2: the name ann is there twice");
    CU_ASSERT_EQUAL(keys_load("/nonexistent/keys", &k, &e), ERR_CONFIG);
}

/* All lines but three of a full file, and then `more`. */
static void refused_big(const char *more, const char *part)
{
    static char text[KEYS_MAX * 80 + 1000];
    size_t length = 0;

    for (int i = 1; i < KEYS_MAX - 2; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "n%d " ABC "\n", i);
    snprintf(text + length, sizeof text - length, "%s", more);
    refused(text, part);
}

static void test_big(void)
{
    char *comments = malloc(KEYS_MAX_FILE_BYTES + 2);
    struct keys *k;
    struct err e;

    refused_big("n5000 " ABC "\n", "keys:9998: the name n5000 is there twice");
    refused_big("n9 " ABC "\nn8 " ABC "\nn9 " ABC "\n", "keys:9998: the name n9 is there twice");
    refused_big("m " ABC "\no " ABC "\np " ABC "\nq " ABC "\n", "more than 10000 keys");
    for (size_t i = 0; i < KEYS_MAX_FILE_BYTES + 1; i++)
        comments[i] = i % 100 == 99 ? '\n' : '#';
    comments[KEYS_MAX_FILE_BYTES + 1] = 0;
    refused(comments, "longer than");
    comments[KEYS_MAX_FILE_BYTES] = 0;
    k = load(comments);
    CU_ASSERT_EQUAL(keys_count(k), 0);
    keys_free(k);
    free(comments);
    harness_end();
    /* Nobody writes into it: it would not be read to its end. */
    snprintf(path, sizeof path, "%s/pipe", harness_dir());
    CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
    CU_ASSERT_EQUAL(keys_load(path, &k, &e), ERR_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "no regular file"));
    harness_end();
}

static void test_create(void)
{
    char first[KEYS_KEY_BYTES], second[KEYS_KEY_BYTES];
    struct stat info;
    struct keys *k;
    struct err e;

    snprintf(path, sizeof path, "%s/new", harness_dir());
    CU_ASSERT_EQUAL_FATAL(keys_create(path, "ann", first, &e), 0);
    CU_ASSERT(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600);
    CU_ASSERT_EQUAL(keys_create(path, "ann", second, &e), ERR_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "ann already"));
    CU_ASSERT_EQUAL(keys_create(path, "a b", second, &e), ERR_INPUT);
    CU_ASSERT_EQUAL(keys_create(path, "", second, &e), ERR_INPUT);
    CU_ASSERT_EQUAL_FATAL(keys_create(path, "bob", second, &e), 0);
    CU_ASSERT_STRING_NOT_EQUAL(first, second);
    CU_ASSERT_EQUAL_FATAL(keys_load(path, &k, &e), 0);
    CU_ASSERT_EQUAL(keys_count(k), 2);
    CU_ASSERT_STRING_EQUAL(check(k, first), "ann");
    CU_ASSERT_STRING_EQUAL(check(k, second), "bob");
    keys_free(k);
    harness_end();

    write_file("old " ABC); /* the last line lacks its end */
    CU_ASSERT_EQUAL_FATAL(keys_create(path, "new", first, &e), 0);
    CU_ASSERT_EQUAL_FATAL(keys_load(path, &k, &e), 0);
    CU_ASSERT_STRING_EQUAL(check(k, "abc"), "old");
    CU_ASSERT_STRING_EQUAL(check(k, first), "new");
    keys_free(k);
    harness_end();

    write_file("wrong\n");
    CU_ASSERT_EQUAL(keys_create(path, "new", first, &e), ERR_CONFIG);
    harness_end();
}

static void not_added(const char *name, const char *key, const char *part)
{
    struct err e;

    CU_ASSERT_EQUAL(keys_add(path, name, key, strlen(key), &e), ERR_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, part));
}

static void test_add(void)
{
    char made[KEYS_KEY_BYTES], longest[KEYS_MAX_LENGTH + 2];
    struct keys_entry entry;
    struct keys *k;
    struct err e;

    write_file("secret " SECRET " 2999-12-31T23:59:59Z\n");
    CU_ASSERT_EQUAL_FATAL(keys_add(path, "old", "an-existing-key-of-theirs", 25, &e), 0);
    CU_ASSERT_EQUAL_FATAL(keys_create(path, "made", made, &e), 0);
    not_added("old", "another-existing-key", "old already");
    not_added("other", "an-existing-key-of-theirs", "this key already, as old");
    not_added("other", made, "this key already, as made");
    not_added("other", "letters", "8 to 512 characters");
    not_added("other", "with a space in the key", "without spaces");
    not_added("other", "with-\xc3\xa9-in-the-key", "ASCII");
    not_added("a b", "another-existing-key", "a name is");
    memset(longest, 'x', sizeof longest);
    longest[KEYS_MAX_LENGTH + 1] = 0;
    not_added("other", longest, "this one 513");
    CU_ASSERT_EQUAL(keys_add(path, "long", longest, KEYS_MAX_LENGTH, &e), 0);
    CU_ASSERT_EQUAL_FATAL(keys_load(path, &k, &e), 0);
    CU_ASSERT_EQUAL(keys_count(k), 4);
    CU_ASSERT_STRING_EQUAL(check(k, "an-existing-key-of-theirs"), "old");
    keys_entry(k, 0, &entry);
    CU_ASSERT_STRING_EQUAL(entry.name, "secret");
    CU_ASSERT_STRING_EQUAL(entry.hash, SECRET);
    CU_ASSERT_EQUAL(entry.expires_s, 32503679999);
    keys_entry(k, 1, &entry);
    CU_ASSERT_STRING_EQUAL(entry.name, "old");
    CU_ASSERT_EQUAL(entry.expires_s, KEYS_NEVER);
    keys_free(k);
    harness_end();
}

void suite_keys(void);

void suite_keys(void)
{
    CU_pSuite suite = CU_add_suite("keys", NULL, NULL);

    CU_add_test(suite, "check", test_check);
    CU_add_test(suite, "expiry", test_expiry);
    CU_add_test(suite, "what is refused", test_refused);
    CU_add_test(suite, "big files", test_big);
    CU_add_test(suite, "create", test_create);
    CU_add_test(suite, "add", test_add);
}
