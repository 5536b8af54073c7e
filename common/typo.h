/* typo: how far a word is from the one that was meant. */
#ifndef NEWSMILL_TYPO_H
#define NEWSMILL_TYPO_H

#include <stddef.h>

#define TYPO_FAR 127

/* Levenshtein distance in bytes; TYPO_FAR where a word has that many or more. */
size_t typo_distance(const char *a, const char *b);

#endif
