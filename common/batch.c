/* batch: see batch.h. */
#include "batch.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "arena.h"
#include "json.h"
#include "json_scan.h"

#define VERSION 1

void batch_new_id(struct batch *b)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char random[BATCH_ID_LENGTH / 2];

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        panic("no random bytes for a batch id");
    for (size_t i = 0; i < sizeof random; i++) {
        b->id[2 * i] = digits[random[i] >> 4];
        b->id[2 * i + 1] = digits[random[i] & 15];
    }
    b->id[BATCH_ID_LENGTH] = 0;
}

static void append_text(struct buf *out, const char *text)
{
    json_append_string(out, text, strlen(text));
}

static void append_entity(struct buf *out, const struct batch_entity *entity)
{
    buf_append_text(out, "[");
    append_text(out, entity->word);
    for (size_t i = 0; i < entity->label_count; i++) {
        buf_append_text(out, i ? "," : ",{");
        append_text(out, entity->labels[i].label);
        buf_printf(out, ":%" PRIu64, entity->labels[i].count);
        if (entity->labels[i].count >= BATCH_COUNT_END)
            out->failed = true;
    }
    if (entity->count >= BATCH_COUNT_END)
        out->failed = true;
    buf_append_text(out, "}]");
}

int batch_write(const struct batch *b, struct buf *out)
{
    buf_printf(out,
               "{\"v\":%d,\"id\":\"%s\",\"at\":%" PRId64 ",\"day\":null,\"publication\":", VERSION,
               b->id, b->at_ms);
    append_text(out, b->publication);
    buf_append_text(out, ",\"name\":");
    append_text(out, b->name);
    buf_printf(out, ",\"articles\":%" PRIu64 ",\"entities\":[", b->articles);
    if (b->articles >= BATCH_COUNT_END)
        out->failed = true;
    for (size_t i = 0; i < b->entity_count; i++) {
        if (i)
            buf_append_text(out, ",");
        append_entity(out, &b->entities[i]);
    }
    buf_append_text(out, "]}");
    return buf_failed(out) ? ERR_LIMIT : 0;
}

/* --- reading ------------------------------------------------------------------------------------
 */

struct parse {
    struct arena *arena;
    struct err *e;
};

static int bad(struct parse *p, const char *field, const char *wanted)
{
    return err_set(p->e, ERR_INPUT, "batch: %s is not %s", field, wanted);
}

/* An integer of at least `least` and below `end`, at most 2^53. */
static int take_integer(struct parse *p, const cJSON *item, uint64_t least, uint64_t end,
                        const char *field, uint64_t *out)
{
    double value = item && cJSON_IsNumber(item) ? item->valuedouble : -1;

    /* The comparisons come first: a double out of range may not be converted. */
    if (!(value >= (double)least && value < (double)end) || (double)(uint64_t)value != value)
        return err_set(p->e, ERR_INPUT, "batch: %s is not an integer from %" PRIu64 " to %" PRIu64,
                       field, least, end - 1);
    *out = (uint64_t)value;
    return 0;
}

static int take_count(struct parse *p, const cJSON *item, uint64_t least, const char *field,
                      uint64_t *out)
{
    return take_integer(p, item, least, BATCH_COUNT_END, field, out);
}

static int take_bytes(struct parse *p, const char *bytes, size_t max_bytes, const char *field,
                      const char **out)
{
    size_t length = strlen(bytes);

    if (length == 0 || length > max_bytes)
        return err_set(p->e, ERR_INPUT, "batch: %s has %zu bytes, not 1 to %zu", field, length,
                       max_bytes);
    *out = arena_copy(p->arena, bytes, length);
    return *out ? 0 : bad(p, field, "within the memory of a batch");
}

static int take_text(struct parse *p, const cJSON *item, size_t max_bytes, const char *field,
                     const char **out)
{
    if (!item || !cJSON_IsString(item))
        return bad(p, field, "a string");
    return take_bytes(p, item->valuestring, max_bytes, field, out);
}

static int take_id(struct parse *p, const cJSON *item, char id[BATCH_ID_LENGTH + 1])
{
    const char *text = item && cJSON_IsString(item) ? item->valuestring : "";

    if (strlen(text) != BATCH_ID_LENGTH || strspn(text, "0123456789abcdef") != BATCH_ID_LENGTH)
        return bad(p, "id", "32 lower-case hex digits");
    memcpy(id, text, BATCH_ID_LENGTH + 1);
    return 0;
}

static int take_labels(struct parse *p, const cJSON *object, struct batch_entity *out)
{
    const cJSON *item;
    size_t count = cJSON_IsObject(object) ? (size_t)cJSON_GetArraySize(object) : 0;

    if (count == 0 || count > BATCH_MAX_LABELS)
        return bad(p, "an entity's second part", "an object of 1 to 256 labels");
    out->labels = arena_take(p->arena, count * sizeof *out->labels);
    if (!out->labels)
        return bad(p, "entities", "within the memory of a batch");
    cJSON_ArrayForEach(item, object)
    {
        struct batch_label *label = &out->labels[out->label_count];
        if (take_bytes(p, item->string, BATCH_MAX_LABEL_BYTES, "a label", &label->label) < 0 ||
            take_count(p, item, 1, "a label's count", &label->count) < 0)
            return p->e->code;
        out->label_count++;
        out->count += label->count; /* at most 256 * 2^44 */
    }
    if (out->count >= BATCH_COUNT_END)
        return err_set(p->e, ERR_INPUT, "batch: the sum of an entity's counts is not below %llu",
                       BATCH_COUNT_END);
    return 0;
}

