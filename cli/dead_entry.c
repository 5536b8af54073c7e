/* dead_entry: see dead_entry.h. Whoever can push can write a dead entry, so json_scan goes first.
 */
#include "cli/dead_entry.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "common/err.h"
#include "common/json_scan.h"

struct members {
    struct json_span at, reason, attempts, item, item_base64;
};

static bool is_named(struct json_span name, const char *wanted)
{
    size_t length = strlen(wanted);

    return name.length == length + 2 && memcmp(name.bytes + 1, wanted, length) == 0;
}

static void take_member(void *context, struct json_span name, struct json_span value)
{
    struct members *m = context;
    const struct {
        const char *name;
        struct json_span *to;
    } wanted[] = {{"at", &m->at},
                  {"reason", &m->reason},
                  {"attempts", &m->attempts},
                  {"item", &m->item},
                  {"item_base64", &m->item_base64}};

    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (is_named(name, wanted[i].name))
            *wanted[i].to = value;
}

/* The text of a JSON string, to free; NULL when it is none. No U+0000 passed json_scan. */
static char *read_text(struct json_span value, size_t *length)
{
    if (value.length < 2 || *value.bytes != '"')
        return NULL;
    cJSON *json = cJSON_ParseWithLength(value.bytes, value.length);
    char *text = cJSON_IsString(json) ? xstrdup(json->valuestring) : NULL;
    cJSON_Delete(json);
    *length = text ? strlen(text) : 0;
    return text;
}

/* A whole number below 2^53, else 0. */
static int64_t read_number(struct json_span value)
{
    cJSON *json = value.length ? cJSON_ParseWithLength(value.bytes, value.length) : NULL;
    double number = cJSON_IsNumber(json) ? json->valuedouble : 0;

    cJSON_Delete(json);
    return number > 0 && number < 9007199254740992.0 ? (int64_t)number : 0;
}

/* RFC 4648, section 4. EVP_DecodeBlock() would also take '=' in the middle and white space. */
static char *decode_base64(const char *text, size_t length, size_t *decoded)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t plain = strspn(text, digits), padding = length - plain;

    if (length % 4 != 0 || length > INT32_MAX || padding > 2 ||
        strspn(text + plain, "=") != padding)
        return NULL;
    char *bytes = xmalloc(length / 4 * 3 + 1);
    if (EVP_DecodeBlock((unsigned char *)bytes, (const unsigned char *)text, (int)length) < 0) {
        free(bytes);
        return NULL;
    }
    *decoded = length / 4 * 3 - padding;
    bytes[*decoded] = 0;
    return bytes;
}

static const char *take_item(struct dead_entry *d, const struct members *m)
{
    size_t length;

    if (!m->item_base64.length) {
        d->item = read_text(m->item, &d->item_length);
        return d->item ? NULL : "it has no item";
    }
    char *text = read_text(m->item_base64, &length);
    d->is_base64 = true;
    d->item = text ? decode_base64(text, length, &d->item_length) : NULL;
    free(text);
    return d->item ? NULL : "its item_base64 is not base64";
}

void dead_entry_read(const char *bytes, size_t length, struct dead_entry *out)
{
    unsigned char digest[SHA_DIGEST_LENGTH];
    struct members m = {0};
    struct json_scan_fault fault;
    size_t reason_length;

    *out = (struct dead_entry){0};
    SHA1((const unsigned char *)bytes, length, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(out->id + 2 * i, 3, "%02x", digest[i]);
    enum json_scan_result result = json_scan(bytes, length, take_member, &m, &fault);
    if (result != JSON_SCAN_OK) {
        out->fault = result == JSON_SCAN_BROKEN ? fault.why : "it is no object";
        return;
    }
    out->fault = take_item(out, &m);
    if (out->fault)
        return;
    out->readable = true;
    out->at_ms = read_number(m.at);
    out->attempts = (unsigned)read_number(m.attempts);
    out->reason = read_text(m.reason, &reason_length);
    if (!out->reason)
        out->reason = xstrdup("");
}

void dead_entry_fini(struct dead_entry *d)
{
    free(d->reason);
    free(d->item);
    *d = (struct dead_entry){0};
}

static void print_base64(FILE *to, const char *bytes, size_t length)
{
    char *text = xmalloc(4 * (length / 3 + 1) + 1);

    EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)bytes, (int)length);
    console_printf(to, "\"%s\"", text);
    free(text);
}

void dead_entry_print_json(FILE *to, const struct dead_entry *d, const char *list,
                           const char *bytes, size_t length)
{
    console_printf(to, "{\"list\":\"%s\",\"id\":\"%s\"", list, d->id);
    if (!d->readable) {
        console_printf(to, ",\"entry_base64\":");
        print_base64(to, bytes, length);
    } else {
        console_printf(to, ",\"at\":%" PRId64 ",\"reason\":", d->at_ms);
        console_print_json(to, d->reason, strlen(d->reason));
        console_printf(to, ",\"attempts\":%u,\"%s\":", d->attempts,
                       d->is_base64 ? "item_base64" : "item");
        if (d->is_base64)
            print_base64(to, d->item, d->item_length);
        else
            console_print_json(to, d->item, d->item_length);
    }
    fputs("}\n", to);
}
