/* http_client: see http_client.h. The only file that knows libcurl for the store. */
#include "http_client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"

#define CONNECT_TIMEOUT_MS 10000
#define STOP_GRACE_MS      2000
#define MAX_RETRY_AFTER_MS 600000
#define IDLE_CONNECTION_S  240 /* Google's front end keeps an idle one for about that long */
#define MAX_HEADER_BYTES   (64u << 10)

struct http_client {
    CURL *curl;
    char *ca_file; /* or NULL */
    bool (*stopped)(void);
    int64_t stop_seen_ms; /* 0: not yet */
    char error[CURL_ERROR_SIZE];
};

int http_client_open(const char *ca_file, bool (*stopped)(void), struct http_client **out,
                     struct err *e)
{
    if (*ca_file && access(ca_file, R_OK) != 0)
        return err_set(e, ERR_CONFIG, "the CA file %s cannot be read", ca_file);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        panic("libcurl cannot be set up");
    struct http_client *c = xcalloc(1, sizeof *c);
    c->curl = curl_easy_init();
    if (!c->curl)
        panic("out of memory for an HTTP client");
    c->ca_file = *ca_file ? xstrdup(ca_file) : NULL;
    c->stopped = stopped;
    *out = c;
    return 0;
}

void http_client_close(struct http_client *c)
{
    if (!c)
        return;
    curl_easy_cleanup(c->curl);
    curl_global_cleanup();
    free(c->ca_file);
    free(c);
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct http_reply *reply = context;

    return buf_append(&reply->body, bytes, size * count) < 0 ? 0 : size * count;
}

/* libcurl calls this about once a second, and more often while bytes move. */
static int look_for_stop(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct http_client *client = context;

    (void)a, (void)b, (void)c, (void)d;
    if (!client->stopped || !client->stopped())
        return 0;
    if (!client->stop_seen_ms)
        client->stop_seen_ms = clock_ms();
    return clock_ms() - client->stop_seen_ms > STOP_GRACE_MS;
}

static struct curl_slist *add_header(struct curl_slist *list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(list, line);

    if (!longer)
        panic("out of memory for a header");
    return longer;
}

static struct curl_slist *make_headers(const struct http_call *call)
{
    /* Without "Expect:" a large body would wait for a 100 that some servers never send. */
    struct curl_slist *list = add_header(NULL, "Expect:");
    char type[128];

    if (call->content_type) {
        snprintf(type, sizeof type, "Content-Type: %s", call->content_type);
        list = add_header(list, type);
    }
    if (call->header)
        list = add_header(list, call->header);
    if (call->bearer) {
        struct buf line;
        buf_init(&line, MAX_HEADER_BYTES);
        if (buf_printf(&line, "Authorization: Bearer %s", call->bearer) < 0)
            panic("a token of more than %u bytes", MAX_HEADER_BYTES);
        list = add_header(list, line.bytes);
        explicit_bzero(line.bytes, line.length);
        buf_fini(&line);
    }
    return list;
}

/* The connections live in the handle and outlast curl_easy_reset(). */
static void prepare(struct http_client *c, const struct http_call *call, struct http_reply *out)
{
    CURL *curl = c->curl;

    curl_easy_reset(curl);
    c->error[0] = 0;
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, c->error);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_URL, call->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, call->plain ? "http" : "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "newsmill/" NEWSMILL_VERSION);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE); /* no token to a proxy */
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, (long)IDLE_CONNECTION_S);
    if (call->plain) {
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
        curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    } else {
        curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
        curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
        if (c->ca_file) {
            curl_easy_setopt(curl, CURLOPT_CAINFO, c->ca_file);
            curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
        }
    }
    if (call->content_type) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_length);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body);
    }
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_for_stop);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, c);
}

static void free_headers(struct curl_slist *list)
{
    for (struct curl_slist *at = list; at; at = at->next)
        explicit_bzero(at->data, strlen(at->data));
    curl_slist_free_all(list);
}

/* To libcurl before 8.6 a header longer than it takes is a lack of memory. */
static bool is_header_too_long(CURLcode code)
{
#if LIBCURL_VERSION_NUM >= 0x080600
    if (code == CURLE_TOO_LARGE)
        return true;
#endif
    return code == CURLE_OUT_OF_MEMORY;
}

static int explain(struct http_client *c, CURLcode code, const char *url,
                   const struct http_reply *reply, struct err *e)
{
    const char *text = c->error[0] ? c->error : curl_easy_strerror(code);

    if (code == CURLE_WRITE_ERROR && buf_failed(&reply->body))
        return err_set(e, ERR_LIMIT, "an answer of more than %zu bytes", reply->body.max_bytes);
    if (is_header_too_long(code))
        return err_set(e, ERR_AGAIN,
                       "%.200s: a header of the answer is too long, or memory is short", url);
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return err_set(e, ERR_AGAIN, "stopped while waiting for an answer");
    return err_set(e, ERR_AGAIN, "%s", text);
}

int http_client_send(struct http_client *c, const struct http_call *call, struct http_reply *out,
                     struct err *e)
{
    struct curl_slist *headers = make_headers(call);
    curl_off_t retry_after_s = 0;

    *out = (struct http_reply){.status = 0};
    buf_init(&out->body, call->max_answer_bytes);
    prepare(c, call, out);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
    CURLcode code = curl_easy_perform(c->curl);
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &out->status);
    curl_easy_getinfo(c->curl, CURLINFO_RETRY_AFTER, &retry_after_s);
    out->retry_after_ms = retry_after_s > MAX_RETRY_AFTER_MS / 1000 ? MAX_RETRY_AFTER_MS
                          : retry_after_s > 0                       ? retry_after_s * 1000
                                                                    : 0;
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, NULL);
    free_headers(headers);
    if (code == CURLE_OK)
        return 0;
    out->status = 0;
    return explain(c, code, call->url, out, e);
}

void http_reply_fini(struct http_reply *r)
{
    if (r->body.bytes)
        explicit_bzero(r->body.bytes, r->body.capacity);
    buf_fini(&r->body);
}
