/* download: see download.h. The thread owns everything but `stop` and `total_bytes` until it is
 * joined. When the reader is slow, the thread stands in write(); the server may then lose patience
 * and end the connection, which is one more break to go on from. */
#include "cli/download.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/address.h"
#include "cli/once.h"
#include "common/clock.h"

#define CONNECT_TIMEOUT_MS  10000L
#define STALL_SECONDS       60L /* without a byte */
#define MAX_REDIRECTS       5L
#define MAX_BARREN_TRIES    5 /* one after the other that bring nothing new */
#define MAX_RETRY_AFTER_S   300
#define MAX_VALIDATOR_BYTES 1024
#define PIPE_BYTES          (1 << 20)

static const char changed[] = "changed while it was being downloaded";

enum outcome { DONE, AGAIN, FAILED };

struct download {
    char *address, *ca_file;
    struct address about;
    int ends[2]; /* of the pipe */
    pthread_t thread;
    bool is_joined;
    atomic_bool stop;
    _Atomic uint64_t total_bytes;
    CURLM *multi;
    CURL *easy;
    struct err error; /* code 0: none */
    struct once *once;
    char validator[MAX_VALIDATOR_BYTES]; /* for If-Range; "": there is none */
    /* of the try in hand */
    bool has_begun, is_refused;
    int64_t retry_after_ms;
    char curl_error[CURL_ERROR_SIZE];
};

bool download_is_address(const char *path)
{
    size_t letters = strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    return letters > 1 && strncmp(path + letters, "://", 3) == 0;
}

/* --- bytes ------------------------------------------------------------------------------------ */

static int give(struct download *d, const char *bytes, size_t length)
{
    if (once_given(d->once) > DOWNLOAD_MAX_BYTES)
        return err_set(&d->error, ERR_LIMIT, "more than %d TiB", (int)(DOWNLOAD_MAX_BYTES >> 40));
    while (length > 0) {
        ssize_t written = write(d->ends[1], bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) /* the reader has gone */
            return err_set(&d->error, ERR_AGAIN, "reading was stopped");
        bytes += written;
        length -= (size_t)written;
    }
    return 0;
}

/* --- one try ---------------------------------------------------------------------------------- */

