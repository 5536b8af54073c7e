/* conf: settings from file, environment and options into struct conf. See conf.h. */
#include "conf.h"

#include <confuse.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf_table.h"
#include "typo.h"

#define MAX_SECTIONS 16

static char **text_at(struct conf *c, const struct conf_row *row)
{
    return (char **)((char *)c + row->offset);
}

static int64_t *integer_at(struct conf *c, const struct conf_row *row)
{
    return (int64_t *)((char *)c + row->offset);
}

static bool is_choice(const char *choices, const char *word)
{
    size_t length = strlen(word);

    for (const char *c = choices; *c; c += strcspn(c, " "), c += *c == ' ')
        if (strcspn(c, " ") == length && length > 0 && memcmp(c, word, length) == 0)
            return true;
    return false;
}

static void note_origin(struct conf *c, const struct conf_row *row, const char *where)
{
    char **origin = &c->origins[row - conf_table];

    free(*origin);
    *origin = xstrdup(where);
}

/* Sets one value; `where` names its origin. */
static int set(struct conf *c, const struct conf_row *row, const char *value, const char *where,
               struct err *e)
{
    note_origin(c, row, where);
    if (row->type == CONF_INTEGER) {
        char *end;
        errno = 0;
        long long number = strtoll(value, &end, 10);
        if (end == value || *end || errno || number < row->min || number > row->max)
            return err_set(e, ERR_CONFIG,
                           "%s: %s.%s = %s: a whole number%s%s from %lld to %lld is wanted", where,
                           row->section, row->name, value, *row->unit ? " of " : "", row->unit,
                           (long long)row->min, (long long)row->max);
        *integer_at(c, row) = number;
        return 0;
    }
    if (row->type == CONF_CHOICE && !is_choice(row->choices, value))
        return err_set(e, ERR_CONFIG, "%s: %s.%s = %s: one of these is wanted: %s", where,
                       row->section, row->name, value, row->choices);
    free(*text_at(c, row));
    *text_at(c, row) = xstrdup(value);
    return 0;
}

static int unknown_key(const char *where, const char *key, struct err *e)
{
    size_t best = TYPO_FAR + 1;
    char nearest[128] = "", name[128];

    for (size_t i = 0; i < conf_table_length; i++) {
        snprintf(name, sizeof name, "%s.%s", conf_table[i].section, conf_table[i].name);
        size_t d = typo_distance(key, name);
        if (d < best) {
            best = d;
            memcpy(nearest, name, sizeof nearest);
        }
    }
    return err_set(e, ERR_CONFIG, "%s: there is no setting %s; the nearest is %s", where, key,
                   nearest);
}

static const struct conf_row *find(const char *section, size_t section_length, const char *name)
{
    for (size_t i = 0; i < conf_table_length; i++)
        if (strlen(conf_table[i].section) == section_length &&
            memcmp(conf_table[i].section, section, section_length) == 0 &&
            strcmp(conf_table[i].name, name) == 0)
            return &conf_table[i];
    return NULL;
}

/* --- the file ------------------------------------------------------------------------------- */

/* libconfuse's callbacks carry no context; a process loads one file at a time. */
static struct {
    struct conf *conf;
    struct err *e;
    const char *path;
    bool failed;
} parsing;

