/* cli_fixture: a farm, and what `newsmill` says about it. */
#ifndef NEWSMILL_CLI_FIXTURE_H
#define NEWSMILL_CLI_FIXTURE_H

#include "tests/harness/harness.h"

extern struct farm cli_farm;
extern char *cli_output; /* of the last command, stdout and stderr */

void cli_begin(void);  /* starts Redis only */
void cli_finish(void); /* ends all of it */

/* Runs `newsmill` with words separated by spaces; returns its exit code. */
int cli_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The code it returned is `code`, and the output has `part`. */
void cli_expect(int got, int code, const char *part);

/* A number in the JSON of the output at "a.b"; -1 where there is none. */
double cli_number(const char *path);
/* Lines of the output, each an object of JSON; -1 where one is not. */
int cli_json_lines(void);

/* An item goes on the articles list. */
void cli_push(const char *item, size_t length);
/* A batch of one article goes on the results list, counted as a worker's settle would. */
void cli_push_batch(int id, long long at_ms);

#endif
