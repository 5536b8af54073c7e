/* access_log: see access_log.h. Whatever a client sent is cut to length and escaped: a line is one
 * line, and JSON stays JSON. */
#include "access_log.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "common/log_sink.h"
#include "http.h"

#define MAX_WAITING_BYTES 65536
#define MAX_LINE_BYTES    LOG_SINK_MAX_BYTES
#define MAX_METHOD        32 /* of what the client sent, before escaping */
#define MAX_PATH          256
#define MAX_AGENT         128

struct access_log {
    bool json;
    _Atomic uint64_t *lost;
    size_t length;
    char bytes[MAX_WAITING_BYTES]; /* whole lines */
};

/* A line in the making. Its fields have ceilings that fit. */
struct line {
    bool json;
    size_t length;
    char bytes[MAX_LINE_BYTES];
};

struct access_log *access_log_open(const char *form, _Atomic uint64_t *lost)
{
    struct access_log *log;

    if (strcmp(form, "off") == 0)
        return NULL;
    log = xmalloc(sizeof *log);
    log->json = strcmp(form, "json") == 0;
    log->lost = lost;
    log->length = 0;
    return log;
}

void access_log_flush(struct access_log *log)
{
    size_t done = 0;

    if (!log)
        return;
    while (done < log->length) {
        const char *start = log->bytes + done;
        size_t length = log->length - done;
        if (length > LOG_SINK_MAX_BYTES)
            length = (size_t)((const char *)memrchr(start, '\n', LOG_SINK_MAX_BYTES) - start) + 1;
        if (!log_sink_write(start, length)) {
            length = (size_t)((const char *)memchr(start, '\n', length) - start) + 1;
            if (!log_sink_write(start, length)) /* no room for one line either */
                break;
        }
        done += length;
    }
    log->length -= done;
    memmove(log->bytes, log->bytes + done, log->length);
}

void access_log_close(struct access_log *log)
{
    access_log_flush(log);
    free(log);
}

static void put(struct line *line, const char *text, size_t length)
{
    memcpy(line->bytes + line->length, text, length);
    line->length += length;
}

static void put_name(struct line *line, const char *name)
{
    put(line, line->json ? ",\"" : " ", line->json ? 2 : 1);
    put(line, name, strlen(name));
    put(line, line->json ? "\":" : "=", line->json ? 2 : 1);
}

static void put_number(struct line *line, const char *name, uint64_t number)
{
    char digits[24], *at = digits + sizeof digits;

    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    put_name(line, name);
    put(line, at, (size_t)(digits + sizeof digits - at));
}

/* Milliseconds with three decimals. */
static void put_duration(struct line *line, const char *name, int64_t us)
{
    char decimals[4] = {'.', (char)('0' + us % 1000 / 100), (char)('0' + us % 100 / 10),
                        (char)('0' + us % 10)};

    put_number(line, name, (uint64_t)(us / 1000));
    put(line, decimals, sizeof decimals);
}

/* In quotes. Anything but visible ASCII and spaces becomes \u00xx, byte by byte: what a client
 * sends need not be UTF-8, nor what it seems to a terminal. */
static void put_text(struct line *line, const char *name, const char *text, size_t max_length)
{
    char escape[8];

    put_name(line, name);
    put(line, "\"", 1);
    for (; *text && max_length > 0; text++, max_length--) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20 || byte >= 0x7f)
            put(line, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", byte));
        else if (byte == '"' || byte == '\\')
            put(line, (char[]){'\\', *text}, 2);
        else
            put(line, text, 1);
    }
    put(line, "\"", 1);
}

/* What has no byte to escape. */
static void put_word(struct line *line, const char *name, const char *word)
{
    put_name(line, name);
    if (line->json || !*word)
        put(line, "\"", 1);
    put(line, word, strlen(word));
    if (line->json || !*word)
        put(line, "\"", 1);
}

void access_log_add(struct access_log *log, struct http_exchange *x, const struct http_result *r,
                    const char *key)
{
    const struct head *head = http_head(x);
    const char *agent;
    struct line line;

    if (!log)
        return;
    line.json = log->json;
    line.length =
        log_begin(line.bytes, sizeof line.bytes, LOG_INFO_LEVEL, "http.request", log->json);
    agent = head_find(head, "User-Agent");
    put_word(&line, "request", http_request_id(x));
    put_word(&line, "client", r->address);
    put_text(&line, "method", head->method ? head->method : "", MAX_METHOD);
    put_text(&line, "path", head->path ? head->path : "", MAX_PATH);
    put_number(&line, "status", (uint64_t)r->status);
    put_number(&line, "in", r->bytes_in);
    put_number(&line, "out", r->bytes_out);
    put_duration(&line, "ms", r->duration_us);
    put_word(&line, "key", key);
    put_text(&line, "agent", agent ? agent : "", MAX_AGENT);
    put(&line, line.json ? "}\n" : "\n", line.json ? 2 : 1);
    if (log->length + line.length > MAX_WAITING_BYTES) {
        atomic_fetch_add_explicit(log->lost, 1, memory_order_relaxed);
        return;
    }
    memcpy(log->bytes + log->length, line.bytes, line.length);
    log->length += line.length;
    if (log->length >= LOG_SINK_MAX_BYTES)
        access_log_flush(log);
}
