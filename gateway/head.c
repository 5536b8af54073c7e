/* head: see head.h. */
#include "head.h"

#include <string.h>
#include <strings.h>

#define MAX_METHOD_BYTES 32

/* What a byte may stand in: a token (tchar of RFC 9110, section 5.6.2), a field value (visible,
 * above ASCII too, space and tab; no other control), the name of a host (reg-name of RFC 3986
 * without sub-delims: no host has them, and a comma would be a list), a request target (pchar, "/",
 * "?"). */
#define T 1
#define V 2
#define H 4
#define U 8

static const unsigned char classes[256] = {
    ['\t'] = V,
    [' '] = V,
    ['!'] = T | V | U,
    ['"'] = V,
    ['#'] = T | V,
    ['$'] = T | V | U,
    ['%'] = T | V | H | U,
    ['&' ... '\''] = T | V | U,
    ['(' ... ')'] = V | U,
    ['*' ... '+'] = T | V | U,
    [','] = V | U,
    ['-' ... '.'] = T | V | H | U,
    ['/'] = V | U,
    ['0' ... '9'] = T | V | H | U,
    [':' ... ';'] = V | U,
    ['<'] = V,
    ['='] = V | U,
    ['>'] = V,
    ['?' ... '@'] = V | U,
    ['A' ... 'Z'] = T | V | H | U,
    ['[' ... ']'] = V,
    ['^'] = T | V,
    ['_'] = T | V | H | U,
    ['`'] = T | V,
    ['a' ... 'z'] = T | V | H | U,
    ['{'] = V,
    ['|'] = T | V,
    ['}'] = V,
    ['~'] = T | V | H | U,
    [0x80 ... 0xff] = V,
};

static int fail(struct head_fault *fault, int status, const char *text)
{
    *fault = (struct head_fault){.status = status, .text = text};
    return ERR_INPUT;
}

/* The first byte that is not of that class; a NUL is of none. */
static char *skip(const char *at, unsigned char class)
{
    while (classes[(unsigned char)*at] & class)
        at++;
    return (char *)(uintptr_t)at;
}

/* uri-host [":" port], not empty: a name, an IPv4 address or an IPv6 address in brackets. */
static bool is_host(const char *text)
{
    size_t length = *text == '[' ? strspn(text + 1, "0123456789abcdefABCDEF:.") : 0;
    const char *end = skip(text, H);

    if (length > 0 && text[length + 1] == ']')
        end = text + length + 2;
    if (end > text && *end == ':')
        end += 1 + strspn(end + 1, "0123456789");
    return end > text && !*end;
}

static bool is_hex_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool has_good_percents(const char *target)
{
    for (; (target = strchr(target, '%')); target++)
        if (!is_hex_digit(target[1]) || !is_hex_digit(target[2]))
            return false;
    return true;
}

ssize_t head_length(const char *bytes, size_t length, size_t *scanned)
{
    size_t at = *scanned, method = 0;
    const char *feed;

    while (method < length && method <= MAX_METHOD_BYTES &&
           classes[(unsigned char)bytes[method]] & T)
        method++;
    if (length > 0 && (method == 0 || method > MAX_METHOD_BYTES))
        return -1;
    while (at < length && (feed = memchr(bytes + at, '\n', length - at))) {
        size_t i = (size_t)(feed - bytes);
        if (memchr(bytes + at, '\r', i - at) != feed - 1) /* CR LF CR LF might never come */
            return -1;
        if (i >= 3 && bytes[i - 2] == '\n')
            return (ssize_t)i + 1;
        *scanned = at = i + 1;
    }
    const char *bare = at < length ? memchr(bytes + at, '\r', length - at) : NULL;
    return bare && bare + 1 < bytes + length ? -1 : 0; /* *scanned: the start of the last line */
}

/* Cuts one line off; the bytes end in a NUL. Returns the start of the next, NULL with *fault set.
 */
static char *cut_line(char *line, struct head_fault *fault)
{
    char *end = line + strcspn(line, "\r\n");

    if (!*end)
        fail(fault, 400, "a NUL in the head");
    else if (end[0] != '\r' || end[1] != '\n')
        fail(fault, 400, "a line does not end in CR LF");
    else
        return *end = 0, end + 2;
    return NULL;
}

