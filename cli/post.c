/* post: see post.h. HTTP/1.1 with keep-alive; no redirect is followed, so the key goes nowhere
 * else. */
#include "cli/post.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/address.h"

#define CONNECT_TIMEOUT_MS 10000L
#define STALL_SECONDS      60L        /* an answer (or a byte of it) takes at most so long */
#define MAX_REPLY_BYTES    (8u << 20) /* ids of 8 KB with all of it escaped */
#define MAX_URL_BYTES      8192
#define MAX_RETRY_AFTER_S  300

static size_t on_reply(char *bytes, size_t size, size_t count, void *context)
{
    struct post *p = context;

    if (!buf_failed(&p->reply))
        buf_append(&p->reply, bytes, size * count); /* past the ceiling the rest is dropped */
    return size * count;
}

/* Called whenever a request is about to be sent. libcurl repeats one by itself when a kept
 * connection turns out to be closed; its first copy may have come through all the same. */
static int on_request(void *context, char *remote, char *local, int remote_port, int local_port)
{
    struct post *p = context;

    (void)remote, (void)local, (void)remote_port, (void)local_port;
    p->requests++;
    return CURL_PREREQFUNC_OK;
}

int post_target_init(struct post_target *t, const char *url, const char *key, bool plain_key,
                     const char *ca_file, struct err *e)
{
    struct buf whole;
    size_t length = strlen(url);
    struct address address;

    *t = (struct post_target){0};
    if (length > MAX_URL_BYTES / 2)
        return err_set(e, ERR_INPUT, "an address of more than %d bytes", MAX_URL_BYTES / 2);
    if (address_read(url, &address, e) < 0)
        return e->code;
    bool in_clear = key && !address.is_https && !address.is_loopback;
    /* A gateway on this machine is never behind the proxy of the environment; and whoever may read
     * a key in clear on the way, a proxy shall not be handed it. */
    t->no_proxy = address.is_loopback || in_clear;
    if (in_clear && !plain_key)
        err_set(e, ERR_INPUT,
                "%.300s: the API key would be sent in clear; use https://, or --plain-key if all "
                "of the way is yours",
                address.name);
    address_fini(&address);
    if (in_clear && !plain_key)
        return e->code;
    while (length > 0 && url[length - 1] == '/')
        length--;
    buf_init(&whole, MAX_URL_BYTES);
    buf_append(&whole, url, length);
    buf_append_text(&whole, "/post/bulk");
    t->url = whole.bytes;
    t->key = key ? xstrdup(key) : NULL;
    t->ca_file = ca_file ? xstrdup(ca_file) : NULL;
    return 0;
}

void post_target_fini(struct post_target *t)
{
    if (t->key)
        explicit_bzero(t->key, strlen(t->key));
    free(t->key);
    free(t->url);
    free(t->ca_file);
    *t = (struct post_target){0};
}

