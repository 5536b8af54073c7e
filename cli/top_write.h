/* top_write: the three forms in which `newsmill top` prints: a table for people, CSV (RFC 4180),
 * and one JSON object a line. */
#ifndef NEWSMILL_TOP_WRITE_H
#define NEWSMILL_TOP_WRITE_H

#include <stdbool.h>
#include <stdio.h>

#include "store/store.h"

enum top_form { TOP_TABLE, TOP_CSV, TOP_JSON };

struct top_writer;

/* `to` is borrowed. `terminal`: what articles may have smuggled in is made harmless. */
struct top_writer *top_writer_new(FILE *to, enum top_form form, bool terminal);
void top_writer_free(struct top_writer *w);

/* For each publication: a start, its words in order, an end. */
void top_writer_start(struct top_writer *w, const struct store_publication *publication);
void top_writer_word(struct top_writer *w, const struct store_frequency *frequency);
void top_writer_end(struct top_writer *w);

#endif
