/* stop: TERM and INT become a flag and an fd; nothing else happens in a handler. */
#ifndef NEWSMILL_STOP_H
#define NEWSMILL_STOP_H

#include <stdbool.h>

/* Installs the handlers for TERM and INT (without SA_RESTART) and ignores PIPE. In each process
 * anew after a fork: the fd must not be shared with the parent. */
void stop_setup(void);

/* True once TERM or INT came. */
bool stop_asked(void);

/* Readable once TERM or INT came; for poll() and for libevent. Never read from it. */
int stop_fd(void);

/* Waits, but returns at once when a stop is asked for. */
void stop_sleep_ms(int ms);

#endif
