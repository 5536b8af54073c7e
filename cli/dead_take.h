/* dead_take: retry and purge of `newsmill dead`. */
#ifndef NEWSMILL_DEAD_TAKE_H
#define NEWSMILL_DEAD_TAKE_H

#include "cli/dead_list.h"
#include "cli/dead_options.h"

/* Takes the selected entries, or all there are now, out of the list and says what came of each.
 * Returns the exit code or ERR_AGAIN. */
int dead_take(struct dead_list *l, struct dead_options *o, struct err *e);

#endif
