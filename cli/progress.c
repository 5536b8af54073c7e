/* progress: see progress.h. */
#include "cli/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/console.h"
#include "common/clock.h"

#define DRAW_EVERY_MS  200
#define PLAIN_EVERY_MS 10000
#define SMOOTH_MS      10000 /* rates are those of about the last ten seconds */
#define MAX_WIDTH      200
#define MIN_BAR        10
#define MAX_BAR        40
#define MAX_ETA_S      (100 * 3600)

static void format_time(int64_t seconds, char *out, size_t size)
{
    if (seconds >= 3600)
        snprintf(out, size, "%lld:%02d:%02d", (long long)(seconds / 3600), (int)(seconds / 60 % 60),
                 (int)(seconds % 60));
    else
        snprintf(out, size, "%d:%02d", (int)(seconds / 60), (int)(seconds % 60));
}

/* "12345 rows  3210/s  ETA 0:42", with the time taken where the end is not known. */
static void format_figures(const struct progress_state *s, char *out, size_t size)
{
    char time[32];
    bool known = s->total_bytes > 0 && s->bytes_per_s > 0 && s->bytes <= s->total_bytes;
    double eta_s = known ? (double)(s->total_bytes - s->bytes) / s->bytes_per_s : 0;

    if (known && eta_s < MAX_ETA_S)
        format_time((int64_t)(eta_s + 0.5), time, sizeof time);
    else
        format_time(s->elapsed_ms / 1000, time, sizeof time);
    snprintf(out, size, "%llu rows  %.0f/s  %s%s", (unsigned long long)s->rows, s->rows_per_s,
             known && eta_s < MAX_ETA_S ? "ETA " : "", time);
}

size_t progress_format(const struct progress_state *s, size_t width, char *out, size_t size)
{
    char figures[160], line[256], bar[MAX_BAR + 4] = "";
    double done = 0;

    format_figures(s, figures, sizeof figures);
    if (width > MAX_WIDTH)
        width = MAX_WIDTH;
    if (s->total_bytes > 0) {
        done = (double)s->bytes / (double)s->total_bytes;
        done = done > 1 ? 1 : done;
        size_t fixed = strlen("100% [] ") + strlen(figures) + 1;
        size_t room = width > fixed ? width - fixed : 0;
        room = room > MAX_BAR ? MAX_BAR : room;
        if (room >= MIN_BAR && !s->no_bar) {
            size_t full = (size_t)(done * (double)room);
            bar[0] = '[';
            memset(bar + 1, '#', full);
            memset(bar + 1 + full, '.', room - full);
            memcpy(bar + 1 + room, "] ", 3);
        }
        snprintf(line, sizeof line, "%3d%% %s%s", (int)(done * 100), bar, figures);
    } else {
        snprintf(line, sizeof line, "%s", figures);
    }
    if (strlen(line) > width)
        line[width] = 0;
    snprintf(out, size, "%s", line);
    return strlen(out);
}

void progress_start(struct progress *p, const char *name, uint64_t total_bytes)
{
    const char *term = getenv("TERM");

    *p = (struct progress){.name = name, .state.total_bytes = total_bytes};
    p->terminal = isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
    p->state.no_bar = !p->terminal;
    p->started_ms = p->drawn_ms = p->measured_ms = clock_ms();
}

static size_t terminal_width(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

static void erase(struct progress *p)
{
    if (p->drawn > 0)
        fprintf(stderr, "\r%*s\r", (int)p->drawn, ""); /* lint: spaces */
    p->drawn = 0;
}

static void draw(struct progress *p)
{
    char line[MAX_WIDTH + 1];
    size_t width = p->terminal ? terminal_width() : MAX_WIDTH;

    if (p->terminal) {
        /* One column less than there are: writing into the last one may wrap. */
        size_t length = progress_format(&p->state, width - 1, line, sizeof line);
        int rest = p->drawn > length ? (int)(p->drawn - length) : 0;
        fprintf(stderr, "\r%s%*s", line, rest, ""); /* lint: figures */
        p->drawn = length;
        fflush(stderr);
    } else {
        progress_format(&p->state, MAX_WIDTH, line, sizeof line);
        console_printf(stderr, "%s: %s\n", p->name, line);
    }
}

/* Moves the rates towards what they were since the last measurement. */
static void measure(struct progress *p, int64_t now)
{
    struct progress_state *s = &p->state;
    double passed_ms = (double)(now - p->measured_ms);

    if (passed_ms <= 0)
        return;
    double rows_per_s = (double)(s->rows - p->measured_rows) * 1000 / passed_ms;
    double bytes_per_s = (double)(s->bytes - p->measured_bytes) * 1000 / passed_ms;
    bool first = p->measured_ms == p->started_ms;
    double weight = first ? 1 : passed_ms / (passed_ms + SMOOTH_MS);
    s->rows_per_s += weight * (rows_per_s - s->rows_per_s);
    s->bytes_per_s += weight * (bytes_per_s - s->bytes_per_s);
    p->measured_ms = now;
    p->measured_rows = s->rows;
    p->measured_bytes = s->bytes;
}

void progress_update(struct progress *p, uint64_t rows, uint64_t bytes)
{
    int64_t now = clock_ms();

    p->state.rows = rows;
    p->state.bytes = bytes;
    p->state.elapsed_ms = now - p->started_ms;
    if (now - p->drawn_ms < (p->terminal ? DRAW_EVERY_MS : PLAIN_EVERY_MS))
        return;
    measure(p, now);
    p->drawn_ms = now;
    draw(p);
}

void progress_note(struct progress *p, const char *format, ...)
{
    bool drawn = p->drawn > 0;
    va_list args;

    erase(p);
    va_start(args, format);
    console_vprintf(stderr, format, args);
    va_end(args);
    fputs("\n", stderr);
    if (drawn)
        draw(p);
}

void progress_stop(struct progress *p)
{
    erase(p);
    fflush(stderr);
}
