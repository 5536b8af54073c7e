/* strings: see strings.h. */
#include "strings.h"

#include <string.h>

uint64_t string_id(const char *bytes, size_t length)
{
    if (length == 0)
        return 0;
    uint64_t symbol = symbol_id(bytes, length);
    return symbol ? symbol : string_hash(bytes, length, 1);
}

uint64_t string_hash(const char *bytes, size_t length, uint64_t seed)
{
    const uint64_t m = 0xc6a4a7935bd1e995;
    const int r = 47;
    uint64_t h = seed ^ (length * m);

    for (; length >= 8; length -= 8, bytes += 8) {
        uint64_t k; /* words are little-endian by definition, as is every machine we build for */
        memcpy(&k, bytes, 8);
        k *= m;
        k ^= k >> r;
        k *= m;
        h ^= k;
        h *= m;
    }
    if (length > 0) {
        uint64_t k = 0;
        for (size_t i = length; i-- > 0;)
            k = k << 8 | (unsigned char)bytes[i];
        h ^= k;
        h *= m;
    }
    h ^= h >> r;
    h *= m;
    return h ^ (h >> r);
}