static const char *find_header(struct download *d, const char *name)
{
    struct curl_header *header;

    return curl_easy_header(d->easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK
               ? header->value
               : NULL;
}

/* RFC 9110, 13.1.5: If-Range takes a strong ETag, or a date. One that differs from that of what was
 * given before is not trusted: then every further try begins at the start and is compared. */
static void remember_validator(struct download *d)
{
    const char *tag = find_header(d, "ETag"), *date = find_header(d, "Last-Modified");
    const char *chosen = tag && *tag == '"' ? tag : date ? date : "";
    bool is_first = once_given(d->once) == 0;

    if (is_first ? strlen(chosen) >= sizeof d->validator : strcmp(chosen, d->validator) != 0)
        chosen = "";
    snprintf(d->validator, sizeof d->validator, "%s", chosen);
}

/* "bytes 500-999/1234": true when it starts where the last try broke. */
static bool goes_on(struct download *d)
{
    const char *range = find_header(d, "Content-Range"), *slash = range ? strchr(range, '/') : NULL;
    char *end;

    if (!range || strncmp(range, "bytes ", 6) != 0)
        return false;
    if (slash && slash[1] != '*')
        d->total_bytes = strtoull(slash + 1, NULL, 10);
    return strtoull(range + 6, &end, 10) == once_given(d->once) && *end == '-';
}

/* The status and headers are there: what is this body? */
static void begin(struct download *d)
{
    curl_off_t length = 0;
    long status = 0;

    d->has_begun = true;
    curl_easy_getinfo(d->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 206 && goes_on(d))
        return;
    d->is_refused = status != 200;
    if (status == 206)
        d->validator[0] = 0; /* next time from the start */
    if (d->is_refused)
        return;
    curl_easy_getinfo(d->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    d->total_bytes = length > 0 ? (uint64_t)length : 0;
    remember_validator(d);
    once_again(d->once);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct download *d = context;
    const char *at = bytes;
    size_t length = size * count;

    if (!d->has_begun)
        begin(d);
    if (d->is_refused)
        return length;
    if (once_take(d->once, &at, &length) < 0) {
        err_set(&d->error, ERR_INPUT, "%s", changed);
        return 0;
    }
    return give(d, at, length) < 0 ? 0 : size * count;
}

static enum outcome judge_status(struct download *d)
{
    curl_off_t after_s = 0;
    long status = 0;

    if (!d->has_begun)
        begin(d); /* an empty body */
    curl_easy_getinfo(d->easy, CURLINFO_RESPONSE_CODE, &status);
    if (!d->is_refused && once_is_behind(d->once)) {
        err_set(&d->error, ERR_INPUT, "%s", changed); /* it is shorter now */
        return FAILED;
    }
    if (!d->is_refused)
        return d->total_bytes > once_given(d->once) ? AGAIN
                                                    : DONE; /* a server may give part of a range */
    err_set(&d->error, ERR_INPUT, "the server answers %ld", status);
    if (status == 416) {
        d->validator[0] = 0;
        return AGAIN;
    }
    if (status != 206 && status != 408 && status != 425 && status != 429 && status < 500)
        return FAILED;
    curl_easy_getinfo(d->easy, CURLINFO_RETRY_AFTER, &after_s);
    d->retry_after_ms = (after_s > MAX_RETRY_AFTER_S ? MAX_RETRY_AFTER_S : after_s) * 1000;
    return AGAIN;
}

static enum outcome judge(struct download *d, CURLcode code)
{
    if (d->error.code)
        return FAILED;
    if (code == CURLE_OK)
        return judge_status(d);
    err_set(&d->error, ERR_INPUT, "%s", address_curl_text(code, d->curl_error));
    switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: /* a redirect to http:// */
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return FAILED;
    case CURLE_COULDNT_RESOLVE_HOST:
        return once_given(d->once) > 0 ? AGAIN : FAILED;
    default:
        return address_is_header_too_long(code) ? FAILED : AGAIN;
    }
}

static struct curl_slist *ask_for_rest(struct download *d)
{
    char range[32], line[MAX_VALIDATOR_BYTES + 16];
    struct curl_slist *headers = NULL;

    if (once_given(d->once) > 0 && *d->validator) {
        snprintf(range, sizeof range, "%llu-", (unsigned long long)once_given(d->once));
        snprintf(line, sizeof line, "If-Range: %s", d->validator);
        headers = curl_slist_append(NULL, line);
        if (!headers)
            panic("out of memory for a header");
    }
    curl_easy_setopt(d->easy, CURLOPT_RANGE, headers ? range : NULL);
    curl_easy_setopt(d->easy, CURLOPT_HTTPHEADER, headers);
    return headers;
}

static CURLcode transfer(struct download *d)
{
    CURLcode code = CURLE_ABORTED_BY_CALLBACK;
    CURLMsg *message;
    int running = 1, left;

    curl_multi_add_handle(d->multi, d->easy);
    while (running && !d->stop) {
        if (curl_multi_perform(d->multi, &running) != CURLM_OK)
            panic("libcurl cannot go on");
        if (running)
            curl_multi_poll(d->multi, NULL, 0, 1000, NULL);
    }
    while ((message = curl_multi_info_read(d->multi, &left)))
        if (message->msg == CURLMSG_DONE)
            code = message->data.result;
    curl_multi_remove_handle(d->multi, d->easy);
    return code;
}

static enum outcome try(struct download *d)
{
    struct curl_slist *headers = ask_for_rest(d);

    d->error = (struct err){0};
    d->has_begun = d->is_refused = false;
    d->retry_after_ms = 0;
    d->curl_error[0] = 0;
    enum outcome outcome = judge(d, transfer(d));
    once_go_on(d->once);
    curl_easy_setopt(d->easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    return outcome;
}

static void *run(void *context)
{
    struct download *d = context;
    struct backoff backoff = {.first_ms = 200, .max_ms = 10000};
    enum outcome outcome = AGAIN;

    for (int barren = 0; outcome == AGAIN && barren < MAX_BARREN_TRIES && !d->stop;) {
        uint64_t before = once_given(d->once);
        outcome = try(d);
        if (once_given(d->once) > before)
            backoff_reset(&backoff);
        barren = once_given(d->once) > before ? 0 : barren + 1;
        if (outcome == AGAIN && barren < MAX_BARREN_TRIES && !d->stop) {
            int64_t wait_ms = backoff_next_ms(&backoff);
            wait_ms = d->retry_after_ms > wait_ms ? d->retry_after_ms : wait_ms;
            curl_multi_poll(d->multi, NULL, 0, (int)wait_ms, NULL); /* a wake-up ends it */
        }
    }
    if (outcome == DONE)
        d->error = (struct err){0};
    else if (!d->error.code)
        err_set(&d->error, ERR_INPUT, "only %llu bytes came",
                (unsigned long long)once_given(d->once));
    close(d->ends[1]);
    return NULL;
}

/* --- the owner -------------------------------------------------------------------------------- */

static void set_up(struct download *d)
{
    CURL *easy = d->easy;

    curl_easy_setopt(easy, CURLOPT_URL, d->address);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, d->about.is_https ? "https" : "http");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https");
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, MAX_REDIRECTS);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, STALL_SECONDS);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "newsmill/" NEWSMILL_VERSION);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, d);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, d->curl_error);
    if (d->about.is_loopback)
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    if (d->ca_file) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, d->ca_file);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
}

