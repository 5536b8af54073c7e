/* The instance file: what is kept from one start to the next, and what a spoilt file leads to. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/instance.h"
#include "tests/harness/harness.h"

static void take(const char *dir, struct instance *instance)
{
    struct err e;

    CU_ASSERT_EQUAL_FATAL(instance_take(dir, "workers", instance, &e), 0);
    close(instance->fd); /* as if it had died */
    CU_ASSERT_EQUAL(strspn(instance->id, "0123456789abcdef"), 16);
}

static void write_file(const char *dir, const char *text)
{
    char path[300];

    snprintf(path, sizeof path, "%s/workers.instance", dir);
    FILE *file = fopen(path, "r+e");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
    CU_ASSERT_EQUAL(truncate(path, (off_t)strlen(text)), 0);
}

/* However many starts there are, each trusts as many before it as there is room for. */
static void test_tokens(void)
{
    const char *dir = harness_dir();
    struct instance now, before, file;

    CU_ASSERT_FALSE(instance_read(dir, "workers", &file));
    take(dir, &before);
    CU_ASSERT_EQUAL(strlen(before.tokens), 16);
    for (int i = 2; i < INSTANCE_TOKENS + 4; i++) {
        size_t count = (size_t)(i < INSTANCE_TOKENS ? i : INSTANCE_TOKENS);
        take(dir, &now);
        CU_ASSERT_STRING_EQUAL(now.id, before.id);
        CU_ASSERT_EQUAL(strlen(now.tokens), count * INSTANCE_ID_BYTES - 1);
        CU_ASSERT_EQUAL(strncmp(now.tokens + INSTANCE_ID_BYTES, before.tokens,
                                (count - 1) * INSTANCE_ID_BYTES - 1),
                        0);
        CU_ASSERT_TRUE(instance_read(dir, "workers", &file));
        CU_ASSERT_STRING_EQUAL(file.tokens, now.tokens);
        before = now;
    }
    harness_end();
}

static void test_renew(void)
{
    const char *dir = harness_dir();
    struct instance first, now, file;
    struct err e;

    CU_ASSERT_EQUAL_FATAL(instance_take(dir, "workers", &first, &e), 0);
    now = first;
    CU_ASSERT_EQUAL(instance_renew(&now, &e), 0);
    CU_ASSERT_STRING_NOT_EQUAL(now.id, first.id);
    CU_ASSERT_STRING_EQUAL(now.tokens, first.tokens);
    CU_ASSERT_TRUE(instance_read(dir, "workers", &file));
    CU_ASSERT_STRING_EQUAL(file.id, now.id);
    close(first.fd);
    harness_end();
}

/* A machine or a file that is not the one it was made for, an earlier boot, and nonsense. */
static void test_spoilt(void)
{
    const char *dir = harness_dir();
    struct instance first, now;
    char place[17], line[100];

    take(dir, &first);
    write_file(dir, "0123456789abcdef 0123456789abcdef 0123456789abcdef 0123456789abcdef\n");
    take(dir, &now);
    CU_ASSERT_STRING_EQUAL(now.copied, "0123456789abcdef");
    CU_ASSERT_STRING_NOT_EQUAL(now.id, now.copied);
    CU_ASSERT_EQUAL(strlen(now.tokens), 16);

    snprintf(line, sizeof line, "%s/workers.instance", dir);
    FILE *file = fopen(line, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fscanf(file, "%*s %16s", place), 1);
    fclose(file);
    snprintf(line, sizeof line, "0123456789abcdef %s 0123456789abcdef 0123456789abcdef\n", place);
    write_file(dir, line); /* another boot: its token is not trusted */
    take(dir, &now);
    CU_ASSERT_STRING_EQUAL(now.copied, "");
    CU_ASSERT_STRING_EQUAL(now.id, "0123456789abcdef");
    CU_ASSERT_EQUAL(strlen(now.tokens), 16);

    static const char *const nonsense[] = {"", "\n", "0123456789abcde", "0123456789abcdef0",
                                           "0123456789ABCDEF"};
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        write_file(dir, nonsense[i]);
        take(dir, &now);
        CU_ASSERT_STRING_EQUAL(now.copied, "");
        CU_ASSERT_STRING_NOT_EQUAL(now.id, "0123456789abcdef");
    }
    harness_end();
}

void suite_instance(void);
void suite_instance(void)
{
    CU_pSuite s = CU_add_suite("instance", NULL, NULL);

    CU_add_test(s, "tokens of earlier starts", test_tokens);
    CU_add_test(s, "a new id", test_renew);
    CU_add_test(s, "files that were copied, old or spoilt", test_spoilt);
}
