/* fault_hook: see fault_hook.h. */
#include "fault_hook.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "err.h"

#define GROW_BYTES (400u << 20)

static bool wanted;
static char *volatile grown;
static volatile int too_far = 40, shifted;

void fault_hook_setup(void)
{
    wanted = getenv("NEWSMILL_TEST_FAULTS") != NULL;
}

static bool has(const char *text, size_t length, const char *marker)
{
    return memmem(text, length, marker, strlen(marker)) != NULL;
}

void fault_hook(const char *text, size_t length)
{
    if (!wanted)
        return;
    if (has(text, length, "fault: crash"))
        *(volatile int *)NULL = 1;
    while (has(text, length, "fault: hang"))
        pause();
    if (has(text, length, "fault: kill"))
        kill(getpid(), SIGKILL);
    if (has(text, length, "fault: grow") && !grown) {
        grown = xmalloc(GROW_BYTES);
        memset(grown, 1, GROW_BYTES);
    }
    if (has(text, length, "fault: undefined"))
        shifted = 1 << too_far;
}
