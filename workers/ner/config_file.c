/* config_file: see config_file.h. */
#include "config_file.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "read_file.h"

#define MAX_FILE_BYTES  (4u << 20)
#define MAX_VALUE_BYTES (1u << 20)
#define MAX_REFERENCES  8 /* ${} that lead to ${} */

struct entry {
    char *section, *key;
    struct buf value; /* raw text */
};

struct config_file {
    char *name;
    struct entry *entries;
    size_t count;
};

static int get(const struct config_file *c, const char *path, int depth, cJSON **out,
               struct err *e);

static char *trim(char *text)
{
    char *end = text + strlen(text);

    while (end > text && isspace((unsigned char)end[-1]))
        end--;
    *end = 0;
    while (isspace((unsigned char)*text))
        text++;
    return text;
}

static void add_entry(struct config_file *c, const char *section, const char *key,
                      const char *value)
{
    struct entry *entry;

    c->entries = xrealloc(c->entries, (c->count + 1) * sizeof *c->entries);
    entry = &c->entries[c->count++];
    *entry = (struct entry){.section = xstrdup(section), .key = xstrdup(key)};
    buf_init(&entry->value, MAX_VALUE_BYTES);
    buf_append_text(&entry->value, value);
}

/* One line; `section` is kept from line to line. */
static int parse_line(struct config_file *c, char *line, char section[256], struct err *e)
{
    bool indented = isspace((unsigned char)*line);
    char *text = trim(line), *split;

    if (!*text || *text == '#' || *text == ';')
        return 0;
    if (indented && c->count && strcmp(c->entries[c->count - 1].section, section) == 0) {
        struct buf *value = &c->entries[c->count - 1].value;
        buf_append_text(value, "\n");
        return buf_append_text(value, text) < 0 ? err_set(e, ERR_CONFIG, "value too long") : 0;
    }
    size_t length = strlen(text);
    if (*text == '[' && text[length - 1] == ']' && length - 2 < 256) {
        memcpy(section, text + 1, length - 2);
        section[length - 2] = 0;
        return 0;
    }
    split = strpbrk(text, "=:");
    if (!split || split == text)
        return err_set(e, ERR_CONFIG, "neither [section] nor key = value");
    *split = 0;
    add_entry(c, section, trim(text), trim(split + 1));
    return buf_failed(&c->entries[c->count - 1].value) ? err_set(e, ERR_CONFIG, "value too long")
                                                       : 0;
}

int config_file_open(const char *directory, const char *name, struct config_file **out,
                     struct err *e)
{
    char section[256] = "", *bytes, *next;
    struct config_file *c;
    size_t length;
    int rc, line = 0;

    rc = read_file(directory, name, MAX_FILE_BYTES, &bytes, &length, e);
    if (rc < 0)
        return rc;
    c = xcalloc(1, sizeof *c);
    c->name = xstrdup(name);
    if (memchr(bytes, 0, length))
        rc = err_set(e, ERR_CONFIG, "%s: a NUL byte: not a text file", name);
    for (char *at = bytes; rc == 0 && at; at = next) {
        next = strchr(at, '\n');
        if (next)
            *next++ = 0;
        line++;
        rc = parse_line(c, at, section, e);
        if (rc < 0)
            err_prefix(e, "%s:%d", name, line);
    }
    free(bytes);
    if (rc < 0) {
        config_file_close(c);
        return rc;
    }
    *out = c;
    return 0;
}

void config_file_close(struct config_file *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->count; i++) {
        free(c->entries[i].section);
        free(c->entries[i].key);
        buf_fini(&c->entries[i].value);
    }
    free(c->entries);
    free(c->name);
    free(c);
}

/* The last entry whose section and key are the given pieces. */
static const struct entry *find(const struct config_file *c, const char *section,
                                size_t section_length, const char *key, size_t key_length)
{
    for (size_t i = c->count; i-- > 0;) {
        const struct entry *entry = &c->entries[i];
        if (strlen(entry->section) == section_length && strlen(entry->key) == key_length &&
            memcmp(entry->section, section, section_length) == 0 &&
            memcmp(entry->key, key, key_length) == 0)
            return entry;
    }
    return NULL;
}

