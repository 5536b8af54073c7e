/* err: how a function that fails explains itself to its caller.
 *
 * A function that can fail returns 0 (or a count) on success and one of the negative codes below on
 * failure, with the text in the caller's `struct err`. The code is for deciding, the text is for
 * people. Libraries never log and never exit: only the top of a program does.
 */
#ifndef NEWSMILL_ERR_H
#define NEWSMILL_ERR_H

enum err_code {
    ERR_AGAIN = -1,  /* the world failed for now (network, lock, full disk): try later */
    ERR_INPUT = -2,  /* what was given is not as asked: an article, a file, a request */
    ERR_CONFIG = -3, /* settings or model: no retry can help, exit code 2 */
    ERR_FENCED = -4, /* Redis says that another process has taken over what we held */
    ERR_LIMIT = -5,  /* a stated ceiling would be passed */
    ERR_IN_USE = -6, /* another living process has our instance id */
};

struct err {
    int code;
    char text[480];
};

/* Sets code and text and returns the code, so that `return err_set(...)` reads well. The text may
 * quote e->text itself (to put words in front of a deeper message). */
int err_set(struct err *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "format: " in front of the text already there; keeps and returns the code. */
int err_prefix(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Out of memory and broken invariants of our own: prints the text and aborts. A supervised child
 * that aborts loses nothing, its items are still in its hold. */
void panic(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* malloc family that panics instead of returning NULL. Only for small things of our own: whatever
 * is sized by input passes a ceiling first. */
void *xmalloc(unsigned long size);
void *xcalloc(unsigned long count, unsigned long size);
void *xrealloc(void *block, unsigned long size);
char *xstrdup(const char *text);

#endif
