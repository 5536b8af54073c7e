/* stub_documents: see stub_documents.h. A commit is checked in full before anything of it is done.
 */
#include "stub_documents.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/err.h"

struct document {
    char *name;
    cJSON *fields;   /* as Firestore writes them: {"count":{"integerValue":"7"}} */
    unsigned commit; /* the last one that wrote it, to see it twice in one */
    UT_hash_handle hh;
};

struct stub_documents {
    struct document *all;
    unsigned commits;
};

struct stub_documents *stub_documents_new(void)
{
    return xcalloc(1, sizeof(struct stub_documents));
}

static bool refuse(struct stub_error *error, int http, const char *status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static bool refuse(struct stub_error *error, int http, const char *status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    error->http = http;
    error->status = status;
    return false;
}

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
}

static const char *text(const cJSON *item)
{
    return cJSON_IsString(item) ? item->valuestring : "";
}

static struct document *find(struct stub_documents *d, const char *name)
{
    struct document *document;

    HASH_FIND_STR(d->all, name, document);
    return document;
}

/* --- checking ----------------------------------------------------------------------------------
 */

/* Every segment of a name is an id: quotas, "Collections, documents, and fields". */
static bool check_name(const char *name, struct stub_error *error)
{
    int segments = 0;

    for (const char *at = name; *at; segments++) {
        size_t length = strcspn(at, "/");
        bool reserved =
            length >= 4 && memcmp(at, "__", 2) == 0 && memcmp(at + length - 2, "__", 2) == 0;
        if (length == 0 || length > 1500 || reserved || (length == 1 && *at == '.') ||
            (length == 2 && memcmp(at, "..", 2) == 0))
            return refuse(error, 400, "INVALID_ARGUMENT", "bad id in document name %.100s", name);
        at += length;
        if (*at == '/' && !*++at)
            return refuse(error, 400, "INVALID_ARGUMENT", "document name ends in /");
    }
    if (segments < 7 || segments % 2 == 0)
        return refuse(error, 400, "INVALID_ARGUMENT", "not a document name: %.100s", name);
    return true;
}

static bool only_members(const cJSON *object, const char *known, struct stub_error *error)
{
    const cJSON *item;

    if (!cJSON_IsObject(object))
        return refuse(error, 400, "INVALID_ARGUMENT", "not an object where one of %s is", known);
    cJSON_ArrayForEach(item, object)
    {
        const char *at = strstr(known, item->string);
        size_t length = strlen(item->string);
        if (!at || (at[length] && at[length] != ' '))
            return refuse(error, 400, "INVALID_ARGUMENT", "unknown field %s", item->string);
    }
    return true;
}

static bool check_transforms(const cJSON *transforms, struct stub_error *error)
{
    const cJSON *transform;

    if (cJSON_GetArraySize(transforms) > 500)
        return refuse(error, 400, "INVALID_ARGUMENT", "more than 500 transforms of a document");
    cJSON_ArrayForEach(transform, transforms)
    {
        const char *value = text(member(member(transform, "increment"), "integerValue"));
        char *end;
        if (!only_members(transform, "fieldPath increment", error))
            return false;
        strtoll(value, &end, 10);
        if (!*text(member(transform, "fieldPath")) || !*value || *end)
            return refuse(error, 400, "INVALID_ARGUMENT", "bad transform");
    }
    return true;
}

static bool check_write(struct stub_documents *d, const cJSON *write, unsigned commit,
                        struct stub_error *error)
{
    const cJSON *update = member(write, "update"), *exists;
    const char *name = text(member(update, "name"));

    if (!only_members(write, "update updateMask updateTransforms currentDocument", error) ||
        !only_members(update, "name fields", error) || !check_name(name, error) ||
        !check_transforms(member(write, "updateTransforms"), error))
        return false;
    exists = member(member(write, "currentDocument"), "exists");
    struct document *document = find(d, name);
    bool is_there =
        document && (cJSON_GetArraySize(document->fields) || document->commit == commit);
    if (exists && cJSON_IsFalse(exists) && is_there)
        return refuse(error, 409, "ALREADY_EXISTS", "Document already exists: %.150s", name);
    if (exists && cJSON_IsTrue(exists) && !is_there)
        return refuse(error, 404, "NOT_FOUND", "No document to update: %.150s", name);
    if (!document) { /* without fields it is none; this only remembers the commit */
        document = xcalloc(1, sizeof *document);
        document->name = xstrdup(name);
        document->fields = cJSON_CreateObject();
        HASH_ADD_KEYPTR(hh, d->all, document->name, strlen(document->name), document);
    }
    document->commit = commit;
    return true;
}

/* --- doing -------------------------------------------------------------------------------------
 */

/* The next name of a field path: plain, or in backquotes with backslashes. */
static const char *next_name(const char *path, char *name, size_t size)
{
    size_t length = 0;
    bool quoted = *path == '`';

    for (path += quoted; *path && (quoted ? *path != '`' : *path != '.'); path++) {
        if (quoted && *path == '\\' && path[1])
            path++;
        if (length + 1 < size)
            name[length++] = *path;
    }
    name[length] = 0;
    path += quoted && *path == '`';
    return *path == '.' ? path + 1 : path;
}

static cJSON *own(cJSON *object, const char *name)
{
    cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return item ? item : cJSON_AddObjectToObject(object, name);
}

static void increment(cJSON *fields, const char *path, long long by)
{
    char name[600], number[32];

    path = next_name(path, name, sizeof name);
    cJSON *value = own(fields, name);
    if (*path) {
        increment(own(own(value, "mapValue"), "fields"), path, by);
        return;
    }
    long long old = strtoll(text(member(value, "integerValue")), NULL, 10);
    snprintf(number, sizeof number, "%lld", old + by);
    cJSON_DeleteItemFromObjectCaseSensitive(value, "integerValue");
    cJSON_AddStringToObject(value, "integerValue", number);
}

