/* lexeme: see lexeme.h. */
#include "lexeme.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <unistd.h>

#include "common/utf8.h"
#include "msgpack_read.h"
#include "strings.h"

#define LOOKUPS           "vocab/lookups.bin"
#define MAX_LOOKUPS_BYTES (64u << 20)
#define SHAPE_RUN         4
#define LONG_SHAPE        100 /* code points from which on the shape is "LONG" */

/* id of a text -> id of its norm; open addressing, read-only once loaded. Key 0 marks a free slot:
 * it is the id of the empty text, which no token has. */
struct lexeme_norms {
    size_t mask;
    struct norm_entry {
        uint64_t text, norm;
    } entries[];
};

/* What spaCy has compiled in (BASE_NORMS): whole token texts. */
static const char *const base_norms[][2] = {
    {"'s", "'s"},
    {"'S", "'s"},
    {"\u2019s", "'s"},
    {"\u2019S", "'s"},
    {"\u2019", "'"},
    {"\u2018", "'"},
    {"\u00b4", "'"},
    {"`", "'"},
    {"\u201d", "\""},
    {"\u201c", "\""},
    {"\u201e", "\""},
    {"\u00bb", "\""},
    {"\u00ab", "\""},
    {"''", "\""},
    {"``", "\""},
    {"\u00b4\u00b4", "\""},
    {"\u2018\u2018", "\""},
    {"\u2019\u2019", "\""},
    {"\uff1f", "?"},
    {"\uff01", "!"},
    {"\uff0c", ","},
    {"\uff1b", ";"},
    {"\uff1a", ":"},
    {"\u3002", "."},
    {"\u0964", "."},
    {"\u2026", "..."},
    {"\u2014", "-"},
    {"\u2013", "-"},
    {"--", "-"},
    {"---", "-"},
    {"\u2014\u2014", "-"},
    {"\u20ac", "$"},
    {"\u00a3", "$"},
    {"\u00a5", "$"},
    {"\u0e3f", "$"},
    {"\u20ba", "$"},
    {"\u20b9", "$"},
    {"\u09f3", "$"},
    {"\u20a9", "$"},
    {"\u20a3", "$"},
    {"US$", "$"},
    {"C$", "$"},
    {"A$", "$"},
    {"Mex$", "$"},
    {"E\u00a3", "$"},
};
#define LONGEST_BASE_NORM 6 /* bytes */

static bool find_norm(const struct lexeme_norms *n, const char *text, size_t length, uint64_t orth,
                      uint64_t *norm);
static int fill_norms(const struct msgpack_file *file, struct lexeme_norms **out, struct err *e);

int lexeme_norms_load(const char *model_directory, struct lexeme_norms **out, struct err *e)
{
    struct msgpack_file *file = NULL;
    char path[4096];

    snprintf(path, sizeof path, "%s/%s", model_directory, LOOKUPS);
    if (access(path, F_OK) < 0 && errno == ENOENT) {
        *out = xcalloc(1, sizeof **out + sizeof(struct norm_entry));
        return 0;
    }
    int code = msgpack_file_open(model_directory, LOOKUPS, MAX_LOOKUPS_BYTES, &file, e);
    if (code < 0)
        return code;
    code = fill_norms(file, out, e);
    msgpack_file_close(file);
    return code;
}

void lexeme_norms_free(struct lexeme_norms *n)
{
    free(n);
}

void lexeme_fill(const struct lexeme_norms *n, const char *text, size_t length, uint64_t orth,
                 struct buf *scratch, struct word_type *out)
{
    char shape[LEXEME_SHAPE_BYTES];
    size_t points = 0, spaces = 0;
    size_t last[3] = {0}; /* where the last three code points begin, by count modulo 3 */
    size_t first_length = 0;
    uint32_t c;

    for (size_t at = 0; at < length; points++) {
        last[points % 3] = at;
        at += utf8_next(text + at, &c);
        spaces += utf8_is_space(c);
        if (points == 0)
            first_length = at;
    }
    size_t suffix = points < 3 ? 0 : last[points % 3];

    memset(out, 0, sizeof *out);
    out->orth = orth;
    out->byte_length = (uint32_t)length;
    out->code_points = (uint32_t)points;
    out->is_space = spaces == points;
    out->prefix = string_id(text, first_length);
    out->suffix = string_id(text + suffix, length - suffix);
    out->shape = string_id(shape, lexeme_shape(text, length, points, shape));

