/* typo: see typo.h. */
#include "typo.h"

#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t typo_distance(const char *a, const char *b)
{
    size_t row[TYPO_FAR], width = strlen(b);

    if (width >= TYPO_FAR || strlen(a) >= TYPO_FAR)
        return TYPO_FAR;
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 1; j <= width; j++) {
            size_t change = diagonal + (a[i] != b[j - 1]);
            diagonal = row[j];
            row[j] = least(change, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[width];
}
