/* conf_table: the one list of settings; parsing, --print-config and the docs are made from it. */
#ifndef NEWSMILL_CONF_TABLE_H
#define NEWSMILL_CONF_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum conf_type { CONF_TEXT, CONF_INTEGER, CONF_CHOICE };

struct conf_row {
    const char *section, *name;
    enum conf_type type;
    size_t offset; /* of the value in struct conf: char * or int64_t */
    const char *fallback;
    int64_t min, max;    /* CONF_INTEGER */
    const char *choices; /* CONF_CHOICE: words separated by spaces */
    const char *unit;    /* "" where none */
    int secret;          /* 1: a password inside is masked when printed */
    int fixed;           /* 1: a reload does not change it, only a restart */
    const char *help;
};

extern const struct conf_row conf_table[];
extern const size_t conf_table_length;

#endif
