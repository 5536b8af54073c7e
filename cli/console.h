/* console: what the looking commands share in printing for people. */
#ifndef NEWSMILL_CONSOLE_H
#define NEWSMILL_CONSOLE_H

#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CONSOLE_TEXT_BYTES 32
#define CONSOLE_EXIT_USAGE 64

/* "850 ms", "12 s", "3 min", "5 h", "9 days" in `out`, which it returns; "-" below 0. */
const char *console_age(int64_t ms, char out[CONSOLE_TEXT_BYTES]);

/* "512 B", "3.4 MiB" */
const char *console_bytes(uint64_t bytes, char out[CONSOLE_TEXT_BYTES]);

/* "2026-11-24T01:14:49Z" (RFC 3339) from milliseconds since 1970 */
const char *console_time(int64_t ms, char out[CONSOLE_TEXT_BYTES]);

/* In place of fprintf(), for all that is not a constant: what a terminal would act on becomes
 * spaces, also the line feeds of an argument. Line feeds of the format stay where they begin or end
 * it. */
void console_printf(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
void console_vprintf(FILE *to, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* In place of getopt_long(), whose own messages hold the option as it was given. */
int console_getopt(int argc, char **argv, const char *letters, const struct option *options,
                   int *index);

/* Prints text from elsewhere as one line, without what a terminal would act on. */
void console_print(FILE *to, const char *text, size_t length);

/* Prints text as a JSON string; if it is not all UTF-8, what is not becomes question marks. */
void console_print_json(FILE *to, const char *text, size_t length);

/* Is all of stdout written? Returns `code`, or says that it is not and returns 1. */
int console_end(const char *command, int code);

/* Says `text` and where to look on stderr; returns 64. */
int console_usage(const char *command, const char *text);

#endif
