/* bulk_model: what must hold of gateway/bulk_parse.c for any body; for the unit tests and
 * fuzz_bulk. */
#ifndef NEWSMILL_BULK_MODEL_H
#define NEWSMILL_BULK_MODEL_H

#include "gateway/bulk_parse.h"

/* Small, so that small bodies reach it. */
#define BULK_MODEL_MAX_CONTENT 200

/* Reads the body in slices of `slice` bytes and compares: with reading it at once, with
 * article_parse() of each line, and with json_scan() of the whole. NULL: all is well; else what is
 * not. */
const char *bulk_model_check(enum bulk_kind kind, bool window, const char *body, size_t length,
                             size_t slice);

#endif