    buf_clear(scratch);
    if (utf8_lower(text, length, scratch) < 0)
        panic("lower-casing a token of %zu bytes passed the ceiling", length);
    out->lower = string_id(scratch->bytes, scratch->length);
    if (!find_norm(n, text, length, orth, &out->norm))
        out->norm = out->lower;
}

/* The cp that stands for `c` in a shape. General categories L* are alphabetic, of those Lu alone is
 * upper; digits are Nd and those with a digit value (superscripts, circled digits, …). */
static uint32_t shape_of(uint32_t c)
{
    if (c < 0x80) {
        if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
            return c & 0x20 ? 'x' : 'X';
        return c >= '0' && c <= '9' ? 'd' : c;
    }
    bool letter = uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L);
    if ((!letter && uc_digit_value(c) < 0) || utf8_is_later(c))
        return c;
    if (!letter)
        return 'd';
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Lu) ? 'X' : 'x';
}

size_t lexeme_shape(const char *text, size_t length, size_t code_points,
                    char out[LEXEME_SHAPE_BYTES])
{
    uint32_t previous = UINT32_MAX;
    size_t run = 0, written = 0;

    if (code_points >= LONG_SHAPE) {
        memcpy(out, "LONG", 4);
        return 4;
    }
    for (size_t at = 0; at < length;) {
        uint32_t c;
        unsigned step = utf8_next(text + at, &c);
        uint32_t mapped = shape_of(c);
        run = mapped == previous ? run + 1 : 1;
        previous = mapped;
        if (run <= SHAPE_RUN) {
            if (mapped == c) {
                memcpy(out + written, text + at, step);
                written += step;
            } else {
                out[written++] = (char)mapped;
            }
        }
        at += step;
    }
    return written;
}

/* False when neither table has the text: the norm is then its lower case. */
static bool find_norm(const struct lexeme_norms *n, const char *text, size_t length, uint64_t orth,
                      uint64_t *norm)
{
    for (size_t i = orth & n->mask; n->entries[i].text; i = (i + 1) & n->mask) {
        if (n->entries[i].text == orth) {
            *norm = n->entries[i].norm;
            return true;
        }
    }
    if (length > LONGEST_BASE_NORM)
        return false;
    for (size_t i = 0; i < sizeof base_norms / sizeof base_norms[0]; i++) {
        const char *key = base_norms[i][0];
        if (key[0] == text[0] && strlen(key) == length && memcmp(key, text, length) == 0) {
            *norm = string_id(base_norms[i][1], strlen(base_norms[i][1]));
            return true;
        }
    }
    return false;
}

static int fill_norms(const struct msgpack_file *file, struct lexeme_norms **out, struct err *e)
{
    const msgpack_object *root = msgpack_file_root(file);
    const msgpack_object *table = msgpack_get(root, "lexeme_norm");
    size_t size = 1;

    if (root->type != MSGPACK_OBJECT_MAP)
        return err_set(e, ERR_CONFIG, "%s: not a map of tables", LOOKUPS);
    if (table && table->type != MSGPACK_OBJECT_MAP)
        return err_set(e, ERR_CONFIG, "%s: lexeme_norm is not a map", LOOKUPS);
    while (table && size < 2 * (size_t)table->via.map.size + 1)
        size *= 2;
    struct lexeme_norms *n = xcalloc(1, sizeof *n + size * sizeof n->entries[0]);
    n->mask = size - 1;
    for (uint32_t i = 0; table && i < table->via.map.size; i++) {
        const msgpack_object_kv *kv = &table->via.map.ptr[i];
        const char *norm;
        size_t length;
        uint64_t text;
        if (!msgpack_uint(&kv->key, &text) || !msgpack_text(&kv->val, &norm, &length)) {
            free(n);
            return err_set(e, ERR_CONFIG, "%s: lexeme_norm is not a map of ids to texts", LOOKUPS);
        }
        if (text == 0)
            continue;
        size_t slot = text & n->mask;
        while (n->entries[slot].text && n->entries[slot].text != text)
            slot = (slot + 1) & n->mask;
        n->entries[slot] = (struct norm_entry){text, string_id(norm, length)};
    }
    *out = n;
    return 0;
}
