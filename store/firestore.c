/* firestore: counts in Google's Firestore over REST: settings, opening, and one request. */
#include "firestore.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/stop.h"
#include "firestore_credentials.h"

#define MAX_URL_BYTES 32768

static const char name_characters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:";

static bool is_name(const char *text, size_t max_bytes)
{
    size_t length = strlen(text);

    return length > 0 && length <= max_bytes && strspn(text, name_characters) == length;
}

static int check_endpoint(const char *url, struct err *e)
{
    size_t length = strlen(url);

    if (strncmp(url, "https://", 8) != 0 || !is_name(url + 8, 500) || length > 508)
        return err_set(e, ERR_CONFIG,
                       "store.endpoint %.100s is not https://host or https://host:port", url);
    return 0;
}

static int check_settings(const struct conf *conf, struct err *e)
{
    const char *emulator = firestore_emulator_host();

    if (!*conf->store.project)
        return err_set(e, ERR_CONFIG, "store.project is empty: the id of a Google Cloud project");
    if (!is_name(conf->store.project, 100))
        return err_set(e, ERR_CONFIG, "store.project %.100s is no project id", conf->store.project);
    if (strcmp(conf->store.database, "(default)") != 0 && !is_name(conf->store.database, 100))
        return err_set(e, ERR_CONFIG, "store.database %.100s is no database id",
                       conf->store.database);
    if (emulator && !is_name(emulator, 300))
        return err_set(e, ERR_CONFIG, "FIRESTORE_EMULATOR_HOST=%.100s is not host:port", emulator);
    return check_endpoint(conf->store.endpoint, e);
}

/* Also reads the credentials and the CA file once, so that what is wrong with them stops the
 * program before it forks. */
static int check(const struct conf *conf, struct err *e)
{
    struct firestore_credentials credentials;
    struct http_client *http;

    if (check_settings(conf, e) < 0)
        return e->code;
    if (firestore_credentials_find(conf, &credentials, e) < 0)
        return e->code;
    firestore_credentials_fini(&credentials);
    if (http_client_open(conf->store.ca_file, NULL, &http, e) < 0)
        return e->code;
    http_client_close(http);
    return 0;
}

static char *join(const char *a, const char *b, const char *c, const char *d)
{
    struct buf text;

    buf_init(&text, MAX_URL_BYTES);
    buf_printf(&text, "%s%s%s%s", a, b, c, d);
    if (buf_failed(&text))
        panic("a name of more than %d bytes", MAX_URL_BYTES);
    return text.bytes;
}

static void close_firestore(struct store *store)
{
    struct firestore_store *s = (struct firestore_store *)store;

    firestore_auth_close(s->auth);
    http_client_close(s->http);
    free(s->root);
    free(s->base_url);
    free(s);
}

/* Connects nothing yet: the first request does. */
static int open_firestore(const struct conf *conf, int writable, struct store **out, struct err *e)
{
    const char *emulator = firestore_emulator_host();
    /* The limit of 500/50/5 is the database's, so the savers share it. */
    double first_per_s = (double)conf->store.first_writes_per_second /
                         (double)(conf->savers.processes > 0 ? conf->savers.processes : 1);

    (void)writable;
    if (check_settings(conf, e) < 0)
        return e->code;
    struct firestore_store *s = xcalloc(1, sizeof *s);
    s->base.kind = &store_firestore;
    s->emulator = emulator != NULL;
    s->timeout_ms = (int)conf->store.timeout_ms;
    s->root = join("projects/", conf->store.project, "/databases/", conf->store.database);
    char *root = join(s->root, "/documents", "", "");
    free(s->root);
    s->root = root;
    s->base_url = emulator ? join("http://", emulator, "/v1/", "")
                           : join(conf->store.endpoint, "/v1/", "", "");
    ramp_init(&s->ramp, emulator ? 0 : first_per_s, clock_ms());
    if (http_client_open(conf->store.ca_file, stop_asked, &s->http, e) < 0 ||
        firestore_auth_open(conf, s->http, &s->auth, e) < 0) {
        close_firestore(&s->base);
        return e->code;
    }
    *out = &s->base;
    return 0;
}

int64_t firestore_pause_ms(struct store *store)
{
    struct firestore_store *s = (struct firestore_store *)store;
    int64_t now_ms = clock_ms(), ramp_ms = ramp_wait_ms(&s->ramp, now_ms);
    int64_t asked_ms = s->not_before_ms > now_ms ? s->not_before_ms - now_ms : 0;

    return asked_ms > ramp_ms ? asked_ms : ramp_ms;
}

static uint64_t writes(const struct store *store)
{
    return ((const struct firestore_store *)store)->writes;
}

static int post_once(struct firestore_store *s, struct http_call *call, struct http_reply *reply,
                     struct err *e)
{
    *reply = (struct http_reply){.status = 0};
    if (firestore_auth_token(s->auth, &call->bearer, e) < 0)
        return e->code;
    return http_client_send(s->http, call, reply, e);
}

int firestore_post(struct firestore_store *s, const char *parent, const char *method,
                   const struct buf *body, size_t max_answer_bytes, struct http_reply *reply,
                   struct err *e)
{
    char *url = join(s->base_url, s->root, parent, method);
    struct http_call call = {
        .url = url,
        .content_type = "application/json",
        .body = body->bytes,
        .body_length = body->length,
        .timeout_ms = s->timeout_ms,
        .max_answer_bytes = max_answer_bytes,
        .plain = s->emulator,
    };
    int code = post_once(s, &call, reply, e);

    if (code == 0 && reply->status == 401) {
        firestore_auth_forget(s->auth);
        http_reply_fini(reply);
        code = post_once(s, &call, reply, e);
    }
    if (code == 0 && reply->retry_after_ms)
        s->not_before_ms = clock_ms() + reply->retry_after_ms;
    free(url);
    return code;
}

const struct store_kind store_firestore = {
    .name = "firestore",
    .mends = 1,
    .check = check,
    .open = open_firestore,
    .close = close_firestore,
    .apply = firestore_apply,
    .apply_many = firestore_apply_many,
    .pause_ms = firestore_pause_ms,
    .writes = writes,
    .key_path = firestore_credentials_path,
    .publications = firestore_publications,
    .frequencies = firestore_frequencies,
};