void post_init(struct post *p, const struct post_target *to, void *owner)
{
    *p = (struct post){.easy = curl_easy_init()};
    if (!p->easy)
        panic("libcurl cannot be set up");
    buf_init(&p->reply, MAX_REPLY_BYTES);
    curl_easy_setopt(p->easy, CURLOPT_URL, to->url);
    curl_easy_setopt(p->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(p->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(p->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(p->easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(p->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(p->easy, CURLOPT_LOW_SPEED_TIME, STALL_SECONDS);
    curl_easy_setopt(p->easy, CURLOPT_USERAGENT, "newsmill/" NEWSMILL_VERSION);
    curl_easy_setopt(p->easy, CURLOPT_WRITEFUNCTION, on_reply);
    curl_easy_setopt(p->easy, CURLOPT_WRITEDATA, p);
    curl_easy_setopt(p->easy, CURLOPT_PREREQFUNCTION, on_request);
    curl_easy_setopt(p->easy, CURLOPT_PREREQDATA, p);
    curl_easy_setopt(p->easy, CURLOPT_ERRORBUFFER, p->error);
    curl_easy_setopt(p->easy, CURLOPT_PRIVATE, owner);
    /* What is for the gateway is not for the proxy that connects to it. */
    curl_easy_setopt(p->easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
    if (to->no_proxy)
        curl_easy_setopt(p->easy, CURLOPT_NOPROXY, "*");
    if (to->ca_file) {
        curl_easy_setopt(p->easy, CURLOPT_CAINFO, to->ca_file);
        curl_easy_setopt(p->easy, CURLOPT_CAPATH, NULL);
    }
}

void post_fini(struct post *p)
{
    curl_easy_cleanup(p->easy);
    curl_slist_free_all(p->headers);
    buf_fini(&p->reply);
}

static void add_header(struct post *p, const char *name, const char *value)
{
    char line[1024];
    struct curl_slist *longer = NULL;

    if (snprintf(line, sizeof line, "%s: %s", name, value) < (int)sizeof line)
        longer = curl_slist_append(p->headers, line);
    if (!longer)
        panic("no room for the header %s", name);
    p->headers = longer;
    explicit_bzero(line, sizeof line); /* may be the key */
}

void post_load(struct post *p, const struct post_target *to, const char *idempotency_key,
               const char *body, size_t length)
{
    char bearer[1000];

    p->requests = 0;
    add_header(p, "Content-Type", "application/x-ndjson");
    add_header(p, "Idempotency-Key", idempotency_key);
    add_header(p, "Expect", ""); /* none: no second of waiting before a large body */
    /* Not the gateway's other name for it, access_token: many proxies drop names with "_". */
    if (to->key && snprintf(bearer, sizeof bearer, "Bearer %s", to->key) < (int)sizeof bearer)
        add_header(p, "Authorization", bearer);
    curl_easy_setopt(p->easy, CURLOPT_HTTPHEADER, p->headers);
    curl_easy_setopt(p->easy, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(p->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
}

void post_unload(struct post *p)
{
    curl_slist_free_all(p->headers);
    p->headers = NULL;
}

static bool is_replayed(CURL *easy)
{
    struct curl_header *header;

    return curl_easy_header(easy, "Idempotency-Replayed", 0, CURLH_HEADER, -1, &header) ==
               CURLHE_OK &&
           strcmp(header->value, "true") == 0;
}

static void judge_answer(struct post *p, const struct post_target *to, struct post_result *out)
{
    curl_off_t after_s = 0;
    long status = 0;

    curl_easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(p->easy, CURLINFO_RETRY_AFTER, &after_s);
    out->kind = answer_kind(status);
    out->own_fault = status == 500;
    out->retry_after_ms = (after_s > MAX_RETRY_AFTER_S ? MAX_RETRY_AFTER_S : after_s) * 1000;
    if (out->kind == ANSWER_ACCEPTED)
        out->replayed = is_replayed(p->easy) && p->requests == 1;
    else if (out->kind == ANSWER_KEY)
        snprintf(out->text, sizeof out->text, "%s",
                 to->key ? "the gateway refused the API key"
                         : "the gateway wants an API key: set NEWSMILL_API_KEY or give --key-file");
    else if (out->kind == ANSWER_STRANGE)
        snprintf(out->text, sizeof out->text, "answered %ld, as no gateway does", status);
    else
        out->key_is_taken = answer_text(status, &p->reply, out->text, sizeof out->text);
}

static void judge_failure(struct post *p, CURLcode code, struct post_result *out)
{
    out->kind = ANSWER_LATER;
    snprintf(out->text, sizeof out->text, "%s", address_curl_text(code, p->error));
    switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        out->kind = ANSWER_STRANGE;
        break;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_SSL_CONNECT_ERROR:
        break;
    default:
        out->own_fault = true;
        if (address_is_header_too_long(code))
            out->kind = ANSWER_STRANGE;
    }
}

void post_judge(struct post *p, const struct post_target *to, CURLcode code,
                struct post_result *out)
{
    *out = (struct post_result){0};
    if (code == CURLE_OK)
        judge_answer(p, to, out);
    else
        judge_failure(p, code, out);
}
