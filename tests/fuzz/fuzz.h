/* fuzz: what the libFuzzer targets share. */
#ifndef NEWSMILL_FUZZ_H
#define NEWSMILL_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "workers/ner/ner.h"

/* libFuzzer's two entrances. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_MODEL "var/models/en_core_web_sm"
/* Longer texts only repeat what shorter ones do, more slowly. */
#define FUZZ_MAX_TEXT_BYTES 4096

/* Ends the run, for libFuzzer to keep the input. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            panic("not so: %s (%s:%d)", #condition, __FILE__, __LINE__);                           \
    } while (0)

/* A copy of the input as valid UTF-8, at most FUZZ_MAX_TEXT_BYTES, exactly as long as its memory so
 * that a read past its end is seen; free() it. What is not UTF-8 becomes question marks. */
char *fuzz_text(const uint8_t *data, size_t size, size_t *length);

/* What holds of every answer: tokens in order, with nothing but single spaces between them, and
 * entities in order along them. */
void fuzz_check_doc(const struct ner_model *model, const char *text, size_t length,
                    const struct ner_doc *doc);

#endif
