/* config_file: a spaCy config.cfg, an INI file whose values are JSON (confection's dialect). */
#ifndef NEWSMILL_NER_CONFIG_FILE_H
#define NEWSMILL_NER_CONFIG_FILE_H

#include <cjson/cJSON.h>

#include "common/err.h"

struct config_file;

/* Returns 0 or ERR_CONFIG naming file and line. */
int config_file_open(const char *directory, const char *name, struct config_file **out,
                     struct err *e);
void config_file_close(struct config_file *c);

/* The value at a dotted path, "nlp.tokenizer.@tokenizers", whether it stands under a section of its
 * own ([nlp.tokenizer]) or inside a JSON value ([nlp] tokenizer = {…}). A value that is one
 * ${section.key} or ${section:key} is followed. *out is the caller's (cJSON_Delete()), NULL where
 * there is no such value. Returns 0 or ERR_CONFIG naming the file and the field. */
int config_file_get(const struct config_file *c, const char *path, cJSON **out, struct err *e);

/* The same for a string, copied into out[size]; "" where there is no such value. */
int config_file_string(const struct config_file *c, const char *path, char *out, size_t size,
                       struct err *e);

#endif
