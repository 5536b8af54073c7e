/* regex: see regex.h. */
#include "regex.h"

#include <stdint.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "common/buf.h"

/* Backtracking steps one search may take: what any honest text needs by far, and a share for its
 * length, as linear work is not the enemy. About a second. */
#define MATCH_LIMIT          10000000
#define MATCH_LIMIT_PER_BYTE 20
#define HEAP_LIMIT_KIB       (128 * 1024) /* PCRE2 keeps its backtracking points on the heap */
#define DEPTH_LIMIT          1000000

struct regex {
    pcre2_code *code;
};

struct regex_scratch {
    pcre2_match_data *match;
    pcre2_match_context *context;
};

int regex_compile(const char *pattern, size_t length, bool caseless, struct regex **out,
                  bool *too_large, struct err *e)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    int fault = 0;
    PCRE2_SIZE where = 0;

    if (!context)
        panic("out of memory for PCRE2");
    pcre2_set_newline(context, PCRE2_NEWLINE_LF); /* Python's only line end */
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, length,
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C |
                                         (caseless ? PCRE2_CASELESS : 0),
                                     &fault, &where, context);
    pcre2_compile_context_free(context);
    if (too_large)
        *too_large = !code && fault == PCRE2_ERROR_PATTERN_TOO_LARGE;
    if (!code) {
        PCRE2_UCHAR message[160] = "";
        pcre2_get_error_message(fault, message, sizeof message);
        return err_set(e, ERR_CONFIG, "%s at byte %zu as rewritten", (const char *)message, where);
    }
    *out = xmalloc(sizeof **out);
    (*out)->code = code;
    return 0;
}

void regex_free(struct regex *r)
{
    if (!r)
        return;
    pcre2_code_free(r->code);
    free(r);
}

struct regex_scratch *regex_scratch_new(void)
{
    struct regex_scratch *s = xcalloc(1, sizeof *s);

    s->match = pcre2_match_data_create(1, NULL);
    s->context = pcre2_match_context_create(NULL);
    if (!s->match || !s->context)
        panic("out of memory for PCRE2");
    pcre2_set_heap_limit(s->context, HEAP_LIMIT_KIB);
    pcre2_set_depth_limit(s->context, DEPTH_LIMIT);
    return s;
}

void regex_scratch_free(struct regex_scratch *s)
{
    if (!s)
        return;
    pcre2_match_data_free(s->match);
    pcre2_match_context_free(s->context);
    free(s);
}

int regex_search(const struct regex *r, struct regex_scratch *s, const char *name, const char *text,
                 size_t length, size_t from, enum regex_how how, size_t *start, size_t *end,
                 struct err *e)
{
    static const uint32_t options[] = {
        [REGEX_AT_START] = PCRE2_ANCHORED,
        [REGEX_NOT_EMPTY_AT_START] = PCRE2_NOTEMPTY_ATSTART,
    };

    pcre2_set_match_limit(s->context, MATCH_LIMIT + MATCH_LIMIT_PER_BYTE * (uint32_t)length);
    int found = pcre2_match(r->code, (PCRE2_SPTR)text, length, from,
                            options[how] | PCRE2_NO_UTF_CHECK, s->match, s->context);
    if (found >= 0) {
        const PCRE2_SIZE *span = pcre2_get_ovector_pointer(s->match);
        *start = span[0];
        *end = span[1];
        return 1;
    }
    if (found == PCRE2_ERROR_NOMATCH)
        return 0;
    PCRE2_UCHAR message[120] = "";
    pcre2_get_error_message(found, message, sizeof message);
    return err_set(e, ERR_LIMIT, "tokenizer: %s: %s on %zu bytes without a space", name,
                   (const char *)message, length);
}
