/* The kernels' own tests (test_kernels.c) as aarch64 runs them, where a cross compiler and an
 * emulator are at hand. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness/harness.h"

void suite_kernels_aarch64(void);

#define LIMIT_MS (10 * 60 * 1000)

/* The program beside this one that the Makefile builds where there is a compiler for it. */
static void program(char path[], size_t size)
{
    ssize_t length = readlink("/proc/self/exe", path, size - 1);

    CU_ASSERT_TRUE_FATAL(length > 0);
    path[length] = 0;
    char *name = strrchr(path, '/') + 1;
    snprintf(name, size - (size_t)(name - path), "kernels-aarch64");
}

static const char *emulator(void)
{
    static const char *const names[] = {"/usr/bin/qemu-aarch64-static", "/usr/bin/qemu-aarch64"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (access(names[i], X_OK) == 0)
            return names[i];
    return NULL;
}

static void under_emulation(void)
{
#ifdef __aarch64__
    harness_skip("this is aarch64: the suite \"kernels\" has run on it");
    return;
#endif
    char path[4096], *output = NULL;
    const char *args[] = {path, NULL};

    program(path, sizeof path);
    if (access(path, X_OK) < 0 || !emulator()) {
        harness_skip("no aarch64 compiler or emulator; `make test-aarch64` installs them");
        return;
    }
    int code = proc_run(emulator(), NULL, args, true, &output, LIMIT_MS);
    CU_ASSERT_EQUAL(code, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(output);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "kernels: baseline\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "windows of every shape: passed"));
    if (code != 0)
        printf("\n%s\n", output);
    free(output);
}

void suite_kernels_aarch64(void)
{
    CU_pSuite suite = CU_add_suite("kernels_aarch64", NULL, NULL);

    CU_add_test(suite, "the kernels' tests under emulation", under_emulation);
}
