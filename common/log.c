/* log: see log.h. */
#include "log.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINES_A_SECOND 20

static struct {
    enum log_level least;
    const char *role;
    int slot; /* -1: the supervisor */
    bool json, journald;
} setup = {.least = LOG_INFO_LEVEL, .role = "newsmill", .slot = -1};

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

/* One event line as JSON: the fields stay one text, they were formatted for people. */
static int write_json(char *line, size_t size, const char *when, enum log_level level,
                      const char *event, const char *fields)
{
    cJSON *object = cJSON_CreateObject();
    int length = 0;

    cJSON_AddStringToObject(object, "time", when);
    cJSON_AddStringToObject(object, "level", names[level]);
    cJSON_AddStringToObject(object, "role", setup.role);
    if (setup.slot >= 0)
        cJSON_AddNumberToObject(object, "slot", setup.slot);
    cJSON_AddStringToObject(object, "event", event);
    cJSON_AddStringToObject(object, "fields", fields);
    if (cJSON_PrintPreallocated(object, line, (int)size - 2, 0))
        length = (int)strlen(line);
    cJSON_Delete(object);
    return length;
}

static void write_line(enum log_level level, const char *event, const char *fields)
{
    char line[2048], when[64], slot[16] = "";
    struct timespec now;
    struct tm utc;
    int length;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t day = strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(when + day, sizeof when - day, ".%03ldZ", now.tv_nsec / 1000000);
    if (setup.slot >= 0)
        snprintf(slot, sizeof slot, "[%d]", setup.slot);
    if (setup.json)
        length = write_json(line, sizeof line, when, level, event, fields);
    else if (setup.journald)
        length = snprintf(line, sizeof line - 1, "<%d>%s%s %s %s", priorities[level], setup.role,
                          slot, event, fields);
    else
        length = snprintf(line, sizeof line - 1, "%s %s %s%s %s %s", when, names[level], setup.role,
                          slot, event, fields);
    if (length > (int)sizeof line - 2)
        length = (int)sizeof line - 2;
    for (int i = 0; i < length; i++) /* a line is a line, whatever Redis or a file name said */
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = ' ';
    line[length++] = '\n';
    /* One write: lines of several processes never mix. A full pipe loses the line, not the work. */
    if (write(STDERR_FILENO, line, (size_t)length) < 0)
        return;
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
