/* progress: how far a long command is, on stderr: one line redrawn on a terminal, else a plain line
 * every 10 s. No colours and no escape sequences, so NO_COLOR has nothing to switch off. */
#ifndef NEWSMILL_PROGRESS_H
#define NEWSMILL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress_state {
    uint64_t rows;
    uint64_t bytes, total_bytes; /* of the input; total 0: not known */
    double rows_per_s, bytes_per_s;
    int64_t elapsed_ms;
    bool no_bar;
};

/* Writes one line of at most `width` columns, with a bar where one is wanted, there is room for it
 * and the total is known. Returns its length. */
size_t progress_format(const struct progress_state *state, size_t width, char *out, size_t size);

struct progress {
    const char *name; /* of the command, for plain lines */
    bool terminal;
    int64_t started_ms, drawn_ms, measured_ms;
    size_t drawn; /* columns on the screen now */
    struct progress_state state;
    uint64_t measured_rows, measured_bytes;
};

void progress_start(struct progress *p, const char *name, uint64_t total_bytes);

/* Draws when it is time to. */
void progress_update(struct progress *p, uint64_t rows, uint64_t bytes);

/* Prints a line that stays, above the bar. */
void progress_note(struct progress *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Takes the bar off the screen. */
void progress_stop(struct progress *p);

#endif