/* http://host/path as for a proxy: the host in it counts instead of the header (RFC 9112, 3.2.2).
 */
static int parse_target(char *target, struct head *out, struct head_fault *fault)
{
    out->path = target;
    if (strncasecmp(target, "http://", 7) == 0) {
        char *host = target + 7, *slash = host + strcspn(host, "/?");
        size_t length = (size_t)(slash - host);
        if (length == 0)
            return fail(fault, 400, "the request target has no host");
        /* One byte to the left, so that the host can end in a NUL and the path keep its slash. */
        memmove(host - 1, host, length);
        host[length - 1] = 0;
        out->host = host - 1;
        out->path = *slash ? slash : "/";
        if (!is_host(out->host))
            return fail(fault, 400, "the host in the request target is not one");
    } else if (*target != '/' &&
               (strcmp(target, "*") != 0 || strcmp(out->method, "OPTIONS") != 0)) {
        return fail(fault, 400, "the request target is not a path");
    }
    char *mark = strchr(out->path, '?');
    if (mark) {
        *mark = 0;
        out->query = mark + 1;
    }
    if (!*out->path) /* "http://host?query" */
        out->path = "/";
    return 0;
}

static int parse_version(const char *version, struct head *out, struct head_fault *fault)
{
    if (strncmp(version, "HTTP/", 5) != 0 || version[5] < '0' || version[5] > '9' ||
        version[6] != '.' || version[7] < '0' || version[7] > '9' || version[8])
        return fail(fault, 400, "the version is not HTTP/1.1");
    if (version[5] != '1')
        return fail(fault, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    out->minor = version[7] > '0';
    return 0;
}

static int parse_request_line(char *line, struct head *out, struct head_fault *fault)
{
    static const char form[] = "the request line is not METHOD TARGET VERSION";
    char *end = skip(line, T), *target, *version;

    if (end == line || *end != ' ')
        return fail(fault, 400, *end ? "the method is not a token" : form);
    target = end + 1;
    end = skip(target, U);
    if (end == target || *end != ' ')
        return fail(fault, 400, *end ? "a byte in the request target is not allowed" : form);
    version = end + 1;
    target[-1] = version[-1] = 0;
    out->method = line;
    if (!has_good_percents(target))
        return fail(fault, 400, "a percent sign in the request target lacks its digits");
    if (parse_version(version, out, fault) < 0)
        return ERR_INPUT;
    return parse_target(target, out, fault);
}

/* The headers whose meaning is this file's, as they come along. */
struct meaning {
    const char *host, *expect, *length, *coding;
    unsigned hosts, lengths, codings;
    unsigned seen;            /* bits of those below */
    const char *double_fault; /* NULL: none is there twice */
};

static bool is_name(const struct head_header *h, const char *name, size_t length)
{
    return h->name_length == length && strncasecmp(h->name, name, length) == 0;
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

/* Headers that mean one thing: of two, another server might take the other one. */
static void note_single(const struct head_header *h, struct meaning *m)
{
    static const struct {
        const char *name;
        size_t length;
        const char *fault;
    } single[] = {
        {"Content-Type", 12, "Content-Type is there twice"},
        {"Content-Encoding", 16, "Content-Encoding is there twice"},
        {"access_token", 12, "access_token is there twice"},
        {"Authorization", 13, "Authorization is there twice"},
        {"Idempotency-Key", 15, "Idempotency-Key is there twice"},
    };

    for (unsigned i = 0; i < sizeof single / sizeof single[0]; i++) {
        if (!is_name(h, single[i].name, single[i].length))
            continue;
        if (m->seen & 1u << i)
            m->double_fault = single[i].fault;
        m->seen |= 1u << i;
        return;
    }
}

static void note_meaning(const struct head_header *h, struct head *out, struct meaning *m)
{
    if (is_name(h, "Host", 4)) {
        m->hosts++;
        m->host = h->value;
    } else if (is_name(h, "Expect", 6)) {
        m->expect = m->expect ? m->expect : h->value;
    } else if (is_name(h, "Connection", 10)) {
        out->close |= has_word(h->value, "close");
    } else if (is_name(h, "Content-Length", 14)) {
        m->lengths++;
        m->length = h->value;
    } else if (is_name(h, "Transfer-Encoding", 17)) {
        m->codings++;
        m->coding = h->value;
    } else {
        note_single(h, m);
    }
}

size_t head_token_length(const char *text)
{
    return (size_t)(skip(text, T) - text);
}

const char *head_field(char *line, struct head_header *out)
{
    char *colon = skip(line, T), *value, *end;

    if (*line == ' ' || *line == '\t')
        return "a header is folded over lines";
    if (colon == line || *colon != ':')
        return *colon ? "the name of a header is not a token" : "a header has no colon";
    for (value = colon + 1; *value == ' ' || *value == '\t';)
        value++;
    end = skip(value, V);
    if (*end)
        return "a byte in a header is not allowed";
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = 0;
    *colon = 0;
    *out =
        (struct head_header){.name = line, .value = value, .name_length = (size_t)(colon - line)};
    return NULL;
}

/* Returns the start of the next line, NULL with *fault set. */
static char *parse_header(char *line, struct head *out, struct meaning *m, struct head_fault *fault)
{
    struct head_header *h = &out->headers[out->header_count];
    char *next = cut_line(line, fault);
    const char *wrong;

    if (!next)
        return NULL;
    if (out->header_count == HEAD_MAX_HEADERS) {
        fail(fault, 431, "too many headers");
        return NULL;
    }
    wrong = head_field(line, h);
    if (wrong) {
        fail(fault, 400, wrong);
        return NULL;
    }
    out->header_count++;
    note_meaning(h, out, m);
    return next;
}

const char *head_find(const struct head *h, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < h->header_count; i++)
        if (is_name(&h->headers[i], name, length))
            return h->headers[i].value;
    return NULL;
}

/* True for "gzip, chunked": chunked once, and last. */
static bool ends_in_chunked(const char *codings)
{
    const char *comma = strrchr(codings, ','), *last = comma ? comma + 1 : codings;

    last += strspn(last, " \t");
    return strcasecmp(last, "chunked") == 0 && strcasestr(codings, "chunked") == last;
}

/* How long the body is (RFC 9112, section 6). Two lengths are refused even when they agree. */
static int parse_framing(struct head *h, const struct meaning *m, struct head_fault *fault)
{
    const char *length = m->length;

    if (m->lengths + m->codings > 1)
        return fail(fault, 400, "the length of the body is given twice");
    if (m->coding) {
        if (h->minor == 0)
            return fail(fault, 400, "Transfer-Encoding in HTTP/1.0");
        h->chunked = strcasecmp(m->coding, "chunked") == 0;
        if (!*m->coding || (has_word(m->coding, "chunked") && !ends_in_chunked(m->coding)))
            return fail(fault, 400, "chunked is not the last Transfer-Encoding");
        if (!h->chunked)
            return fail(fault, 501, "the only Transfer-Encoding understood is chunked");
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

static int parse_meaning(struct head *h, const struct meaning *m, struct head_fault *fault)
{
    if (m->double_fault)
        return fail(fault, 400, m->double_fault);
    if (m->hosts > 1)
        return fail(fault, 400, "Host is there twice");
    if (!m->host && h->minor > 0)
        return fail(fault, 400, "Host is missing");
    if (m->host && !is_host(m->host))
        return fail(fault, 400, "Host is not a host");
    if (!h->host)
        h->host = m->host;
    if (m->expect && h->minor > 0) {
        if (strcasecmp(m->expect, "100-continue") != 0)
            return fail(fault, 417, "the only expectation understood is 100-continue");
        h->expect_continue = true;
    }
    return parse_framing(h, m, fault);
}

int head_parse(char *bytes, size_t length, struct head *out, struct head_fault *fault)
{
    struct meaning meaning = {0};
    char *line = bytes, *next;

    head_init(out);
    bytes[length] = 0;
    next = cut_line(line, fault);
    if (!next || parse_request_line(line, out, fault) < 0)
        return ERR_INPUT;
    out->close = out->minor == 0;
    for (line = next; *line != '\r' || line[1] != '\n'; line = next) {
        next = parse_header(line, out, &meaning, fault);
        if (!next)
            return ERR_INPUT;
    }
    if (line + 2 != bytes + length)
        return fail(fault, 400, "an empty line in the head");
    return parse_meaning(out, &meaning, fault);
}