static int take_entities(struct parse *p, const cJSON *array, struct batch *out)
{
    const cJSON *pair;
    size_t count = array && cJSON_IsArray(array) ? (size_t)cJSON_GetArraySize(array) : SIZE_MAX;

    if (count == SIZE_MAX)
        return bad(p, "entities", "an array");
    if (count > BATCH_MAX_PARSED)
        return err_set(p->e, ERR_INPUT, "batch: %zu entities, more than %d", count,
                       BATCH_MAX_PARSED);
    out->entities = arena_take(p->arena, count * sizeof *out->entities);
    if (!out->entities)
        return bad(p, "entities", "within the memory of a batch");
    cJSON_ArrayForEach(pair, array)
    {
        struct batch_entity *entity = &out->entities[out->entity_count];
        *entity = (struct batch_entity){0};
        if (!cJSON_IsArray(pair) || cJSON_GetArraySize(pair) != 2)
            return bad(p, "an entity", "an array of word and labels");
        if (take_text(p, pair->child, BATCH_MAX_JSON_BYTES, "a word", &entity->word) < 0 ||
            take_labels(p, pair->child->next, entity) < 0)
            return p->e->code;
        out->entity_count++;
    }
    return 0;
}

static int take_all(struct parse *p, const cJSON *object, struct batch *out)
{
    uint64_t version, at;
    const cJSON *day = cJSON_GetObjectItemCaseSensitive(object, "day");

    if (take_count(p, cJSON_GetObjectItemCaseSensitive(object, "v"), 1, "v", &version) < 0)
        return p->e->code;
    if (version != VERSION)
        return err_set(p->e, ERR_INPUT, "batch: version %" PRIu64 " is not known here", version);
    if (day && !cJSON_IsNull(day)) /* kept free for counts by day, which no store has yet */
        return bad(p, "day", "null");
    if (take_id(p, cJSON_GetObjectItemCaseSensitive(object, "id"), out->id) < 0 ||
        take_integer(p, cJSON_GetObjectItemCaseSensitive(object, "at"), 0, BATCH_AT_END, "at",
                     &at) < 0 ||
        take_text(p, cJSON_GetObjectItemCaseSensitive(object, "publication"), BATCH_MAX_KEY_BYTES,
                  "publication", &out->publication) < 0 ||
        take_text(p, cJSON_GetObjectItemCaseSensitive(object, "name"), BATCH_MAX_KEY_BYTES, "name",
                  &out->name) < 0 ||
        take_count(p, cJSON_GetObjectItemCaseSensitive(object, "articles"), 0, "articles",
                   &out->articles) < 0)
        return p->e->code;
    out->at_ms = (int64_t)at;
    return take_entities(p, cJSON_GetObjectItemCaseSensitive(object, "entities"), out);
}

static void ignore_member(void *context, struct json_span name, struct json_span value)
{
    (void)context, (void)name, (void)value;
}

/* NULL and the text in *e where it is not one JSON object. */
static cJSON *read_object(const char *json, size_t length, struct err *e)
{
    struct json_scan_fault broken;
    enum json_scan_result result = json_scan(json, length, ignore_member, NULL, &broken);
    cJSON *object = NULL;

    if (result == JSON_SCAN_BROKEN)
        err_set(e, ERR_INPUT, "batch: not JSON: %s (byte %zu)", broken.why, broken.offset);
    else if (result == JSON_SCAN_NO_OBJECT)
        err_set(e, ERR_INPUT, "batch: not a JSON object");
    else if (!(object = cJSON_ParseWithLength(json, length)))
        err_set(e, ERR_INPUT, "batch: not readable as JSON");
    return object;
}

int batch_parse(const char *json, size_t length, struct batch *out, struct err *e)
{
    *out = (struct batch){0};
    if (length > BATCH_MAX_JSON_BYTES)
        return err_set(e, ERR_INPUT, "batch: %zu bytes, more than %u", length,
                       BATCH_MAX_JSON_BYTES);
    cJSON *object = read_object(json, length, e);
    if (!object)
        return ERR_INPUT;
    struct arena *arena = xmalloc(sizeof *arena);
    arena_init(arena, 64u << 10, 4 * (size_t)BATCH_MAX_JSON_BYTES);
    out->memory = arena;
    struct parse parse = {.arena = arena, .e = e};
    int code = take_all(&parse, object, out);
    cJSON_Delete(object);
    if (code < 0)
        batch_fini(out);
    return code;
}

void batch_fini(struct batch *b)
{
    if (b->memory) {
        arena_fini(b->memory);
        free(b->memory);
    }
    *b = (struct batch){0};
}
