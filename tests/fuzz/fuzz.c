/* fuzz: see fuzz.h. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"

char *fuzz_text(const uint8_t *data, size_t size, size_t *length)
{
    size_t end = size < FUZZ_MAX_TEXT_BYTES ? size : FUZZ_MAX_TEXT_BYTES, at = 0;
    char *text = xmalloc(end);

    if (end)
        memcpy(text, data, end);
    while (at < end) {
        size_t step = 1;
        while (step <= 4 && step <= end - at && !utf8_valid(text + at, step))
            step++;
        if (step > 4 || step > end - at) {
            text[at] = '?';
            step = 1;
        }
        at += step;
    }
    *length = end;
    return text;
}

static void check_tokens(const char *text, size_t length, const struct ner_doc *doc)
{
    size_t at = 0, point = 0;

    for (size_t i = 0; i < doc->token_count; i++) {
        const struct ner_token *t = &doc->tokens[i];
        if (t->start_byte != at) { /* the one space after a token belongs to none */
            FUZZ_CHECK(i > 0 && t->start_byte == at + 1 && text[at] == ' ');
            at++;
            point++;
        }
        FUZZ_CHECK(t->start == point && t->end_byte > t->start_byte && t->end_byte <= length);
        point += utf8_count(text + at, t->end_byte - at);
        FUZZ_CHECK(t->end == point);
        at = t->end_byte;
    }
    FUZZ_CHECK(at == length || (at + 1 == length && text[at] == ' '));
}

void fuzz_check_doc(const struct ner_model *model, const char *text, size_t length,
                    const struct ner_doc *doc)
{
    size_t next = 0;

    check_tokens(text, length, doc);
    for (size_t i = 0; i < doc->entity_count; i++) {
        const struct ner_entity *e = &doc->entities[i];
        FUZZ_CHECK(e->first_token >= next && e->end_token > e->first_token);
        FUZZ_CHECK(e->end_token <= doc->token_count && e->label < ner_model_label_count(model));
        FUZZ_CHECK(*ner_model_label(model, e->label));
        FUZZ_CHECK(e->start == doc->tokens[e->first_token].start);
        FUZZ_CHECK(e->start_byte == doc->tokens[e->first_token].start_byte);
        FUZZ_CHECK(e->end == doc->tokens[e->end_token - 1].end);
        FUZZ_CHECK(e->end_byte == doc->tokens[e->end_token - 1].end_byte);
        next = e->end_token;
    }
}
