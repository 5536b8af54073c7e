/* raw: bytes of our own choosing sent to the gateway, and what comes back. */
#ifndef NEWSMILL_RAW_H
#define NEWSMILL_RAW_H

#include <stdbool.h>
#include <stddef.h>

#define RAW_TIMEOUT_MS 15000 /* after which a gateway that says nothing hangs */

int raw_dial(int port);
int raw_dial_to(const char *address, int port); /* IPv4 */
/* As far as the other side takes it; what is wrong shows in the answer. `step` bytes a segment, 0:
 * all at once. */
void raw_send(int fd, const char *bytes, size_t length, size_t step);

/* Reads until so many answers or the end are there. `bodiless`: as to HEAD. Returns the statuses
 * and the end as text, "100 201 end", or "… hangs". The text lives until the next call. */
const char *raw_hear(int fd, int wanted, bool bodiless);
/* What raw_hear() has read, NUL-terminated. */
const char *raw_heard(void);

#endif
