/* fault_hook: lets the integration tests make a worker crash or hang over one article, or a saver
 * over one batch. Does nothing unless NEWSMILL_TEST_FAULTS is set in the environment. */
#ifndef NEWSMILL_FAULT_HOOK_H
#define NEWSMILL_FAULT_HOOK_H

#include <stddef.h>

/* Reads the environment; once, before the first item. */
void fault_hook_setup(void);
/* Dereferences NULL if the text has "fault: crash" in it, never returns if it has "fault: hang",
 * ends the process by SIGKILL as somebody else would if it has "fault: kill", takes 400 MB if it
 * has "fault: grow", does what UBSan finds if it has "fault: undefined". */
void fault_hook(const char *text, size_t length);

#endif