/* ${section.key} or ${section:key} alone -> the dotted path, in place of `text`. */
static bool reference(const char *text, char *path, size_t size)
{
    size_t length = strlen(text);
    char *colon;

    if (length < 4 || strncmp(text, "${", 2) != 0 || strchr(text, '}') != text + length - 1 ||
        length - 2 > size)
        return false;
    memcpy(path, text + 2, length - 3);
    path[length - 3] = 0;
    colon = strrchr(path, ':');
    if (colon)
        *colon = '.';
    return true;
}

/* The JSON value of one entry. confection takes what is no JSON for a plain string. */
static int parse_value(const struct config_file *c, const struct entry *entry, int depth,
                       cJSON **out, struct err *e)
{
    const char *text = entry->value.bytes ? entry->value.bytes : "", *end = NULL;
    char path[512];

    if (reference(text, path, sizeof path)) {
        if (depth >= MAX_REFERENCES)
            return err_set(e, ERR_CONFIG, "%s: %s.%s: ${} leads in a circle", c->name,
                           entry->section, entry->key);
        int rc = get(c, path, depth + 1, out, e);
        if (rc == 0 && !*out)
            return err_set(e, ERR_CONFIG, "%s: %s.%s: no such value: %s", c->name, entry->section,
                           entry->key, text);
        return rc;
    }
    if (strstr(text, "${"))
        return err_set(e, ERR_CONFIG, "%s: %s.%s: ${} inside a value is not supported", c->name,
                       entry->section, entry->key);
    *out = cJSON_ParseWithLengthOpts(text, strlen(text) + 1, &end, true);
    if (!*out && (*text == '"' || *text == '[' || *text == '{'))
        return err_set(e, ERR_CONFIG, "%s: %s.%s: not JSON", c->name, entry->section, entry->key);
    if (!*out)
        *out = cJSON_CreateString(text);
    return 0;
}

/* Walks down the dotted rest of a path inside a JSON value that is then given up. */
static cJSON *descend(cJSON *value, const char *rest)
{
    cJSON *at = value, *copy;
    char name[256];

    while (at && *rest) {
        size_t length = strcspn(rest, ".");
        if (length >= sizeof name)
            break;
        memcpy(name, rest, length);
        name[length] = 0;
        at = cJSON_GetObjectItemCaseSensitive(at, name);
        rest += length + (rest[length] == '.');
    }
    copy = at ? cJSON_Duplicate(at, true) : NULL;
    cJSON_Delete(value);
    return copy;
}

/* The longest section wins: [a.b] c before [a] b = {"c": …}. */
static int get(const struct config_file *c, const char *path, int depth, cJSON **out, struct err *e)
{
    *out = NULL;
    for (const char *dot = path + strlen(path); dot > path; dot--) {
        if (*dot != '.')
            continue;
        size_t key_length = strcspn(dot + 1, ".");
        const char *rest = dot + 1 + key_length;
        const struct entry *entry = find(c, path, (size_t)(dot - path), dot + 1, key_length);
        if (!entry)
            continue;
        cJSON *value;
        int rc = parse_value(c, entry, depth, &value, e);
        if (rc < 0)
            return rc;
        *out = descend(value, rest + (*rest == '.'));
        return 0;
    }
    return 0;
}

int config_file_get(const struct config_file *c, const char *path, cJSON **out, struct err *e)
{
    return get(c, path, 0, out, e);
}

int config_file_string(const struct config_file *c, const char *path, char *out, size_t size,
                       struct err *e)
{
    cJSON *value;
    int rc = config_file_get(c, path, &value, e);

    *out = 0;
    if (rc < 0 || !value)
        return rc;
    if (cJSON_IsString(value) && strlen(value->valuestring) < size)
        memcpy(out, value->valuestring, strlen(value->valuestring) + 1);
    else if (!cJSON_IsNull(value))
        rc = err_set(e, ERR_CONFIG, "%s: %s: not a short string", c->name, path);
    cJSON_Delete(value);
    return rc;
}