static void on_file_error(cfg_t *cfg, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void on_file_error(cfg_t *cfg, const char *format, va_list args)
{
    char text[256], name[101], key[160], where[300];

    if (parsing.failed)
        return; /* the first error is the one to tell */
    parsing.failed = true;
    vsnprintf(text, sizeof text, format, args);
    snprintf(where, sizeof where, "%s:%d", parsing.path, cfg->line);
    if (sscanf(text, "no such option '%100[^']'", name) == 1) {
        bool top = !cfg->name || strcmp(cfg->name, "root") == 0;
        snprintf(key, sizeof key, "%.40s%s%s", top ? "" : cfg->name, top ? "" : ".", name);
        unknown_key(where, key, parsing.e);
    } else {
        err_set(parsing.e, ERR_CONFIG, "%s: %s", where, text);
    }
}

static int on_file_value(cfg_t *cfg, cfg_opt_t *opt)
{
    char where[300];
    const struct conf_row *row = find(cfg->name, strlen(cfg->name), opt->name);

    snprintf(where, sizeof where, "%s:%d", parsing.path, cfg->line);
    if (!row || set(parsing.conf, row, cfg_opt_getnstr(opt, 0), where, parsing.e) < 0) {
        parsing.failed = true;
        return -1;
    }
    return 0;
}

static int load_file(struct conf *c, const char *path, struct err *e)
{
    cfg_opt_t sections[MAX_SECTIONS + 1];
    cfg_opt_t options[MAX_SECTIONS][32];
    size_t section_count = 0, option_count = 0;

    for (size_t i = 0; i < conf_table_length; i++) {
        const struct conf_row *row = &conf_table[i];
        bool first = i == 0 || strcmp(row->section, conf_table[i - 1].section) != 0;
        if (first) {
            option_count = 0;
            cfg_opt_t section = CFG_SEC(row->section, options[section_count], CFGF_NONE);
            sections[section_count++] = section;
        }
        cfg_opt_t option = CFG_STR(row->name, NULL, CFGF_NODEFAULT), end = CFG_END();
        options[section_count - 1][option_count++] = option;
        options[section_count - 1][option_count] = end;
    }
    cfg_opt_t end = CFG_END();
    sections[section_count] = end;

    cfg_t *cfg = cfg_init(sections, CFGF_NONE);
    if (!cfg)
        panic("out of memory for settings");
    parsing.conf = c;
    parsing.e = e;
    parsing.path = path;
    parsing.failed = false;
    cfg_set_error_function(cfg, on_file_error);
    for (size_t i = 0; i < conf_table_length; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s|%s", conf_table[i].section, conf_table[i].name);
        cfg_set_validate_func(cfg, name, on_file_value);
    }
    int parsed = cfg_parse(cfg, path);
    cfg_free(cfg);
    if (parsed == CFG_FILE_ERROR)
        return err_set(e, ERR_CONFIG, "%s: cannot be read: %s", path, strerror(errno));
    if (parsed != CFG_SUCCESS && !parsing.failed)
        return err_set(e, ERR_CONFIG, "%s: cannot be parsed", path);
    return parsing.failed ? ERR_CONFIG : 0;
}

/* --- environment and options ---------------------------------------------------------------- */

static int load_environment(struct conf *c, struct err *e)
{
    for (size_t i = 0; i < conf_table_length; i++) {
        char name[128];
        int length = snprintf(name, sizeof name, "NEWSMILL_%s_%s", conf_table[i].section,
                              conf_table[i].name);
        for (int k = 0; k < length; k++)
            name[k] = (char)toupper((unsigned char)name[k]);
        const char *value = getenv(name);
        if (value && set(c, &conf_table[i], value, name, e) < 0)
            return e->code;
    }
    return 0;
}

static int load_option(struct conf *c, const char *option, struct err *e)
{
    char key[128];
    const char *equals = strchr(option, '='), *dot = strchr(option, '.');

    if (!equals || !dot || dot > equals || (size_t)(equals - option) >= sizeof key)
        return err_set(e, ERR_CONFIG, "-o %s: section.key=value is wanted", option);
    memcpy(key, option, (size_t)(equals - option));
    key[equals - option] = 0;
    const struct conf_row *row = find(option, (size_t)(dot - option), key + (dot - option) + 1);
    return row ? set(c, row, equals + 1, "-o", e) : unknown_key("-o", key, e);
}

int conf_load(const struct conf_sources *from, struct conf *out, struct err *e)
{
    const char *file = from->file;
    int code = 0;

    *out = (struct conf){.origins = xcalloc(conf_table_length, sizeof *out->origins)};
    for (size_t i = 0; i < conf_table_length; i++)
        if (set(out, &conf_table[i], conf_table[i].fallback, "built-in", e) < 0)
            panic("%s", e->text);
    if (!file && access("newsmill.conf", R_OK) == 0)
        file = "newsmill.conf";
    if (file)
        code = load_file(out, file, e);
    if (code == 0)
        code = load_environment(out, e);
    for (int i = 0; code == 0 && i < from->option_count; i++)
        code = load_option(out, from->options[i], e);
    if (code < 0)
        conf_fini(out);
    return code;
}

void conf_fini(struct conf *c)
{
    for (size_t i = 0; i < conf_table_length; i++)
        if (conf_table[i].type != CONF_INTEGER)
            free(*text_at(c, &conf_table[i]));
    for (size_t i = 0; c->origins && i < conf_table_length; i++)
        free(c->origins[i]);
    free(c->origins);
    *c = (struct conf){0};
}

/* --- printing ------------------------------------------------------------------------------- */

/* Where the password of a url begins: scheme://user:PASSWORD@… or scheme://PASSWORD@…; NULL: it has
 * none. `at` is its last '@', as rds_parse_url() has it. */
static const char *find_password(const char *url, const char *at)
{
    if (!at)
        return NULL;
    const char *scheme = strstr(url, "://"), *start = scheme && scheme < at ? scheme + 3 : url;
    const char *colon = memchr(start, ':', (size_t)(at - start));
    return colon ? colon + 1 : start;
}

static void print_text(const struct conf_row *row, const char *value, FILE *to)
{
    const char *at = row->secret ? strrchr(value, '@') : NULL;
    const char *password = find_password(value, at);

    fputc('"', to);
    for (const char *p = value; *p; p++) {
        if (at && p == password) {
            fputs("***", to);
            p = at;
        }
        if (*p == '"' || *p == '\\')
            fputc('\\', to);
        fputc(*p, to);
    }
    fputs("\"\n", to);
}

void conf_print(const struct conf *c, FILE *to)
{
    for (size_t i = 0; i < conf_table_length; i++) {
        const struct conf_row *row = &conf_table[i];
        if (i == 0 || strcmp(row->section, conf_table[i - 1].section) != 0)
            fprintf(to, "%s%s {\n", i ? "}\n\n" : "", row->section);
        else
            fputc('\n', to);
        fprintf(to, "    # %s\n", row->help);
        if (row->type == CONF_INTEGER)
            fprintf(to, "    # %s%s%lld to %lld; default %s\n", row->unit, *row->unit ? ", " : "",
                    (long long)row->min, (long long)row->max, row->fallback);
        else if (row->type == CONF_CHOICE)
            fprintf(to, "    # one of: %s\n", row->choices);
        if (c)
            fprintf(to, "    # from: %s\n", c->origins[i]);
        fprintf(to, "    %s = ", row->name);
        if (row->type == CONF_INTEGER)
            fprintf(to, "%lld\n",
                    c ? (long long)*integer_at((struct conf *)(uintptr_t)c, row)
                      : strtoll(row->fallback, NULL, 10));
        else
            print_text(row, c ? *text_at((struct conf *)(uintptr_t)c, row) : row->fallback, to);
    }
    fputs("}\n", to);
}

void conf_keep_fixed(struct conf *next, const struct conf *now, void (*told)(const char *name))
{
    for (size_t i = 0; i < conf_table_length; i++) {
        const struct conf_row *row = &conf_table[i];
        struct conf *was = (struct conf *)(uintptr_t)now;
        char name[128];
        if (!row->fixed ||
            (row->type == CONF_INTEGER ? *integer_at(next, row) == *integer_at(was, row)
                                       : strcmp(*text_at(next, row), *text_at(was, row)) == 0))
            continue;
        snprintf(name, sizeof name, "%s.%s", row->section, row->name);
        told(name);
        if (row->type == CONF_INTEGER) {
            *integer_at(next, row) = *integer_at(was, row);
        } else {
            free(*text_at(next, row));
            *text_at(next, row) = xstrdup(*text_at(was, row));
        }
    }
}
