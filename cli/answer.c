/* answer: see answer.h. */
#include "cli/answer.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/printable.h"

#define MAX_TEXT_BYTES 300

enum answer_kind answer_kind(long status)
{
    switch (status) {
    case 200:
    case 201:
    case 202:
        return ANSWER_ACCEPTED;
    case 401:
    case 403:
        return ANSWER_KEY;
    case 408:
    case 425:
    case 429:
        return ANSWER_LATER;
    case 404:
    case 405:
    case 501:
    case 505:
        return ANSWER_STRANGE;
    default:
        if (status >= 500 && status < 600)
            return ANSWER_LATER;
        return status >= 400 && status < 500 ? ANSWER_REFUSED : ANSWER_STRANGE;
    }
}

/* {"detail": "text"} or {"detail": [{"loc": ["body", "content"], "msg": "text"}]} */
static bool read_detail(const cJSON *answer, struct buf *out)
{
    const cJSON *detail = cJSON_GetObjectItemCaseSensitive(answer, "detail");
    const cJSON *first = cJSON_IsArray(detail) ? detail->child : NULL;
    const cJSON *message = cJSON_GetObjectItemCaseSensitive(first, "msg"), *part;

    if (cJSON_IsString(detail)) {
        printable_append(out, detail->valuestring, strlen(detail->valuestring));
        return true;
    }
    if (!cJSON_IsString(message))
        return false;
    cJSON_ArrayForEach(part, cJSON_GetObjectItemCaseSensitive(first, "loc"))
    {
        if (!cJSON_IsString(part) || strcmp(part->valuestring, "body") == 0)
            continue;
        printable_append(out, part->valuestring, strlen(part->valuestring));
        buf_append_text(out, ": ");
    }
    printable_append(out, message->valuestring, strlen(message->valuestring));
    return true;
}

static bool is_key_taken(const cJSON *answer)
{
    const cJSON *detail = cJSON_GetObjectItemCaseSensitive(answer, "detail");
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(detail ? detail->child : NULL, "type");

    return cJSON_IsString(type) && strcmp(type->valuestring, "idempotency_key_reused") == 0;
}

bool answer_text(long status, const struct buf *body, char *out, size_t size)
{
    struct buf text;
    cJSON *answer = body->length ? cJSON_ParseWithLength(body->bytes, body->length) : NULL;
    bool key_is_taken = is_key_taken(answer);

    buf_init(&text, 8 * 65536);
    buf_printf(&text, "%ld ", status);
    if (!read_detail(answer, &text) && body->length)
        printable_append(&text, body->bytes,
                         body->length < MAX_TEXT_BYTES ? body->length : MAX_TEXT_BYTES);
    snprintf(out, size, "%s", text.bytes);
    buf_fini(&text);
    cJSON_Delete(answer);
    return key_is_taken;
}

static bool is_item(const cJSON *item)
{
    return cJSON_IsString(cJSON_GetObjectItemCaseSensitive(item, "id")) ||
           cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(item, "status"));
}

static void read_item(const cJSON *from, struct answer_item *out)
{
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(from, "status");
    struct buf text;

    *out = (struct answer_item){.refused = status != NULL};
    out->duplicate = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(from, "duplicate"));
    if (!status)
        return;
    buf_init(&text, 8 * 65536);
    buf_printf(&text, "%d ", status->valueint);
    read_detail(from, &text);
    snprintf(out->why, sizeof out->why, "%s", text.bytes);
    buf_fini(&text);
}

bool answer_items(const struct buf *body, int count,
                  void (*item)(void *context, int index, const struct answer_item *item),
                  void *context)
{
    cJSON *answer = body->length ? cJSON_ParseWithLength(body->bytes, body->length) : NULL;
    const cJSON *items = cJSON_GetObjectItemCaseSensitive(answer, "items"), *at;
    int seen = 0, index = 0;
    bool fits = !buf_failed(body) && cJSON_IsArray(items);

    cJSON_ArrayForEach(at, items)
    {
        fits = fits && is_item(at);
        seen++;
    }
    fits = fits && seen == count;
    if (fits)
        cJSON_ArrayForEach(at, items)
        {
            struct answer_item one;
            read_item(at, &one);
            item(context, index++, &one);
        }
    cJSON_Delete(answer);
    return fits;
}
