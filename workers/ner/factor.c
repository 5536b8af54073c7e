/* factor: see factor.h. */
#include "factor.h"

#include <ctype.h>
#include <string.h>

#include "pattern.h"

#define MAX_ALTERNATIVES 512
#define MIN_CLASS_BYTES  256 /* a class from here on is worth it */

struct alternative {
    const char *text;
    size_t head, length; /* text[head .. length) begins with a large class; or head == length */
    bool done;
};

/* Groups that only group or look around, and nothing that counts or names one. */
static bool is_plain(const char *p, size_t length)
{
    for (size_t at = 0; at < length; at = pattern_unit_end(p, length, at)) {
        size_t left = length - at;
        if (p[at] == '\\' && left > 1 &&
            (isdigit((unsigned char)p[at + 1]) || strchr("gkQE", p[at + 1])))
            return false;
        if (p[at] != '(')
            continue;
        if (left < 4 || p[at + 1] != '?' || !strchr(":=!<", p[at + 2]))
            return false;
        if (p[at + 2] == '<' && p[at + 3] != '=' && p[at + 3] != '!')
            return false;
    }
    return true;
}

/* Where the group that opens at 0 closes. */
static size_t group_end(const char *p, size_t length)
{
    size_t depth = 0;

    for (size_t at = 0; at < length; at = pattern_unit_end(p, length, at)) {
        depth += p[at] == '(';
        depth -= p[at] == ')';
        if (depth == 0)
            return at;
    }
    return length;
}

static struct alternative read_alternative(const char *p, size_t length)
{
    struct alternative a = {.text = p, .head = length, .length = length};
    size_t depth = 0;

    if (length > 4 && memcmp(p, "(?:", 3) == 0 && group_end(p, length) == length - 1) {
        a.text += 3;
        a.head = a.length = length -= 4;
    }
    if (pattern_alternative_end(a.text, length, 0) < length)
        return (struct alternative){.text = p, .head = length + 4, .length = length + 4};
    for (size_t at = 0, end; at < length; at = end) {
        end = pattern_unit_end(a.text, length, at);
        depth += a.text[at] == '(';
        depth -= a.text[at] == ')';
        if (a.text[at] == '[' && depth == 0 && end - at >= MIN_CLASS_BYTES) {
            a.head = at;
            break;
        }
    }
    return a;
}

static size_t read_all(const char *pattern, size_t length, struct alternative *all)
{
    size_t count = 0;

    for (size_t from = 0, end; from <= length; from = end + 1) {
        if (count == MAX_ALTERNATIVES)
            return 0;
        end = pattern_alternative_end(pattern, length, from);
        all[count++] = read_alternative(pattern + from, end - from);
    }
    return count;
}

static bool same_tail(const struct alternative *a, const struct alternative *b)
{
    size_t length = a->length - a->head;

    return length > 0 && length == b->length - b->head &&
           memcmp(a->text + a->head, b->text + b->head, length) == 0;
}

/* Appends alternative i with all later ones that end like it. */
static void write_alike(struct alternative *all, size_t count, size_t i, struct buf *out)
{
    const struct alternative *first = &all[i];

    if (i > 0)
        buf_append_text(out, "|");
    buf_append_text(out, "(?:");
    buf_append(out, first->text, first->head);
    for (size_t j = i + 1; j < count; j++) {
        if (all[j].done || !same_tail(first, &all[j]))
            continue;
        buf_append_text(out, "|");
        buf_append(out, all[j].text, all[j].head);
        all[j].done = true;
    }
    buf_append_text(out, ")");
    buf_append(out, first->text + first->head, first->length - first->head);
}

bool factor_alternatives(const char *pattern, size_t length, struct buf *out)
{
    struct alternative all[MAX_ALTERNATIVES];
    size_t count = length > 0 && is_plain(pattern, length) ? read_all(pattern, length, all) : 0;
    bool gain = false;

    for (size_t i = 1; i < count && !gain; i++)
        gain = same_tail(&all[i], &all[i - 1]);
    for (size_t i = 0; gain && i < count; i++)
        if (!all[i].done)
            write_alike(all, count, i, out);
    return gain;
}
