/* firestore_json: see firestore_json.h. */
#include "firestore_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_scan.h"

static void ignore_member(void *context, struct json_span name, struct json_span value)
{
    (void)context, (void)name, (void)value;
}

cJSON *json_tree(const char *text, size_t length)
{
    struct json_scan_fault fault;

    if (!text || json_scan(text, length, ignore_member, NULL, &fault) == JSON_SCAN_BROKEN)
        return NULL;
    return cJSON_ParseWithLength(text, length);
}

const cJSON *json_member(const cJSON *object, const char *name)
{
    return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
}

const char *json_text(const cJSON *item)
{
    return cJSON_IsString(item) && item->valuestring ? item->valuestring : "";
}

uint64_t json_integer_value(const cJSON *value)
{
    const char *digits = json_text(json_member(value, "integerValue"));
    char *end;

    errno = 0;
    long long number = strtoll(digits, &end, 10);
    return *digits && !*end && !errno && number > 0 ? (uint64_t)number : 0;
}

static void zero(cJSON *item)
{
    for (; item; item = item->next) {
        if (item->valuestring)
            explicit_bzero(item->valuestring, strlen(item->valuestring));
        zero(item->child);
    }
}

void json_wipe(cJSON *tree)
{
    zero(tree);
    cJSON_Delete(tree);
}
