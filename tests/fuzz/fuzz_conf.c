/* fuzz_conf: a settings file, parsed and printed. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/conf.h"
#include "fuzz.h"

static int file;
static FILE *sink;
static char path[64];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    file = memfd_create("conf", 0);
    sink = fopen("/dev/null", "w");
    if (file < 0 || !sink)
        panic("no memory file");
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf_sources from = {.file = path};
    struct conf conf;
    struct err e;

    if (ftruncate(file, 0) < 0 || pwrite(file, data, size, 0) != (ssize_t)size)
        panic("the memory file is full");
    int rc = conf_load(&from, &conf, &e);
    FUZZ_CHECK(rc == 0 || rc == ERR_CONFIG);
    if (rc == 0) {
        conf_print(&conf, sink);
        conf_fini(&conf);
    } else {
        FUZZ_CHECK(strlen(e.text) > 0);
    }
    return 0;
}
