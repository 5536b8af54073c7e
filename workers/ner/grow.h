/* grow: room in an array that only ever gets larger. */
#ifndef NEWSMILL_GROW_H
#define NEWSMILL_GROW_H

#include <stddef.h>

#include "common/err.h"

/* Returns the block, moved if need be, with room for at least `need` items of `size` bytes. The
 * caller sees to a ceiling of `need`. */
static inline void *grow_to(void *block, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity)
        return block;
    size_t wanted = *capacity ? *capacity * 2 : 256;
    *capacity = wanted > need ? wanted : need;
    return xrealloc(block, *capacity * size);
}

#endif
