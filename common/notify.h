/* notify: what systemd is told (sd_notify(3)); without systemd all of it does nothing. */
#ifndef NEWSMILL_NOTIFY_H
#define NEWSMILL_NOTIFY_H

#include <stdint.h>

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));
void notify_watchdog(void);

/* Half of WatchdogSec in ms; 0: no watchdog is wanted. */
int64_t notify_watchdog_ms(void);

#endif
