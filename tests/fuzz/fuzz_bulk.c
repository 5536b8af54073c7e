/* fuzz_bulk: the body of a bulk, as lines or an array, after gunzip where its first byte says so,
 * read in slices of any size. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "gateway/gunzip.h"
#include "tests/unit/bulk_model.h"

#define MAX_UNPACKED_BYTES 65536

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

/* A copy as long as its memory, so that a read past its end is seen. */
static void check(uint8_t flags, const char *bytes, size_t length, size_t slice)
{
    char *body = xmalloc(length + (length == 0));

    if (length > 0)
        memcpy(body, bytes, length);
    const char *wrong =
        bulk_model_check(flags & 1 ? BULK_ARRAY : BULK_LINES, flags & 2, body, length, slice);
    free(body);
    if (wrong)
        panic("%s", wrong);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf unpacked;
    enum gunzip_result result = GUNZIP_MORE;

    if (size < 2)
        return 0;
    const char *body = (const char *)data + 2;
    size_t slice = 1 + data[1];
    if (!(data[0] & 4)) {
        check(data[0], body, size - 2, slice);
        return 0;
    }
    struct gunzip *gunzip = gunzip_new(body, size - 2);
    buf_init(&unpacked, MAX_UNPACKED_BYTES);
    while (result == GUNZIP_MORE)
        result = gunzip_more(gunzip, slice, &unpacked);
    gunzip_free(gunzip);
    if (result == GUNZIP_END)
        check(data[0], unpacked.bytes, unpacked.length, slice);
    buf_fini(&unpacked);
    return 0;
}
