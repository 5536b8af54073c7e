/* article_raw: see article_raw.h. Nothing is decided here that article_parse() would decide
 * otherwise: whatever is not plain to see is left to it. */
#include "article_raw.h"

#include <stdbool.h>
#include <string.h>

#include "article.h"

#define NAME(text)                                                                                 \
    {                                                                                              \
        "\"" text "\"", sizeof(text) + 1                                                           \
    }
#define MAX_NAME_BYTES (6 * sizeof "publication") /* all escaped */

static const struct json_span names[ARTICLE_RAW_FIELDS] = {
    NAME("content"), NAME("publication"), NAME("id"), NAME("url"), NAME("title"), NAME("published"),
};

/* Of members with one name the last counts. */
static void collect(void *context, struct json_span name, struct json_span value)
{
    struct article_raw *a = context;
    char decoded[MAX_NAME_BYTES + 2] = "\"";

    if (name.length > MAX_NAME_BYTES)
        return;
    if (memchr(name.bytes, '\\', name.length)) {
        size_t length = json_unescape(name, decoded + 1);
        decoded[1 + length] = '"';
        name = (struct json_span){decoded, length + 2};
    }
    for (int i = 0; i < ARTICLE_RAW_FIELDS; i++)
        if (name.length == names[i].length && memcmp(name.bytes, names[i].bytes, name.length) == 0)
            a->values[i] = value;
}

/* A string of at most so many bytes, escapes counted as they stand. */
static bool is_short_string(struct json_span value, size_t max_bytes)
{
    return value.bytes && *value.bytes == '"' && value.length - 2 <= max_bytes;
}

static bool is_graph(char c)
{
    return c > 0x20 && c < 0x7f;
}

/* Neither empty nor to be trimmed. */
static bool is_plain_publication(struct json_span value)
{
    return is_short_string(value, ARTICLE_MAX_PUBLICATION_BYTES) && value.length > 2 &&
           is_graph(value.bytes[1]) && is_graph(value.bytes[value.length - 2]) &&
           !memchr(value.bytes, '\\', value.length);
}

static bool is_plain(struct article_raw *a, size_t max_content_bytes)
{
    if (!is_short_string(a->values[ARTICLE_RAW_CONTENT], max_content_bytes) ||
        !is_plain_publication(a->values[ARTICLE_RAW_PUBLICATION]))
        return false;
    for (int i = ARTICLE_RAW_ID; i < ARTICLE_RAW_FIELDS; i++) {
        struct json_span *value = &a->values[i];
        if (value->bytes && *value->bytes == 'n')
            value->bytes = NULL;
        if (value->bytes && !is_short_string(*value, ARTICLE_MAX_OTHER_BYTES))
            return false;
    }
    return true;
}

enum article_raw_result article_raw_scan(const char *json, size_t length, size_t max_content_bytes,
                                         struct article_raw *out, size_t *consumed,
                                         struct json_scan_fault *fault)
{
    *out = (struct article_raw){0};
    switch (json_scan_value(json, length, collect, out, consumed, fault)) {
    case JSON_SCAN_BROKEN:
        return ARTICLE_RAW_BROKEN;
    case JSON_SCAN_OK:
        if (*consumed <= ARTICLE_MAX_ITEM_BYTES(max_content_bytes) &&
            is_plain(out, max_content_bytes))
            return ARTICLE_RAW_GOOD;
        break;
    default:
        break;
    }
    struct json_span *id = &out->values[ARTICLE_RAW_ID];
    if (id->bytes && *id->bytes != '"')
        id->bytes = NULL;
    return ARTICLE_RAW_UNCLEAR;
}

size_t article_raw_length(const struct article_raw *a, size_t id_length)
{
    size_t length = 2 + names[ARTICLE_RAW_ID].length + 1 + id_length;

    for (int i = 0; i < ARTICLE_RAW_FIELDS; i++)
        if (i != ARTICLE_RAW_ID && a->values[i].bytes)
            length += names[i].length + 1 + a->values[i].length + 1;
    return length;
}

static char *put(char *out, const char *bytes, size_t length)
{
    memcpy(out, bytes, length);
    return out + length;
}

char *article_raw_write(const struct article_raw *a, const char *id, size_t id_length, char *out)
{
    for (int i = 0; i < ARTICLE_RAW_FIELDS; i++) {
        struct json_span value = a->values[i];
        if (i == ARTICLE_RAW_ID)
            value = (struct json_span){id, id_length};
        if (!value.bytes)
            continue;
        *out++ = i == 0 ? '{' : ',';
        out = put(out, names[i].bytes, names[i].length);
        *out++ = ':';
        out = put(out, value.bytes, value.length);
    }
    *out++ = '}';
    return out;
}
