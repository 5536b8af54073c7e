/* log: see log.h. */
#include "log.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log_sink.h"

#define LINES_A_SECOND 20

static struct {
    enum log_level least;
    const char *role;
    int slot; /* -1: the supervisor */
    bool json, journald;
} setup = {.least = LOG_INFO_LEVEL, .role = "newsmill", .slot = -1};

#define LOG_TIME_BYTES 40

static const char *const names[] = {"debug", "info", "warn", "error"};
static const int priorities[] = {7, 6, 4, 3}; /* syslog(3) */

void log_setup(const char *role, const char *level, const char *format)
{
    setup.role = role;
    for (int i = 0; i < 4; i++)
        if (strcmp(names[i], level) == 0)
            setup.least = (enum log_level)i;
    setup.json = strcmp(format, "json") == 0;
    setup.journald = getenv("JOURNAL_STREAM") != NULL;
}

void log_set_slot(int slot)
{
    setup.slot = slot;
}

/* RFC 3339 with milliseconds; the part up to the second is made once a second. */
static void write_time(char out[LOG_TIME_BYTES])
{
    static char second[LOG_TIME_BYTES];
    static time_t made = -1;
    struct timespec now;
    struct tm utc;

    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != made) {
        gmtime_r(&now.tv_sec, &utc);
        strftime(second, sizeof second, "%Y-%m-%dT%H:%M:%S.000Z", &utc);
        made = now.tv_sec;
    }
    memcpy(out, second, sizeof second);
    int ms = (int)(now.tv_nsec / 1000000);
    char *digits = strchr(out, '.') + 1;
    digits[0] = (char)('0' + ms / 100);
    digits[1] = (char)('0' + ms / 10 % 10);
    digits[2] = (char)('0' + ms % 10);
}

size_t log_begin(char *line, size_t size, enum log_level level, const char *event, bool json)
{
    char when[LOG_TIME_BYTES], slot[32] = "";
    int length;

    write_time(when);
    if (setup.slot >= 0)
        snprintf(slot, sizeof slot, json ? ",\"slot\":%d" : "[%d]", setup.slot);
    if (json)
        length = snprintf(line, size,
                          "{\"time\":\"%s\",\"level\":\"%s\",\"role\":\"%s\"%s,\"event\":\"%s\"",
                          when, names[level], setup.role, slot, event);
    else if (setup.journald)
        length = snprintf(line, size, "<%d>%s%s %s", priorities[level], setup.role, slot, event);
    else
        length = snprintf(line, size, "%s %s %s%s %s", when, names[level], setup.role, slot, event);
    return length < (int)size ? (size_t)length : size - 1;
}

/* One event line as JSON: the fields stay one text, they were formatted for people. */
static size_t add_json(char *line, size_t size, size_t length, const char *fields)
{
    cJSON *text = cJSON_CreateString(fields);

    length += (size_t)snprintf(line + length, size - length, ",\"fields\":");
    if (cJSON_PrintPreallocated(text, line + length, (int)(size - length) - 4, 0))
        length += strlen(line + length);
    else
        length += (size_t)snprintf(line + length, size - length, "\"\"");
    cJSON_Delete(text);
    return length + (size_t)snprintf(line + length, size - length, "}");
}

static void write_line(enum log_level level, const char *event, const char *fields)
{
    static unsigned lost;
    char line[2048];
    size_t length = log_begin(line, sizeof line - 8, level, event, setup.json);

    if (setup.json)
        length = add_json(line, sizeof line - 1, length, fields);
    else
        length += (size_t)snprintf(line + length, sizeof line - 1 - length, " %s", fields);
    if (length > sizeof line - 2)
        length = sizeof line - 2;
    for (size_t i = 0; i < length; i++) /* a line is a line, whatever Redis or a file name said */
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = ' ';
    line[length++] = '\n';
    if (!log_sink_write(line, length)) {
        lost++; /* the line, not the work */
    } else if (lost) {
        unsigned count = lost;
        lost = 0;
        snprintf(line, sizeof line, "lines=%u reason=\"nobody read them\"", count);
        write_line(LOG_WARN_LEVEL, "log.lost", line);
    }
}

void log_line(struct log_site *site, enum log_level level, const char *event, const char *format,
              ...)
{
    char fields[1536];
    struct timespec now;
    va_list args;

    if (level < setup.least)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec != site->second) {
        unsigned dropped = site->dropped;
        *site = (struct log_site){.second = now.tv_sec};
        if (dropped) {
            snprintf(fields, sizeof fields, "of=%s lines=%u", event, dropped);
            write_line(level, "log.dropped", fields);
        }
    }
    if (++site->lines > LINES_A_SECOND) {
        site->dropped++;
        return;
    }
    va_start(args, format);
    vsnprintf(fields, sizeof fields, format, args);
    va_end(args);
    write_line(level, event, fields);
}
