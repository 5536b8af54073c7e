/* address: see address.h. */
#include "cli/address.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_loopback(const char *host)
{
    struct in_addr v4;

    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

/* NULL without one that has at least a letter. */
static char *part(CURLU *url, CURLUPart which)
{
    char *text = NULL;

    if (curl_url_get(url, which, &text, 0) == CURLUE_OK && *text)
        return text;
    curl_free(text);
    return NULL;
}

static char *make_name(CURLU *url)
{
    static const CURLUPart secrets[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS,
                                        CURLUPART_QUERY, CURLUPART_FRAGMENT};
    char *whole, *name;

    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
        curl_url_set(url, secrets[i], NULL, 0);
    whole = part(url, CURLUPART_URL);
    if (!whole)
        panic("libcurl forgets an address");
    name = xstrdup(whole);
    curl_free(whole);
    return name;
}

int address_read(const char *text, struct address *out, struct err *e)
{
    CURLU *url = curl_url();
    char *scheme = NULL, *host = NULL;
    bool good;

    *out = (struct address){0};
    if (!url)
        panic("out of memory for an address");
    good = curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK;
    if (good) {
        scheme = part(url, CURLUPART_SCHEME);
        host = part(url, CURLUPART_HOST);
        out->is_https = scheme && strcmp(scheme, "https") == 0;
        good = host && (out->is_https || (scheme && strcmp(scheme, "http") == 0));
    }
    if (good) {
        out->is_loopback = is_loopback(host);
        out->name = make_name(url);
    }
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(url);
    return good ? 0
                : err_set(e, ERR_INPUT, "%.300s: http://HOST:PORT or https://HOST is wanted", text);
}

void address_fini(struct address *a)
{
    free(a->name);
    *a = (struct address){0};
}

bool address_is_header_too_long(int curl_code)
{
#if LIBCURL_VERSION_NUM >= 0x080600
    if (curl_code == CURLE_TOO_LARGE)
        return true;
#endif
    return curl_code == CURLE_OUT_OF_MEMORY;
}

const char *address_curl_text(int curl_code, const char *detail)
{
    if (address_is_header_too_long(curl_code))
        return "a header of the answer is too long, or memory is short";
    return *detail ? detail : curl_easy_strerror((CURLcode)curl_code);
}
