/* salted: see salted.h. */
#include "salted.h"

#include <string.h>
#include <sys/random.h>

#define PRIME      ((1ull << 61) - 1)
#define TERM_BYTES 7

uint64_t salted_new(void)
{
    uint64_t salt;

    if (getrandom(&salt, sizeof salt, GRND_NONBLOCK) != sizeof salt)
        salt =
            (uint64_t)(uintptr_t)&salt * 0x9e3779b97f4a7c15; /* early in the start of a machine */
    return salt | 1;
}

/* a * b modulo the prime, of numbers below 2^62. */
static uint64_t multiply(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    uint64_t sum = (uint64_t)(product & PRIME) + (uint64_t)(product >> 61);

    return sum >= PRIME ? sum - PRIME : sum;
}

uint32_t salted_hash(const char *bytes, size_t length, uint64_t salt)
{
    uint64_t at = salt >> 3, sum = length + 1;

    while (length > 0) {
        size_t size = length < TERM_BYTES ? length : TERM_BYTES;
        uint64_t term = 0;
        memcpy(&term, bytes, size);
        sum = multiply(sum, at) + term;
        bytes += size;
        length -= size;
    }
    return (uint32_t)salted_slot(multiply(sum, at), salt, 32);
}
