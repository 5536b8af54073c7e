/* http_stub: see http_stub.h. */
#include "http_stub.h"

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/err.h"
#include "harness.h"

#define MAX_HEAD_BYTES 65536
#define MAX_BODY_BYTES (64u << 20)

struct http_stub_peer {
    int fd;
    SSL *tls; /* NULL: none */
    bool reset;
};

static ssize_t receive(struct http_stub_peer *p, char *bytes, size_t size)
{
    return p->tls ? SSL_read(p->tls, bytes, (int)size) : read(p->fd, bytes, size);
}

void http_stub_send(struct http_stub_peer *p, const char *bytes, size_t length)
{
    while (length > 0) {
        size_t part = length < 16384 ? length : 16384;
        ssize_t sent = p->tls ? SSL_write(p->tls, bytes, (int)part) : write(p->fd, bytes, part);
        if (sent <= 0)
            return; /* the other side has gone */
        bytes += sent;
        length -= (size_t)sent;
    }
}

void http_stub_printf(struct http_stub_peer *p, const char *format, ...)
{
    char text[4096];
    va_list args;

    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length < 0 || length >= (int)sizeof text)
        panic("stub: too long an answer");
    http_stub_send(p, text, (size_t)length);
}

void http_stub_reset(struct http_stub_peer *p)
{
    p->reset = true;
}

bool http_stub_header(const struct http_stub_request *r, const char *name, char *out, size_t size)
{
    size_t length = strlen(name);

    for (const char *line = r->headers; (line = strstr(line, "\r\n"));) {
        line += 2;
        if (strncasecmp(line, name, length) != 0 || line[length] != ':')
            continue;
        line += length + 1;
        line += strspn(line, " ");
        snprintf(out, size, "%.*s", (int)strcspn(line, "\r"), line);
        return true;
    }
    return false;
}

/* Reads until the buffer holds the end of the head; returns where the body begins, or 0. */
static size_t read_head(struct http_stub_peer *p, struct buf *all)
{
    for (;;) {
        char *end = all->length ? strstr(all->bytes, "\r\n\r\n") : NULL;
        if (end)
            return (size_t)(end - all->bytes) + 4;
        char *room = buf_reserve(all, 4096);
        ssize_t got = room && all->length < MAX_HEAD_BYTES ? receive(p, room, 4096) : 0;
        if (got <= 0)
            return 0;
        all->length += (size_t)got;
        all->bytes[all->length] = 0;
    }
}

static bool read_request(struct http_stub_peer *p, struct buf *all, struct http_stub_request *r)
{
    char length[32] = "0";
    size_t head = read_head(p, all);

    if (!head || sscanf(all->bytes, "%15s %511s", r->method, r->path) != 2)
        return false;
    r->headers = strndup(all->bytes, head);
    http_stub_header(r, "Content-Length", length, sizeof length);
    r->body_length = strtoul(length, NULL, 10);
    while (all->length < head + r->body_length) {
        char *room = buf_reserve(all, 65536);
        ssize_t got = room ? receive(p, room, 65536) : 0;
        if (got <= 0)
            return false;
        all->length += (size_t)got;
        all->bytes[all->length] = 0;
    }
    r->body = all->bytes + head;
    return true;
}

static void serve(int fd, SSL_CTX *tls, int number, const struct http_stub_options *o)
{
    static const struct linger hard = {.l_onoff = 1};
    struct http_stub_peer peer = {.fd = fd, .tls = tls ? SSL_new(tls) : NULL};
    struct http_stub_request request = {.number = number};
    struct buf all;

    buf_init(&all, MAX_HEAD_BYTES + MAX_BODY_BYTES);
    if (tls)
        SSL_set_fd(peer.tls, fd);
    if ((!tls || SSL_accept(peer.tls) == 1) && read_request(&peer, &all, &request))
        o->serve(&peer, &request, o->context);
    free(request.headers);
    buf_fini(&all);
    if (peer.reset)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    else if (tls)
        SSL_shutdown(peer.tls);
    SSL_free(peer.tls);
    close(fd);
}

static void run(int listener, const struct http_stub_options *o)
{
    SSL_CTX *tls = o->certificate ? SSL_CTX_new(TLS_server_method()) : NULL;

    if (tls && (SSL_CTX_use_certificate_chain_file(tls, o->certificate) != 1 ||
                SSL_CTX_use_PrivateKey_file(tls, o->key, SSL_FILETYPE_PEM) != 1))
        panic("stub: the certificate cannot be used");
    for (int number = 1;; number++) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0)
            serve(fd, tls, number, o);
    }
}

void http_stub_start(struct http_stub *s, const struct http_stub_options *options)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (listener < 0 || bind(listener, (struct sockaddr *)&at, size) < 0 ||
        listen(listener, 128) < 0 || getsockname(listener, (struct sockaddr *)&at, &size) < 0)
        panic("stub: no port");
    s->port = ntohs(at.sin_port);
    fflush(NULL);
    s->pid = fork();
    if (s->pid == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        run(listener, options);
        _exit(1);
    }
    close(listener);
    proc_adopt(s->pid);
}

void *http_stub_shared(size_t size)
{
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (block == MAP_FAILED)
        panic("stub: no memory");
    return block;
}

void http_stub_make_certificates(const char *dir)
{
    char line[1500], *output = NULL;
    const char *args[] = {"-c", line, NULL};

    snprintf(line, sizeof line,
             "cd %s && exec 2>&1 && new='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'&&"
             "openssl req -x509 $new -keyout ca.key -out ca.pem -subj /CN=ours -days 2 &&"
             "openssl req -x509 $new -keyout other.key -out other.pem -subj /CN=other -days 2 &&"
             "openssl req $new -keyout server.key -out server.csr -subj /CN=server &&"
             "echo subjectAltName=IP:127.0.0.1 >ext &&"
             "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial"
             " -extfile ext -days 2 -out server.pem",
             dir);
    if (proc_run("sh", NULL, args, true, &output, 60000) != 0)
        panic("%s: %s", line, output);
    free(output);
}