/* Signals are for the main thread. */
static int start_thread(struct download *d)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&d->thread, NULL, run, d);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

int download_open(const char *address, const char *ca_file, struct download **out, struct err *e)
{
    struct address about;

    if (address_read(address, &about, e) < 0)
        return e->code;
    if (!about.is_https && !about.is_loopback) {
        err_set(e, ERR_INPUT, "%.300s: https:// is wanted", about.name);
        address_fini(&about);
        return e->code;
    }
    struct download *d = xcalloc(1, sizeof *d);
    d->about = about;
    d->address = xstrdup(address);
    d->ca_file = ca_file ? xstrdup(ca_file) : NULL;
    d->once = once_new();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    d->multi = curl_multi_init();
    d->easy = curl_easy_init();
    if (!d->multi || !d->easy)
        panic("libcurl cannot be set up");
    set_up(d);
    if (pipe2(d->ends, O_CLOEXEC) < 0)
        panic("no pipe: %s", strerror(errno));
    fcntl(d->ends[0], F_SETPIPE_SZ, PIPE_BYTES); /* fewer changes of thread; not needed */
    int code = start_thread(d);
    if (code != 0)
        panic("no thread: %s", strerror(code));
    *out = d;
    return 0;
}

static void join(struct download *d)
{
    if (!d->is_joined)
        pthread_join(d->thread, NULL);
    d->is_joined = true;
}

void download_close(struct download *d)
{
    if (!d)
        return;
    d->stop = true;
    curl_multi_wakeup(d->multi);
    close(d->ends[0]); /* wakes it from write() */
    join(d);
    curl_easy_cleanup(d->easy);
    curl_multi_cleanup(d->multi);
    curl_global_cleanup();
    once_free(d->once);
    address_fini(&d->about);
    explicit_bzero(d->address, strlen(d->address)); /* a password may be in it */
    free(d->address);
    free(d->ca_file);
    free(d);
}

int download_fd(const struct download *d)
{
    return d->ends[0];
}

int download_end(struct download *d, struct err *e)
{
    join(d);
    *e = d->error;
    return d->error.code;
}

const char *download_name(const struct download *d)
{
    return d->about.name;
}

uint64_t download_total_bytes(const struct download *d)
{
    return d->total_bytes;
}