static void do_write(struct stub_documents *d, const cJSON *write)
{
    const cJSON *update = member(write, "update"), *fields = member(update, "fields"), *item;
    struct document *document = find(d, text(member(update, "name")));

    if (!member(write, "updateMask")) {
        cJSON_Delete(document->fields);
        document->fields = cJSON_Duplicate(fields, 1);
    } else {
        cJSON_ArrayForEach(item, member(member(write, "updateMask"), "fieldPaths"))
        {
            cJSON_DeleteItemFromObjectCaseSensitive(document->fields, text(item));
            if (member(fields, text(item)))
                cJSON_AddItemToObject(document->fields, text(item),
                                      cJSON_Duplicate(member(fields, text(item)), 1));
        }
    }
    cJSON_ArrayForEach(item, member(write, "updateTransforms"))
        increment(document->fields, text(member(item, "fieldPath")),
                  strtoll(text(member(member(item, "increment"), "integerValue")), NULL, 10));
}

size_t stub_documents_commit(struct stub_documents *d, const cJSON *body, struct stub_error *error)
{
    const cJSON *write, *writes = member(body, "writes");
    unsigned commit = ++d->commits;
    size_t count = 0;

    *error = (struct stub_error){.http = 0};
    if (!only_members(body, "writes", error))
        return 0;
    cJSON_ArrayForEach(write, writes) if (!check_write(d, write, commit, error)) return 0;
    cJSON_ArrayForEach(write, writes)
    {
        do_write(d, write);
        count++;
    }
    return count;
}

/* --- queries -----------------------------------------------------------------------------------
 */

static bool by_count; /* for qsort: count descending then word, else by name */

static int compare_values(const char *name, long long count, const char *word,
                          const struct document *b)
{
    long long other = strtoll(text(member(member(b->fields, "count"), "integerValue")), NULL, 10);

    if (!by_count)
        return strcmp(name, b->name);
    if (count != other)
        return count < other ? 1 : -1;
    return strcmp(word, text(member(member(b->fields, "word"), "stringValue")));
}

static int compare(const void *x, const void *y)
{
    const struct document *a = *(struct document *const *)x;

    return compare_values(
        a->name, strtoll(text(member(member(a->fields, "count"), "integerValue")), NULL, 10),
        text(member(member(a->fields, "word"), "stringValue")), *(struct document *const *)y);
}

static bool belongs(const struct document *document, const char *prefix)
{
    size_t length = strlen(prefix);

    return strncmp(document->name, prefix, length) == 0 && !strchr(document->name + length, '/') &&
           cJSON_GetArraySize(document->fields) > 0;
}

static struct document **sorted_collection(struct stub_documents *d, const char *parent,
                                           const char *collection, size_t *count)
{
    struct document **list = xcalloc(HASH_COUNT(d->all) + 1, sizeof *list);
    size_t size = strlen(parent) + strlen(collection) + 3;
    char *prefix = xmalloc(size);

    *count = 0;
    snprintf(prefix, size, "%s/%s/", parent, collection);
    for (struct document *at = d->all; at; at = at->hh.next)
        if (belongs(at, prefix))
            list[(*count)++] = at;
    qsort(list, *count, sizeof *list, compare);
    free(prefix);
    return list;
}

static bool is_after(const cJSON *cursor, const struct document *document)
{
    const cJSON *values = member(cursor, "values");

    if (!cursor)
        return true;
    const char *name = text(member(cJSON_GetArrayItem(values, 0), "referenceValue"));
    long long count =
        strtoll(text(member(cJSON_GetArrayItem(values, 0), "integerValue")), NULL, 10);
    return compare_values(name, count, text(member(cJSON_GetArrayItem(values, 1), "stringValue")),
                          document) < 0;
}

cJSON *stub_documents_query(struct stub_documents *d, const char *parent, const cJSON *body,
                            struct stub_error *error)
{
    const cJSON *query = member(body, "structuredQuery"), *order = member(query, "orderBy");
    const char *collection =
        text(member(cJSON_GetArrayItem(member(query, "from"), 0), "collectionId"));
    const cJSON *limit = member(query, "limit");
    int left = limit ? limit->valueint : 1000000;
    size_t count;

    *error = (struct stub_error){.http = 0};
    if (!only_members(body, "structuredQuery", error) ||
        !only_members(query, "from orderBy startAt limit", error))
        return NULL;
    by_count = strcmp(text(member(member(cJSON_GetArrayItem(order, 0), "field"), "fieldPath")),
                      "count") == 0;
    struct document **list = sorted_collection(d, parent, collection, &count);
    cJSON *rows = cJSON_CreateArray();
    for (size_t i = 0; i < count && left > 0; i++) {
        if (!is_after(member(query, "startAt"), list[i]))
            continue;
        cJSON *row = cJSON_CreateObject(), *document = cJSON_AddObjectToObject(row, "document");
        cJSON_AddStringToObject(document, "name", list[i]->name);
        cJSON_AddItemToObject(document, "fields", cJSON_Duplicate(list[i]->fields, 1));
        cJSON_AddStringToObject(row, "readTime", "2026-01-01T00:00:00Z");
        cJSON_AddItemToArray(rows, row);
        left--;
    }
    if (!rows->child) {
        cJSON *row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "readTime", "2026-01-01T00:00:00Z");
        cJSON_AddItemToArray(rows, row);
    }
    free(list);
    return rows;
}
