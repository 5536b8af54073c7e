/* request_id: see request_id.h. */
#include "request_id.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "common/err.h"

#define MADE_LENGTH 24

/* One read of randomness a process, not one a request: eight digits tell the processes apart, the
 * other sixteen are a counter, mixed so that nobody reads our traffic from it. */
static struct {
    bool begun;
    uint32_t process;
    uint64_t counter;
} series;

static void end_series(void)
{
    series.begun = false;
}

static void begin_series(void)
{
    static bool told;
    unsigned char random[12];

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        panic("getrandom: %s", strerror(errno));
    memcpy(&series.process, random, 4);
    memcpy(&series.counter, random + 4, 8);
    series.begun = true;
    if (!told && pthread_atfork(NULL, NULL, end_series) != 0) /* a fork must not go on with it */
        panic("pthread_atfork");
    told = true;
}

/* The output function of splitmix64 (Steele, Lea, Flood 2014): one to one, so that no two values of
 * the counter meet. */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static void write_hex(uint64_t value, int digits, char *out)
{
    for (int i = digits - 1; i >= 0; i--, value >>= 4)
        out[i] = "0123456789abcdef"[value & 15];
}

static unsigned sane_length(const char *text)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "-._~:/+=@";
    size_t length = strnlen(text, REQUEST_ID_MAX_LENGTH + 1);

    return length <= REQUEST_ID_MAX_LENGTH && strspn(text, safe) == length ? (unsigned)length : 0;
}

unsigned request_id_choose(const char *given, char out[REQUEST_ID_MAX_LENGTH + 1])
{
    unsigned length = given ? sane_length(given) : 0;

    if (length > 0) {
        memcpy(out, given, length + 1);
        return length;
    }
    if (!series.begun)
        begin_series();
    series.counter += 0x9e3779b97f4a7c15U;
    write_hex(series.process, 8, out);
    write_hex(mix(series.counter), MADE_LENGTH - 8, out + 8);
    out[MADE_LENGTH] = 0;
    return MADE_LENGTH;
}
