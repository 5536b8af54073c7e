/* http_stub: an HTTP server of a test's own, in a process of its own, that answers as the test's
 * function says, byte by byte if need be. One connection at a time and one request on each. */
#ifndef NEWSMILL_HTTP_STUB_H
#define NEWSMILL_HTTP_STUB_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct http_stub_request {
    int number; /* from 1 */
    char method[16], path[512];
    char *headers; /* the head as it came, NUL-terminated */
    char *body;    /* NUL-terminated */
    size_t body_length;
};

struct http_stub_peer;

struct http_stub_options {
    const char *certificate, *key; /* PEM files for HTTPS, or NULL */
    void (*serve)(struct http_stub_peer *peer, const struct http_stub_request *r, void *context);
    void *context; /* from http_stub_shared(), if the test is to see what becomes of it */
};

struct http_stub {
    pid_t pid;
    int port; /* on 127.0.0.1 */
};

/* It dies with this process and by harness_end(). */
void http_stub_start(struct http_stub *s, const struct http_stub_options *options);

/* Zeroed memory that the stub and the test share; never freed. */
void *http_stub_shared(size_t size);

/* For `serve`. What is sent is not buffered. The connection is closed when it returns: with a
 * reset, after http_stub_reset(). */
void http_stub_send(struct http_stub_peer *peer, const char *bytes, size_t length);
void http_stub_printf(struct http_stub_peer *peer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void http_stub_reset(struct http_stub_peer *peer);

/* Copies the value of a header; false where there is none. */
bool http_stub_header(const struct http_stub_request *r, const char *name, char *out, size_t size);

/* Makes ca.pem, server.pem with server.key (for 127.0.0.1), and other.pem, a certificate authority
 * that signed nothing, in `dir`. */
void http_stub_make_certificates(const char *dir);

#endif
