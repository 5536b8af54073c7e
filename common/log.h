/* log: event lines on stderr: `time level role[slot] event key=value …` (logfmt), or JSON.
 *
 * The event's name comes first and never changes; what varies goes into the fields. The text of
 * articles is never logged. Under journald (JOURNAL_STREAM is set) lines start with a priority and
 * carry no time. A line that stderr has no room for is lost and counted; nobody waits for it. */
#ifndef NEWSMILL_LOG_H
#define NEWSMILL_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_DEBUG_LEVEL, LOG_INFO_LEVEL, LOG_WARN_LEVEL, LOG_ERROR_LEVEL };

struct log_site { /* one per call place, for the rate limit */
    long second;
    unsigned lines, dropped;
};

/* level: "debug" "info" "warn" "error"; format: "logfmt" "json". Unknown words keep the default. */
void log_setup(const char *role, const char *level, const char *format);
void log_set_slot(int slot); /* in a child after the fork */

/* `format` makes the fields, "key=%s other=%d"; a value with spaces is written key=\"%s\". At most
 * 20 lines a second from one place, then one line with how many were left out. */
void log_line(struct log_site *site, enum log_level level, const char *event, const char *format,
              ...) __attribute__((format(printf, 4, 5)));

/* For a log with lines of its own: writes what a line starts with, up to its first field and
 * without a closing brace. Returns its length. */
size_t log_begin(char *line, size_t size, enum log_level level, const char *event, bool json);

#define log_at(level, ...)                                                                         \
    do {                                                                                           \
        static struct log_site site_;                                                              \
        log_line(&site_, level, __VA_ARGS__);                                                      \
    } while (0)
#define log_debug(...) log_at(LOG_DEBUG_LEVEL, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO_LEVEL, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN_LEVEL, __VA_ARGS__)
#define log_error(...) log_at(LOG_ERROR_LEVEL, __VA_ARGS__)

#endif
