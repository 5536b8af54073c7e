/* strings: spaCy's string ids (StringStore) without the store: nobody here turns an id back. */
#ifndef NEWSMILL_STRINGS_H
#define NEWSMILL_STRINGS_H

#include <stddef.h>
#include <stdint.h>

/* The id of a string: 0 when empty, its number when it is a reserved symbol, else its hash. */
uint64_t string_id(const char *bytes, size_t length);

/* MurmurHash64A (Austin Appleby, public domain); ids use seed 1. */
uint64_t string_hash(const char *bytes, size_t length, uint64_t seed);

/* The number (1-456) of a reserved symbol (spacy/symbols.pyx), or 0; exact and case-sensitive.
 * In symbols.c. */
uint64_t symbol_id(const char *bytes, size_t length);

#endif
