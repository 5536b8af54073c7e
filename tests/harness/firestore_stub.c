/* firestore_stub: see firestore_stub.h. The server's side of the process: routes and faults. */
#include "firestore_stub.h"

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "harness.h"
#include "stub_documents.h"
#include "stub_tokens.h"

#define MAX_BODY_BYTES (10 << 20) /* Firestore's limit */

enum fault {
    NONE,
    DROP,
    LOST,
    STATUS,
    UNSURE,
    STALL,
    LATE,
    HALF,
    GARBAGE,
    SHARED,
    RETRY,
    INVALID,
    HUGE,
    FAULTS
};

static const char *const fault_names[FAULTS] = {"none",  "drop",    "lost", "status",  "unsure",
                                                "stall", "late",    "half", "garbage", "shared",
                                                "retry", "invalid", "huge"};

static struct server {
    struct event_base *base;
    struct stub_documents *documents;
    struct stub_tokens *tokens; /* NULL: none are asked for */
    double shares[FAULTS];
    int next[FAULTS]; /* the next so many commits */
    uint64_t random;
    unsigned statuses;
    struct {
        const char *name;
        long value;
    } numbers[8];
} server;

enum { REQUESTS, COMMITS, APPLIED, WRITES, MARKERS, LEDGER, FAULTED, UNAUTHORIZED };

/* --- answering ---------------------------------------------------------------------------------
 */

static void reply(struct evhttp_request *r, int code, const char *type, const char *text)
{
    struct evbuffer *body = evbuffer_new();

    evbuffer_add(body, text, strlen(text));
    evhttp_add_header(evhttp_request_get_output_headers(r), "Content-Type", type);
    evhttp_send_reply(r, code, "Because", body);
    evbuffer_free(body);
}

static void reply_error(struct evhttp_request *r, int code, const char *status, const char *message)
{
    cJSON *tree = cJSON_CreateObject(), *error = cJSON_AddObjectToObject(tree, "error");

    cJSON_AddNumberToObject(error, "code", code);
    cJSON_AddStringToObject(error, "message", message);
    cJSON_AddStringToObject(error, "status", status);
    char *text = cJSON_Print(tree);
    reply(r, code, "application/json", text);
    free(text);
    cJSON_Delete(tree);
}

static void cut(evutil_socket_t fd, short what, void *connection)
{
    (void)fd, (void)what;
    evhttp_connection_free(connection);
}

static void cut_soon(struct evhttp_connection *connection, void *context)
{
    static const struct timeval now = {0};

    (void)context;
    event_base_once(server.base, -1, EV_TIMEOUT, cut, connection, &now);
}

static void reply_half(struct evhttp_request *r, const char *text)
{
    struct evbuffer *body = evbuffer_new();
    char length[32];

    snprintf(length, sizeof length, "%zu", strlen(text));
    evhttp_add_header(evhttp_request_get_output_headers(r), "Content-Length", length);
    evhttp_send_reply_start(r, 200, "OK");
    evbuffer_add(body, text, strlen(text) / 2);
    evhttp_send_reply_chunk_with_cb(r, body, cut_soon, NULL);
    evbuffer_free(body);
}

/* A whole answer behind more white space than anyone should read. */
static void reply_huge(struct evhttp_request *r)
{
    static char spaces[1 << 20];
    struct evbuffer *body = evbuffer_new();

    memset(spaces, ' ', sizeof spaces);
    for (int i = 0; i < 20; i++)
        evbuffer_add(body, spaces, sizeof spaces);
    evbuffer_add_printf(body, "{\"commitTime\":\"2026-01-01T00:00:00Z\"}");
    evhttp_send_reply(r, 200, "OK", body);
    evbuffer_free(body);
}

static void reply_some_status(struct evhttp_request *r)
{
    static const struct {
        int code;
        const char *status;
    } list[] = {{503, "UNAVAILABLE"}, {409, "ABORTED"},  {429, "RESOURCE_EXHAUSTED"},
                {500, "INTERNAL"},    {502, NULL},       {504, "DEADLINE_EXCEEDED"},
                {499, "CANCELLED"},   {500, "UNKNOWN"},  {401, "UNAUTHENTICATED"},
                {400, NULL},          {409, NULL},       {403, "PERMISSION_DENIED"},
                {302, NULL},          {404, "NOT_FOUND"}};
    unsigned which = server.statuses++ % (sizeof list / sizeof list[0]);

    if (list[which].status)
        reply_error(r, list[which].code, list[which].status, "for the test");
    else
        reply(r, list[which].code, "text/html", "<html>not Firestore</html>");
}

/* --- faults ------------------------------------------------------------------------------------
 */

static double draw(void) /* xorshift64, below 1 */
{
    server.random ^= server.random << 13;
    server.random ^= server.random >> 7;
    server.random ^= server.random << 17;
    return (double)(server.random >> 11) / 9007199254740992.0;
}

static enum fault choose_fault(bool is_shared)
{
    double at = draw();

