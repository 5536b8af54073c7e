/* firestore_credentials: see firestore_credentials.h. Kinds and fields of the files: AIP-4110 to
 * AIP-4113. */
#include "firestore_credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firestore_json.h"

#define MAX_FILE_BYTES (64u << 10)
#define MAX_FORM_BYTES (16u << 10)
#define TOKEN_URL      "https://oauth2.googleapis.com/token"

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

const char *firestore_emulator_host(void)
{
    return environment("FIRESTORE_EMULATOR_HOST");
}

static void wipe_text(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

void firestore_credentials_fini(struct firestore_credentials *c)
{
    free(c->source);
    free(c->email);
    free(c->key_id);
    free(c->token_url);
    wipe_text(c->form);
    jwt_key_free(c->key);
    *c = (struct firestore_credentials){.kind = c->kind};
}

/* --- the file ----------------------------------------------------------------------------------
 */

static int wanted_member(const cJSON *file, const char *name, const char **out, struct err *e)
{
    *out = json_text(json_member(file, name));
    return **out ? 0 : err_set(e, ERR_CONFIG, "%s is missing", name);
}

static int read_service_account(const cJSON *file, struct firestore_credentials *c, struct err *e)
{
    const char *email, *key_id, *key;

    if (wanted_member(file, "client_email", &email, e) < 0 ||
        wanted_member(file, "private_key_id", &key_id, e) < 0 ||
        wanted_member(file, "private_key", &key, e) < 0 || jwt_key_read(key, &c->key, e) < 0)
        return e->code;
    if (strlen(email) > 1024 || strlen(key_id) > 1024)
        return err_set(e, ERR_CONFIG, "client_email or private_key_id is too long");
    c->kind = FIRESTORE_SERVICE_ACCOUNT;
    c->email = xstrdup(email);
    c->key_id = xstrdup(key_id);
    return 0;
}

/* application/x-www-form-urlencoded */
static void append_field(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, "&%s=", name);
    for (const char *c = value; *c; c++) {
        if ((*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') ||
            *c == '-' || *c == '.' || *c == '_')
            buf_append(out, c, 1);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)*c);
    }
}

static int read_user(const cJSON *file, struct firestore_credentials *c, struct err *e)
{
    const char *id, *secret, *refresh;
    const char *url = json_text(json_member(file, "token_uri"));
    struct buf form;

    if (wanted_member(file, "client_id", &id, e) < 0 ||
        wanted_member(file, "client_secret", &secret, e) < 0 ||
        wanted_member(file, "refresh_token", &refresh, e) < 0)
        return e->code;
    if (*url && strncmp(url, "https://", 8) != 0)
        return err_set(e, ERR_CONFIG, "token_uri is no https address");
    buf_init(&form, MAX_FORM_BYTES);
    buf_reserve(&form, MAX_FORM_BYTES); /* at once: growing would leave copies behind */
    buf_append_text(&form, "grant_type=refresh_token");
    append_field(&form, "client_id", id);
    append_field(&form, "client_secret", secret);
    append_field(&form, "refresh_token", refresh);
    if (!buf_failed(&form))
        c->form = xstrdup(form.bytes);
    explicit_bzero(form.bytes, form.length);
    buf_fini(&form);
    if (!c->form)
        return err_set(e, ERR_CONFIG, "its fields are too long");
    c->kind = FIRESTORE_USER;
    c->token_url = xstrdup(*url ? url : TOKEN_URL);
    return 0;
}

static int read_tree(const cJSON *file, struct firestore_credentials *c, struct err *e)
{
    const char *type = json_text(json_member(file, "type"));

    if (strcmp(type, "service_account") == 0)
        return read_service_account(file, c, e);
    if (strcmp(type, "authorized_user") == 0)
        return read_user(file, c, e);
    if (!*type)
        return err_set(e, ERR_CONFIG, "not a JSON object with a type");
    return err_set(e, ERR_CONFIG,
                   "type %.60s is not supported; service_account and authorized_user are", type);
}

/* Reads all of a file into `bytes`; returns its length or a code. */
static int read_bytes(const char *path, char *bytes, struct err *e)
{
    size_t length = 0;
    ssize_t got = 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    while (fd >= 0 && got > 0 && length < MAX_FILE_BYTES) {
        got = read(fd, bytes + length, MAX_FILE_BYTES - length);
        if (got > 0)
            length += (size_t)got;
    }
    int number = errno;
    if (fd >= 0)
        close(fd);
    if (fd < 0 || got < 0)
        return err_set(e, ERR_CONFIG, "%s", strerror(number));
    if (length == MAX_FILE_BYTES)
        return err_set(e, ERR_CONFIG, "more than %u bytes", MAX_FILE_BYTES);
    return (int)length;
}

static int read_file(const char *path, struct firestore_credentials *c, struct err *e)
{
    char *bytes = xcalloc(1, MAX_FILE_BYTES);
    int code = read_bytes(path, bytes, e);

    if (code >= 0) {
        cJSON *tree = json_tree(bytes, (size_t)code);
        code = read_tree(tree, c, e);
        json_wipe(tree);
    }
    explicit_bzero(bytes, MAX_FILE_BYTES);
    free(bytes);
    c->source = xstrdup(path);
    if (code >= 0)
        return 0;
    firestore_credentials_fini(c);
    return err_prefix(e, "credentials %s", path);
}

/* --- where it is -------------------------------------------------------------------------------
 */

/* A file that may be missing; false when it is. */
static bool is_there(const char *directory, const char *rest, char *path, size_t size)
{
    return directory && snprintf(path, size, "%s/%s", directory, rest) < (int)size &&
           access(path, F_OK) == 0;
}

bool firestore_credentials_path(const struct conf *conf, char *path, size_t size)
{
    const char *gcloud = environment("CLOUDSDK_CONFIG"), *named = conf->store.credentials_file;

    if (firestore_emulator_host())
        return false;
    if (!*named && is_there(environment("CREDENTIALS_DIRECTORY"), "firestore", path, size))
        return true;
    if (!*named)
        named = environment("GOOGLE_APPLICATION_CREDENTIALS");
    if (named)
        return snprintf(path, size, "%s", named) >= 0;
    return gcloud ? is_there(gcloud, "application_default_credentials.json", path, size)
                  : is_there(environment("HOME"),
                             ".config/gcloud/application_default_credentials.json", path, size);
}

int firestore_credentials_find(const struct conf *conf, struct firestore_credentials *out,
                               struct err *e)
{
    char path[4096];

    *out = (struct firestore_credentials){.kind = FIRESTORE_METADATA};
    if (firestore_emulator_host()) {
        out->kind = FIRESTORE_EMULATOR;
        return 0;
    }
    return firestore_credentials_path(conf, path, sizeof path) ? read_file(path, out, e) : 0;
}
