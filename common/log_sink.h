/* log_sink: writes lines to stderr without ever waiting for whoever reads them: a reader that hangs
 * costs lines, not work. */
#ifndef NEWSMILL_LOG_SINK_H
#define NEWSMILL_LOG_SINK_H

#include <stdbool.h>
#include <stddef.h>

/* So much goes into a pipe in one piece or not at all (PIPE_BUF), so that the lines of several
 * processes never mix. */
#define LOG_SINK_MAX_BYTES 4096

/* Writes whole lines, at most LOG_SINK_MAX_BYTES. False: there is no room for them now. */
bool log_sink_write(const char *lines, size_t length);

#endif