    for (int i = 1; i < FAULTS; i++)
        if (server.next[i] > 0 && (i != SHARED || is_shared)) {
            server.next[i]--;
            return (enum fault)i;
        }
    for (int i = 1; i < FAULTS; i++) {
        at -= server.shares[i];
        if (at < 0)
            return i == SHARED && !is_shared ? NONE : (enum fault)i;
    }
    return NONE;
}

static void set_faults(const char *text)
{
    memset(server.shares, 0, sizeof server.shares);
    memset(server.next, 0, sizeof server.next);
    for (const char *at = text; *at; at += strcspn(at, " "), at += *at == ' ') {
        double value = strchr(at, '=') ? strtod(strchr(at, '=') + 1, NULL) : 0;
        if (strncmp(at, "seed=", 5) == 0)
            server.random = (uint64_t)value * 2654435769u + 1;
        for (int i = 1; i < FAULTS; i++)
            if (strncmp(at, fault_names[i], strlen(fault_names[i])) == 0) {
                server.next[i] = value >= 1 ? (int)value : 0;
                server.shares[i] = value < 1 ? value : 0;
            }
    }
}

/* --- requests ----------------------------------------------------------------------------------
 */

static bool is_applied(enum fault fault)
{
    return fault == NONE || fault == LOST || fault == UNSURE || fault == LATE || fault == HALF ||
           fault == SHARED || fault == HUGE;
}

static int count_markers(const cJSON *body)
{
    const cJSON *write;
    int count = 0;

    cJSON_ArrayForEach(write, cJSON_GetObjectItemCaseSensitive(body, "writes")) count +=
        cJSON_GetObjectItemCaseSensitive(write, "currentDocument") != NULL;
    return count;
}

static void answer_commit(struct evhttp_request *r, enum fault fault)
{
    static const char done[] = "{\"writeResults\":[{\"updateTime\":\"2026-01-01T00:00:00Z\"}],"
                               "\"commitTime\":\"2026-01-01T00:00:00Z\"}";

    switch (fault) {
    case NONE:
        reply(r, 200, "application/json", done);
        break;
    case DROP:
    case LOST:
    case SHARED:
        cut_soon(evhttp_request_get_connection(r), NULL);
        break;
    case UNSURE:
        reply_error(r, 503, "UNAVAILABLE", "nobody knows");
        break;
    case HALF:
        reply_half(r, done);
        break;
    case HUGE:
        reply_huge(r);
        break;
    case GARBAGE:
        reply(r, 200, "text/html", "<html>please sign in</html>");
        break;
    case STATUS:
        reply_some_status(r);
        break;
    case RETRY:
        evhttp_add_header(evhttp_request_get_output_headers(r), "Retry-After", "1");
        reply_error(r, 503, "UNAVAILABLE", "in a second");
        break;
    case INVALID:
        reply_error(r, 400, "INVALID_ARGUMENT", "for the test");
        break;
    default: /* STALL, LATE: the client gives up */
        break;
    }
}

static void commit(struct evhttp_request *r, const cJSON *body)
{
    int markers = count_markers(body);
    enum fault fault = choose_fault(markers > 1);
    struct stub_error error = {.http = 0};

    server.numbers[COMMITS].value++;
    server.numbers[FAULTED].value += fault != NONE;
    if (is_applied(fault)) {
        size_t writes = stub_documents_commit(server.documents, body, &error);
        server.numbers[LEDGER].value += error.http == 409;
        if (!error.http) {
            server.numbers[APPLIED].value++;
            server.numbers[MARKERS].value += markers;
            server.numbers[WRITES].value += (long)writes;
        } else if (fault == NONE) {
            reply_error(r, error.http, error.status, error.message);
            return;
        }
    }
    answer_commit(r, fault);
}

static void query(struct evhttp_request *r, const char *parent, const cJSON *body)
{
    struct stub_error error;
    cJSON *rows = stub_documents_query(server.documents, parent, body, &error);
    char *answer = rows ? cJSON_Print(rows) : NULL;

    if (rows)
        reply(r, 200, "application/json", answer);
    else
        reply_error(r, error.http, error.status, error.message);
    free(answer);
    cJSON_Delete(rows);
}

static char *body_of(struct evhttp_request *r)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(r);
    size_t length = evbuffer_get_length(in);
    char *text = xmalloc(length + 1);

    evbuffer_copyout(in, text, length);
    text[length] = 0;
    return text;
}

static void serve_documents(struct evhttp_request *r, const char *path, const char *text)
{
    char *parent = evhttp_uridecode(path, 0, NULL), *colon = parent ? strrchr(parent, ':') : NULL;
    cJSON *body = cJSON_Parse(text);

    if (server.tokens && !stub_tokens_check(server.tokens, r)) {
        server.numbers[UNAUTHORIZED].value++;
        reply_error(r, 401, "UNAUTHENTICATED", "a token that is not taken");
    } else if (colon && body && strcmp(colon, ":commit") == 0) {
        commit(r, body);
    } else if (colon && body && strcmp(colon, ":runQuery") == 0) {
        *colon = 0;
        if (strchr(parent, ':')) /* Google's emulator looks for the method at the first one */
            reply_error(r, 400, "INVALID_ARGUMENT", "Payload isn't valid for request.");
        else
            query(r, parent, body);
    } else {
        reply_error(r, 400, "INVALID_ARGUMENT", "no such method, or a body that is not JSON");
    }
    cJSON_Delete(body);
    free(parent);
}

