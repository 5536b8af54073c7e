/* rfc3339: see rfc3339.h. */
#include "rfc3339.h"

#include <string.h>
#include <time.h>

/* Reads `count` digits; -1 when they are not all there. */
static int read_digits(const char **at, int count)
{
    int value = 0;

    for (; count > 0; count--, (*at)++) {
        if (**at < '0' || **at > '9')
            return -1;
        value = 10 * value + **at - '0';
    }
    return value;
}

/* The offset behind the seconds: Z or +hh:mm; *seconds is what to take off. */
static bool parse_offset(const char *at, int64_t *seconds)
{
    *seconds = 0;
    if (*at == 'Z' || *at == 'z')
        return at[1] == 0;
    int sign = *at == '+' ? 1 : -1;
    if (*at != '+' && *at != '-')
        return false;
    at++;
    int hours = read_digits(&at, 2);
    if (hours < 0 || hours > 23 || *at++ != ':')
        return false;
    int minutes = read_digits(&at, 2);
    *seconds = (int64_t)sign * (hours * 3600 + minutes * 60);
    return minutes >= 0 && minutes <= 59 && *at == 0;
}

bool rfc3339_parse(const char *text, int64_t *seconds)
{
    static const struct {
        int digits, min, max;
        char before; /* what stands in front of it */
    } parts[6] = {{4, 1970, 9999, 0}, {2, 1, 12, '-'}, {2, 1, 31, '-'},
                  {2, 0, 23, 'T'},    {2, 0, 59, ':'}, {2, 0, 60, ':'}};
    const char *at = text;
    int values[6];
    int64_t offset;

    for (int i = 0; i < 6; i++) {
        if (parts[i].before && *at++ != parts[i].before)
            return false;
        values[i] = read_digits(&at, parts[i].digits);
        if (values[i] < parts[i].min || values[i] > parts[i].max)
            return false;
    }
    if (*at == '.') {
        size_t digits = strspn(++at, "0123456789");
        if (digits == 0)
            return false;
        at += digits;
    }
    if (!parse_offset(at, &offset))
        return false;
    struct tm when = {.tm_year = values[0] - 1900,
                      .tm_mon = values[1] - 1,
                      .tm_mday = values[2],
                      .tm_hour = values[3],
                      .tm_min = values[4],
                      .tm_sec = values[5]};
    *seconds = (int64_t)timegm(&when) - offset;
    return when.tm_mday == values[2]; /* timegm() makes 31 April the 1st of May */
}
