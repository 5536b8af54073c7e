/* http: one HTTP request by libcurl, for harness.h. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "harness.h"

struct text {
    char *bytes;
    size_t length;
};

static size_t append(char *bytes, size_t size, size_t count, void *context)
{
    struct text *t = context;

    t->bytes = xrealloc(t->bytes, t->length + size * count + 1);
    memcpy(t->bytes + t->length, bytes, size * count);
    t->length += size * count;
    t->bytes[t->length] = 0;
    return size * count;
}

void http_request(int port, const char *method, const char *path, const char *const *headers,
                  const char *body, size_t body_length, struct http_answer *out)
{
    struct text answer = {.bytes = xstrdup("")}, head = {.bytes = xstrdup("")};
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    CURL *curl = curl_easy_init();
    char url[1024];

    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
    for (int i = 0; headers && headers[i]; i++)
        list = curl_slist_append(list, headers[i]);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 20000L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &head);
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    if (body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body_length);
    }
    *out = (struct http_answer){.body = NULL};
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out->status);
    out->body = answer.bytes;
    out->headers = head.bytes;
    curl_slist_free_all(list);
    curl_easy_cleanup(curl);
}

void http_free(struct http_answer *a)
{
    free(a->body);
    free(a->headers);
    *a = (struct http_answer){.body = NULL};
}