static void serve_number(struct evhttp_request *r, const char *name)
{
    char text[32];

    for (size_t i = 0; i < sizeof server.numbers / sizeof server.numbers[0]; i++)
        if (strcmp(server.numbers[i].name, name) == 0) {
            snprintf(text, sizeof text, "%ld", server.numbers[i].value);
            reply(r, 200, "text/plain", text);
            return;
        }
    snprintf(text, sizeof text, "%ld", server.tokens ? stub_tokens_given(server.tokens) : 0);
    reply(r, 200, "text/plain", text);
}

static void serve(struct evhttp_request *r, void *context)
{
    const char *uri = evhttp_request_get_uri(r);
    size_t length = strcspn(uri, "?");
    char *path = xcalloc(1, length + 1), *text = body_of(r);

    (void)context;
    memcpy(path, uri, length);
    if (strncmp(path, "/v1/", 4) == 0) {
        server.numbers[REQUESTS].value++;
        serve_documents(r, path + 4, text);
    } else if (strcmp(path, "/stub/faults") == 0) {
        set_faults(text);
        reply(r, 200, "text/plain", "");
    } else if (strcmp(path, "/stub/revoke") == 0) {
        stub_tokens_revoke(server.tokens);
        reply(r, 200, "text/plain", "");
    } else if (strncmp(path, "/stub/", 6) == 0) {
        serve_number(r, path + 6);
    } else if (server.tokens) {
        stub_tokens_serve(server.tokens, r, path, text);
    } else {
        reply(r, 404, "text/plain", "");
    }
    free(path);
    free(text);
}

/* --- the process -------------------------------------------------------------------------------
 */

static struct bufferevent *accept_tls(struct event_base *base, void *context)
{
    return bufferevent_openssl_socket_new(base, -1, SSL_new(context), BUFFEREVENT_SSL_ACCEPTING,
                                          BEV_OPT_CLOSE_ON_FREE);
}

static void accept_at(int listener, SSL_CTX *tls)
{
    struct evhttp *http = evhttp_new(server.base);

    evhttp_set_max_body_size(http, MAX_BODY_BYTES);
    evhttp_set_gencb(http, serve, NULL);
    if (tls)
        evhttp_set_bevcb(http, accept_tls, tls);
    evutil_make_socket_nonblocking(listener);
    if (evhttp_accept_socket(http, listener) < 0)
        panic("stub: cannot accept");
}

static void run(int listener, int plain_listener, const struct firestore_stub_options *o)
{
    static const char *const names[] = {"requests", "commits", "applied", "writes",
                                        "markers",  "ledger",  "failed",  "unauthorized"};
    SSL_CTX *tls = o && o->certificate ? SSL_CTX_new(TLS_server_method()) : NULL;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        server.numbers[i].name = names[i];
    server.random = 1;
    server.documents = stub_documents_new();
    if (o && (o->jwt_key || o->wants_token))
        server.tokens = stub_tokens_new(o->jwt_key);
    if (tls && (SSL_CTX_use_certificate_chain_file(tls, o->certificate) != 1 ||
                SSL_CTX_use_PrivateKey_file(tls, o->key, SSL_FILETYPE_PEM) != 1))
        panic("stub: the certificate cannot be used");
    server.base = event_base_new();
    accept_at(listener, tls);
    accept_at(plain_listener, NULL);
    event_base_dispatch(server.base);
}

static int listen_somewhere(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 ||
        listen(listener, 128) < 0 || getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        panic("stub: no port");
    *port = ntohs(address.sin_port);
    return listener;
}

void firestore_stub_start(struct firestore_stub *s, const struct firestore_stub_options *options)
{
    *s = (struct firestore_stub){.pid = 0};
    int listener = listen_somewhere(&s->port), plain_listener = listen_somewhere(&s->plain_port);

    snprintf(s->host, sizeof s->host, "127.0.0.1:%d", s->port);
    fflush(NULL);
    s->pid = fork();
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        run(listener, plain_listener, options);
        _exit(1);
    }
    close(listener);
    close(plain_listener);
}

void firestore_stub_stop(struct firestore_stub *s)
{
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
    s->pid = 0;
}

static long control(struct firestore_stub *s, const char *name, const char *body)
{
    struct http_answer answer;
    char path[64];

    snprintf(path, sizeof path, "/stub/%s", name);
    http_request(s->plain_port, body ? "POST" : "GET", path, NULL, body, body ? strlen(body) : 0,
                 &answer);
    if (answer.status != 200)
        panic("stub: no answer to %s", path);
    long value = strtol(answer.body, NULL, 10);
    http_free(&answer);
    return value;
}

void firestore_stub_fail(struct firestore_stub *s, const char *faults)
{
    control(s, "faults", faults);
}

long firestore_stub_number(struct firestore_stub *s, const char *name)
{
    return control(s, name, NULL);
}

void firestore_stub_revoke(struct firestore_stub *s)
{
    control(s, "revoke", "");
}
