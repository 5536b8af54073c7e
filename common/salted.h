/* salted: places in hash tables that nobody outside can foresee. Keys come from texts; with a hash
 * that is public, a text could be made whose keys all fall into one place, and each look-up would
 * walk over all of them. */
#ifndef NEWSMILL_SALTED_H
#define NEWSMILL_SALTED_H

#include <stddef.h>
#include <stdint.h>

/* A random odd number. */
uint64_t salted_new(void);

/* The place of a key among 2^bits, bits from 1 to 63: the high bits of a product with the salt
 * (multiplicative hashing, Dietzfelbinger et al. 1997). Its other bits depend only on what is below
 * them in the key. The second product breaks up keys in even steps, which one product may keep. */
static inline size_t salted_slot(uint64_t key, uint64_t salt, unsigned bits)
{
    uint64_t product = key * salt;

    return (size_t)((product ^ product >> 32) * salt >> (64 - bits));
}

/* A polynomial in the salt over the prime 2^61 - 1, seven bytes a term, made to 32 bits as above:
 * two texts meet for few salts only (Carter and Wegman 1979). */
uint32_t salted_hash(const char *bytes, size_t length, uint64_t salt);

#endif
