/* head: see head.h. */
#include "head.h"

#include <string.h>
#include <strings.h>

static int fail(struct head_fault *fault, int status, const char *text)
{
    *fault = (struct head_fault){.status = status, .text = text};
    return ERR_INPUT;
}

/* tchar of RFC 9110, section 5.6.2 */
static bool is_token_byte(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(const char *text)
{
    const char *at = text;

    while (is_token_byte((unsigned char)*at))
        at++;
    return at > text && !*at;
}

/* field-value: visible bytes, those above ASCII too, spaces and tabs; no other control. */
static bool is_value(const char *text)
{
    for (; *text; text++)
        if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f)
            return false;
    return true;
}

/* uri-host [":" port] as far as its bytes go. */
static bool is_host(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-._~!$&'()*+,;=%:[]";

    return text[strspn(text, allowed)] == 0;
}

/* Cuts one line off; NULL when its end is not CRLF or a NUL or CR stands in it. */
static char *take_line(char **rest)
{
    char *line = *rest, *end = line + strcspn(line, "\r");

    if (end[0] != '\r' || end[1] != '\n' || memchr(line, '\n', (size_t)(end - line)))
        return NULL;
    *end = 0;
    *rest = end + 2;
    return line;
}

/* http://host/path as for a proxy: the host in it counts instead of the header (RFC 9112, 3.2.2).
 */
static int parse_target(char *target, struct head *out, struct head_fault *fault)
{
    for (const char *at = target; *at; at++)
        if ((unsigned char)*at <= 0x20 || (unsigned char)*at >= 0x7f)
            return fail(fault, 400, "a byte in the request target is not allowed");
    out->path = target;
    if (strncasecmp(target, "http://", 7) == 0) {
        char *host = target + 7, *slash = host + strcspn(host, "/?");
        size_t length = (size_t)(slash - host);
        /* One byte to the left, so that the host can end in a NUL and the path keep its slash. */
        memmove(host - 1, host, length);
        host[length - 1] = 0;
        out->host = host - 1;
        out->path = *slash ? slash : "/";
        if (length == 0 || !is_host(out->host))
            return fail(fault, 400, "the host in the request target is not one");
    } else if (*target != '/' && strcmp(target, "*") != 0) {
        return fail(fault, 400, "the request target is not a path");
    }
    char *mark = strchr(out->path, '?');
    if (mark) {
        *mark = 0;
        out->query = mark + 1;
    }
    return 0;
}

static int parse_request_line(char *line, struct head *out, struct head_fault *fault)
{
    char *target = strchr(line, ' ');
    char *version = target ? strchr(target + 1, ' ') : NULL;

    if (!version)
        return fail(fault, 400, "the request line is not METHOD TARGET VERSION");
    *target++ = 0;
    *version++ = 0;
    if (!is_token(line))
        return fail(fault, 400, "the method is not a token");
    out->method = line;
    if (strncmp(version, "HTTP/", 5) != 0 || version[5] < '0' || version[5] > '9' ||
        version[6] != '.' || version[7] < '0' || version[7] > '9' || version[8])
        return fail(fault, 400, "the version is not HTTP/1.1");
    if (version[5] != '1')
        return fail(fault, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    out->minor = version[7] > '0';
    return parse_target(target, out, fault);
}

static int parse_header(char *line, struct head *out, struct head_fault *fault)
{
    char *colon = strchr(line, ':');

    if (*line == ' ' || *line == '\t')
        return fail(fault, 400, "a header is folded over lines");
    if (!colon)
        return fail(fault, 400, "a header has no colon");
    *colon = 0;
    if (!is_token(line))
        return fail(fault, 400, "the name of a header is not a token");
    char *value = colon + 1 + strspn(colon + 1, " \t"), *end = value + strlen(value);
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = 0;
    if (!is_value(value))
        return fail(fault, 400, "a byte in a header is not allowed");
    if (out->header_count == HEAD_MAX_HEADERS)
        return fail(fault, 431, "too many headers");
    out->headers[out->header_count++] = (struct head_header){.name = line, .value = value};
    return 0;
}

const char *head_find(const struct head *h, const char *name)
{
    for (size_t i = 0; i < h->header_count; i++)
        if (strcasecmp(h->headers[i].name, name) == 0)
            return h->headers[i].value;
    return NULL;
}

static size_t count(const struct head *h, const char *name)
{
    size_t found = 0;

    for (size_t i = 0; i < h->header_count; i++)
        found += strcasecmp(h->headers[i].name, name) == 0;
    return found;
}

/* How long the body is (RFC 9112, section 6). Two lengths are refused even when they agree. */
static int parse_framing(struct head *h, struct head_fault *fault)
{
    const char *length = head_find(h, "Content-Length"),
               *coding = head_find(h, "Transfer-Encoding");

    h->content_length = -1;
    if (count(h, "Content-Length") > 1 || count(h, "Transfer-Encoding") > 1 || (length && coding))
        return fail(fault, 400, "the length of the body is given twice");
    if (coding) {
        if (h->minor == 0)
            return fail(fault, 400, "Transfer-Encoding in HTTP/1.0");
        if (strcasecmp(coding, "chunked") != 0)
            return fail(fault, 501, "the only Transfer-Encoding understood is chunked");
        h->chunked = true;
    } else if (length) {
        size_t digits = strspn(length, "0123456789");
        if (digits == 0 || length[digits] || digits > 18)
            return fail(fault, 400, "Content-Length is not a number");
        h->content_length = 0;
        for (; *length; length++)
            h->content_length = 10 * h->content_length + *length - '0';
    }
    return 0;
}

/* True when the comma-separated list has the word. */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    while (*list) {
        list += strspn(list, " \t,");
        size_t found = strcspn(list, " \t,");
        if (found == length && strncasecmp(list, word, length) == 0)
            return true;
        list += found;
    }
    return false;
}

static int parse_meaning(struct head *h, struct head_fault *fault)
{
    const char *host = head_find(h, "Host"), *expect = head_find(h, "Expect");

    if (count(h, "Host") > 1)
        return fail(fault, 400, "Host is there twice");
    if (!host && h->minor > 0)
        return fail(fault, 400, "Host is missing");
    if (host && !is_host(host))
        return fail(fault, 400, "Host is not a host");
    if (!h->host)
        h->host = host;
    h->close = h->minor == 0;
    for (size_t i = 0; i < h->header_count; i++)
        if (strcasecmp(h->headers[i].name, "Connection") == 0)
            h->close |= has_word(h->headers[i].value, "close");
    if (expect && h->minor > 0) {
        if (strcasecmp(expect, "100-continue") != 0)
            return fail(fault, 417, "the only expectation understood is 100-continue");
        h->expect_continue = true;
    }
    return parse_framing(h, fault);
}

int head_parse(char *bytes, size_t length, struct head *out, struct head_fault *fault)
{
    char *rest = bytes, *line;

    memset(out, 0, sizeof *out);
    bytes[length] = 0;
    if (memchr(bytes, 0, length))
        return fail(fault, 400, "a NUL in the head");
    line = take_line(&rest);
    if (!line)
        return fail(fault, 400, "a line does not end in CR LF");
    if (parse_request_line(line, out, fault) < 0)
        return ERR_INPUT;
    while ((line = take_line(&rest)) && *line)
        if (parse_header(line, out, fault) < 0)
            return ERR_INPUT;
    if (!line)
        return fail(fault, 400, "a line does not end in CR LF");
    return parse_meaning(out, fault);
}
