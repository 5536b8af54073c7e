/* model_dir: what a spaCy model directory says about itself, and whether this engine can run it. */
#ifndef NEWSMILL_NER_MODEL_DIR_H
#define NEWSMILL_NER_MODEL_DIR_H

#include "common/err.h"

#define MODEL_DIR_NAME_BYTES 128

struct model_dir {
    const char *path;                   /* as given, borrowed */
    char ner[MODEL_DIR_NAME_BYTES];     /* folder of the component with factory "ner" */
    char tok2vec[MODEL_DIR_NAME_BYTES]; /* folder of the encoder it listens to; "": its own */
};

/* Reads config.cfg, vocab/vectors.cfg and the component's cfg. Returns 0, or ERR_CONFIG with file
 * and field for whatever is missing or not supported: rather refused than guessed. */
int model_dir_check(const char *directory, struct model_dir *out, struct err *e);

#endif
