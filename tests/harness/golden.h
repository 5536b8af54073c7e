/* golden: texts with the tokens and entities that spaCy finds in them (tests/parity/make-golden).
 */
#ifndef NEWSMILL_GOLDEN_H
#define NEWSMILL_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>

#include "workers/ner/ner.h"

#define GOLDEN_EDGE "tests/parity/golden_edge.ndjson"

struct golden {
    struct golden_text {
        char *text;
        size_t length;
        void *json; /* the whole line, parsed */
    } * texts;
    size_t count;
};

/* Reads a file of lines {"content", "tokens", "entities"}. Returns 0, or -1 and says why on stdout.
 */
int golden_load(const char *path, struct golden *out);
void golden_free(struct golden *g);

/* Does the answer to this text agree with spaCy's? Prints the first difference. */
bool golden_same(const struct golden_text *t, const struct ner_model *model,
                 const struct ner_doc *doc);

/* Runs text number i through `ner`: does the answer agree? */
bool golden_run(const struct golden *g, size_t i, const struct ner_model *model, struct ner *ner);

#endif
