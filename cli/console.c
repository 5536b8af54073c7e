/* console: see console.h. */
#include "cli/console.h"

#include <errno.h>
#include <stdlib.h>
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

void console_vprintf(FILE *to, const char *format, va_list args)
{
    size_t end = strlen(format), first = strspn(format, "\n"), last = 0;
    char *text = NULL;
    int length = vasprintf(&text, format, args);

    if (length < 0)
        panic("out of memory for a message");
    while (end - last > first && format[end - 1 - last] == '\n')
        last++;
    fwrite(text, 1, first, to);
    console_print(to, text + first, (size_t)length - first - last);
    fwrite(text + (size_t)length - last, 1, last, to);
    free(text);
}

void console_printf(FILE *to, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    console_vprintf(to, format, args);
    va_end(args);
}

int console_getopt(int argc, char **argv, const char *letters, const struct option *options,
                   int *index)
{
    opterr = 0;
    int option = getopt_long(argc, argv, letters, options, index);
    if (option != '?')
        return option;
    const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
    const char *command = strcmp(name, "newsmill") == 0 ? "" : " ", *given = argv[optind - 1];
    char letter[] = {'-', (char)optopt, 0};

    if (optopt > 0 && optopt < 0x80 && strncmp(given, "--", 2) != 0)
        given = letter;
    console_printf(stderr, "newsmill%s%s: %s: no such option, or an argument too many or too few\n",
                   command, *command ? name : "", given);
    return option;
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
    console_printf(stderr, "newsmill %s: stdout: %s\n", command, strerror(errno));
    return 1;
}

int console_usage(const char *command, const char *text)
{
    console_printf(stderr, "newsmill %s: %s. Try: newsmill %s --help\n", command, text, command);
    return CONSOLE_EXIT_USAGE;
}
