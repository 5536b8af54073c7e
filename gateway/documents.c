/* documents: see documents.h. */
#include "documents.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "docs_html.h"
#include "gateway.h"
#include "openapi_json.h"

#define ETAG_BYTES 16
#define HASH_TEXT  48 /* base64 of a SHA-256 and its NUL */

/* Made at the first request of this process. */
struct document {
    struct buf text; /* empty: not yet made */
    const char *type;
    char etag[2 * ETAG_BYTES + 3]; /* with its quotes */
    char headers[512];
};

static void write_etag(struct document *d)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];

    SHA256((const unsigned char *)d->text.bytes, d->text.length, hash);
    d->etag[0] = '"';
    for (size_t i = 0; i < ETAG_BYTES; i++)
        snprintf(d->etag + 1 + 2 * i, 3, "%02x", hash[i]);
    d->etag[1 + 2 * ETAG_BYTES] = '"';
}

static void append(struct buf *out, const char *bytes, size_t length)
{
    if (buf_append(out, bytes, length) < 0)
        panic("a document of more than %zu bytes", out->max_bytes);
}

/* Where no key is asked for the document does not ask for one. */
static void make_openapi(struct document *d, bool keys)
{
    static const char keyed[] = "\"security\": [{\"access_token\": []}, {\"bearer\": []}]";
    static const char open[] = "\"security\": []";
    const char *at = strstr(openapi_json, keyed);

    if (!at)
        panic("gateway/openapi.json has no %s", keyed);
    const char *rest = at + strlen(keyed);
    buf_init(&d->text, sizeof openapi_json);
    append(&d->text, openapi_json, (size_t)(at - openapi_json));
    append(&d->text, keys ? keyed : open, strlen(keys ? keyed : open));
    append(&d->text, rest, strlen(rest));
    d->type = "application/json";
    write_etag(d);
    snprintf(d->headers, sizeof d->headers, "ETag: %s\r\nCache-Control: no-cache\r\n", d->etag);
}

/* base64 of the SHA-256 of what stands between two tags: what a Content-Security-Policy names. */
static void hash_between(const char *page, const char *open, const char *close, char *out)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    const char *start = strstr(page, open), *end = start ? strstr(start, close) : NULL;

    if (!end)
        panic("gateway/docs.html has no %s", open);
    start += strlen(open);
    SHA256((const unsigned char *)start, (size_t)(end - start), hash);
    EVP_EncodeBlock((unsigned char *)out, hash, sizeof hash);
}

static void make_page(struct document *d)
{
    char script[HASH_TEXT], style[HASH_TEXT];

    buf_init(&d->text, sizeof docs_html);
    append(&d->text, docs_html, sizeof docs_html - 1);
    hash_between(docs_html, "<script>", "</script>", script);
    hash_between(docs_html, "<style>", "</style>", style);
    d->type = "text/html; charset=utf-8";
    write_etag(d);
    snprintf(d->headers, sizeof d->headers,
             "ETag: %s\r\nCache-Control: no-cache\r\n"
             "Content-Security-Policy: default-src 'none'; connect-src 'self'; "
             "script-src 'sha256-%s'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'; "
             "frame-ancestors 'none'\r\n"
             "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n",
             d->etag, script, style);
}

/* If-None-Match: a list of ETags, each perhaps weak, or a star (RFC 9110, section 13.1.2). */
static bool has_it(const struct head *head, const char *etag)
{
    const char *list = head_find(head, "If-None-Match");

    return list && (strcmp(list, "*") == 0 || strstr(list, etag));
}

static bool answer(struct http_exchange *x, const struct document *d)
{
    if (has_it(http_head(x), d->etag))
        http_answer_typed(x, 304, d->headers, d->type, "", 0);
    else
        http_answer_typed(x, 200, d->headers, d->type, d->text.bytes, d->text.length);
    return false;
}

bool documents_openapi(struct gateway *g, struct http_exchange *x)
{
    static struct document openapi;

    if (!openapi.type)
        make_openapi(&openapi, clients_need_key(g->clients));
    return answer(x, &openapi);
}

bool documents_moved(struct gateway *g, struct http_exchange *x)
{
    (void)g;
    http_answer_detail(x, 307, "Location: /docs\r\n", "the page is /docs");
    return false;
}

bool documents_page(struct gateway *g, struct http_exchange *x)
{
    static struct document page;

    (void)g;
    if (!page.type)
        make_page(&page);
    return answer(x, &page);
}
