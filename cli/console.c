/* console: see console.h. */
#include "cli/console.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "cli/printable.h"
#include "common/err.h"
#include "common/json.h"
#include "common/utf8.h"

const char *console_age(int64_t ms, char out[CONSOLE_TEXT_BYTES])
{
    static const struct {
        int64_t from_ms, unit_ms;
        const char *unit;
    } steps[] = {{2 * 86400000ll, 86400000, "days"},
                 {2 * 3600000, 3600000, "h"},
                 {2 * 60000, 60000, "min"},
                 {1000, 1000, "s"},
                 {0, 1, "ms"}};

    snprintf(out, CONSOLE_TEXT_BYTES, "-");
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && ms >= 0; i++) {
        if (ms >= steps[i].from_ms) {
            snprintf(out, CONSOLE_TEXT_BYTES, "%lld %s", (long long)(ms / steps[i].unit_ms),
                     steps[i].unit);
            break;
        }
    }
    return out;
}

const char *console_bytes(uint64_t bytes, char out[CONSOLE_TEXT_BYTES])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    snprintf(out, CONSOLE_TEXT_BYTES, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return out;
}

const char *console_time(int64_t ms, char out[CONSOLE_TEXT_BYTES])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm when;

    if (!gmtime_r(&seconds, &when) || !strftime(out, CONSOLE_TEXT_BYTES, "%FT%TZ", &when))
        snprintf(out, CONSOLE_TEXT_BYTES, "-");
    return out;
}

static void print(FILE *to, const char *text, size_t length,
                  int (*append)(struct buf *, const char *, size_t))
{
    struct buf line;

    buf_init(&line, 6 * length + 64); /* an escape has six bytes */
    if (append(&line, text, length) < 0)
        panic("%zu bytes passed their ceiling", length);
    fwrite(line.bytes, 1, line.length, to);
    buf_fini(&line);
}

void console_print(FILE *to, const char *text, size_t length)
{
    if (length)
        print(to, text, length, printable_append);
}

void console_print_json(FILE *to, const char *text, size_t length)
{
    struct buf mended;

    if (utf8_valid(text, length)) {
        print(to, text, length, json_append_string);
        return;
    }
    buf_init(&mended, length + 64);
    printable_append(&mended, text, length);
    print(to, mended.bytes, mended.length, json_append_string);
    buf_fini(&mended);
}

int console_end(const char *command, int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "newsmill %s: stdout: %s\n", command, strerror(errno));
    return 1;
}

int console_usage(const char *command, const char *text)
{
    fprintf(stderr, "newsmill %s: %s. Try: newsmill %s --help\n", command, text, command);
    return CONSOLE_EXIT_USAGE;
}
