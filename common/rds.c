/* rds: see rds.h. */
#include "rds.h"

#include <ctype.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

struct rds {
    redisContext *context;
    int timeout_ms;
    int socket_timeout_ms; /* as set on the socket now */
};

static struct timeval timeval_of(int ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
}

static char *copy(const char *from, const char *to)
{
    size_t length = (size_t)(to - from);
    char *text = xmalloc(length + 1);

    memcpy(text, from, length);
    text[length] = 0;
    return text;
}

static int hex_value(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = digit ? strchr(digits, tolower((unsigned char)digit)) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* Resolves %XX in place (RFC 3986, 2.1). */
static int decode(char *text, struct err *e)
{
    char *to = text;

    for (const char *from = text; *from; from++, to++) {
        *to = *from;
        if (*from != '%')
            continue;
        int high = hex_value(from[1]), low = high < 0 ? -1 : hex_value(from[2]);
        if (low < 0 || high + low == 0)
            return err_set(e, ERR_CONFIG,
                           "redis.url: a %% in user or password begins an escape such as %%40; "
                           "write %%25 for one that does not");
        *to = (char)(high * 16 + low);
        from += 2;
    }
    *to = 0;
    return 0;
}

/* user:password or password, from `start` to `at`. */
static int parse_user(const char *start, const char *at, struct rds_address *out, struct err *e)
{
    const char *colon = memchr(start, ':', (size_t)(at - start));

    if (colon && colon > start)
        out->user = copy(start, colon);
    out->password = copy(colon ? colon + 1 : start, at);
    if (out->user && decode(out->user, e) < 0)
        return e->code;
    return decode(out->password, e);
}

/* host[:port][/database] after the user part */
static int parse_host(const char *host, struct rds_address *out, const char *url, struct err *e)
{
    char *end;
    const char *after, *slash = strchr(host, '/');

    if (*host == '[') { /* an IPv6 address in brackets (RFC 3986) */
        after = strchr(host, ']');
        if (!after)
            return err_set(e, ERR_CONFIG, "redis.url: no ] after the address");
        out->host = copy(host + 1, after++);
    } else {
        after = host + strcspn(host, ":/");
        out->host = copy(host, after);
    }
    out->port = 6379;
    if (*after == ':') {
        long port = strtol(after + 1, &end, 10);
        if (end == after + 1 || (*end && *end != '/') || port < 1 || port > 65535)
            return err_set(e, ERR_CONFIG, "redis.url: the port is not a number from 1 to 65535");
        out->port = (int)port;
    } else if (*after && *after != '/') {
        return err_set(e, ERR_CONFIG, "redis.url: text after the host");
    }
    if (slash && slash[1]) {
        long database = strtol(slash + 1, &end, 10);
        if (*end || database < 0 || database > 65535)
            return err_set(e, ERR_CONFIG, "redis.url: the database is not a number");
        out->database = (int)database;
    }
    if (!*out->host)
        return err_set(e, ERR_CONFIG, "redis.url: %s has no host", url);
    return 0;
}

int rds_parse_url(const char *url, struct rds_address *out, struct err *e)
{
    *out = (struct rds_address){0};
    if (strncmp(url, "unix:", 5) == 0 && url[5]) {
        out->unix_path = xstrdup(strncmp(url + 5, "//", 2) == 0 ? url + 7 : url + 5);
        return 0;
    }
    if (strncmp(url, "rediss://", 9) == 0)
        return err_set(e, ERR_CONFIG,
                       "redis.url: this build's hiredis has no TLS; put stunnel "
                       "between and use redis://");
    if (strncmp(url, "redis://", 8) != 0)
        return err_set(e, ERR_CONFIG, "redis.url: redis://host:port or unix:/path is wanted");
    const char *host = url + 8, *at = strrchr(host, '@');
    int code = at ? parse_user(host, at, out, e) : 0;
    if (code == 0)
        code = parse_host(at ? at + 1 : host, out, at ? "(with user)" : url, e);
    if (code < 0)
        rds_address_fini(out);
    return code;
}

/* The first line, to free. */
static int read_password(const char *path, char **out, struct err *e)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;

    ssize_t length = file ? getline(&line, &size, file) : -1;
    if (length >= 0)
        line[strcspn(line, "\r\n")] = 0;
    else
        err_set(e, ERR_CONFIG, "redis.password_file: %s: %s", path,
                file && !ferror(file) ? "it is empty" : strerror(errno));
    if (file)
        fclose(file);
    if (length < 0)
        free(line);
    else
        *out = line;
    return length < 0 ? ERR_CONFIG : 0;
}

static void erase(char **secret)
{
    if (*secret)
        explicit_bzero(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}

int rds_address_load(const struct conf *conf, struct rds_address *out, struct err *e)
{
    if (rds_parse_url(conf->redis.url, out, e) < 0)
        return e->code;
    if (*conf->redis.user) {
        free(out->user);
        out->user = xstrdup(conf->redis.user);
    }
    if (*conf->redis.password_file) {
        erase(&out->password);
        if (read_password(conf->redis.password_file, &out->password, e) < 0) {
            rds_address_fini(out);
            return ERR_CONFIG;
        }
    }
    return 0;
}

void rds_address_fini(struct rds_address *a)
{
    free(a->host);
    free(a->unix_path);
    free(a->user);
    erase(&a->password);
    *a = (struct rds_address){0};
}

static int log_in(struct rds *r, const struct rds_address *to, struct err *e)
{
    redisReply *reply;
    char database[16];
    int code = 0;

    if (to->password) {
        const char *argv[3] = {"AUTH"};
        int argc = 1;
        if (to->user)
            argv[argc++] = to->user;
        argv[argc++] = to->password;
        code = rds_command(r, argc, argv, NULL, 0, &reply, e);
        if (code < 0)
            return code;
        rds_free_reply(reply);
    }
    if (to->database) {
        const char *argv[2] = {"SELECT", database};
        snprintf(database, sizeof database, "%d", to->database);
        code = rds_command(r, 2, argv, NULL, 0, &reply, e);
        if (code == 0)
            rds_free_reply(reply);
    }
    return code;
}

int rds_connect(const struct rds_address *to, int timeout_ms, struct rds **out, struct err *e)
{
    struct timeval timeout = timeval_of(timeout_ms);
    redisContext *context = to->unix_path ? redisConnectUnixWithTimeout(to->unix_path, timeout)
                                          : redisConnectWithTimeout(to->host, to->port, timeout);

    *out = NULL;
    if (!context)
        panic("out of memory for a connection");
    if (context->err) {
        err_set(e, ERR_AGAIN, "connection: %s", context->errstr);
        redisFree(context);
        return ERR_AGAIN;
    }
    if (!to->unix_path) /* hiredis marks a Unix socket broken that has no TCP options */
        redisEnableKeepAlive(context);
    struct rds *r = xmalloc(sizeof *r);
    *r = (struct rds){.context = context, .timeout_ms = timeout_ms};
    if (log_in(r, to, e) < 0) {
        rds_close(r);
        return e->code;
    }
    *out = r;
    return 0;
}

void rds_close(struct rds *r)
{
    if (!r)
        return;
    redisFree(r->context);
    free(r);
}

int rds_command(struct rds *r, int argc, const char *const *argv, const size_t *lengths,
                int block_ms, struct redisReply **reply, struct err *e)
{
    *reply = NULL;
    if (r->context->err)
        return err_set(e, ERR_AGAIN, "connection: broken before: %s", r->context->errstr);
    /* The socket must outlast the command's own wait, or its late answer would be the next one's.
     */
    if (r->socket_timeout_ms != r->timeout_ms + block_ms) {
        r->socket_timeout_ms = r->timeout_ms + block_ms;
        redisSetTimeout(r->context, timeval_of(r->socket_timeout_ms));
    }
    redisReply *got = redisCommandArgv(r->context, argc, (const char **)(uintptr_t)argv, lengths);
    if (!got && r->context->err == REDIS_ERR_IO && errno == EAGAIN)
        return err_set(e, ERR_AGAIN, "connection: no answer in %d ms", r->socket_timeout_ms);
    if (!got)
        return err_set(e, ERR_AGAIN, "connection: %s", r->context->errstr);
    if (got->type == REDIS_REPLY_ERROR) {
        err_set(e, ERR_AGAIN, "%s", got->str);
        freeReplyObject(got);
        return ERR_AGAIN;
    }
    *reply = got;
    return 0;
}

void rds_free_reply(struct redisReply *reply)
{
    if (reply)
        freeReplyObject(reply);
}

int rds_load_script(struct rds *r, const char *source, char sha[41], struct err *e)
{
    const char *argv[3] = {"SCRIPT", "LOAD", source};
    redisReply *reply;
    int code = rds_command(r, 3, argv, NULL, 0, &reply, e);

    if (code < 0)
        return code;
    if (reply->type != REDIS_REPLY_STRING || reply->len != 40)
        code = err_set(e, ERR_AGAIN, "SCRIPT LOAD: an unexpected answer");
    else
        memcpy(sha, reply->str, 41);
    rds_free_reply(reply);
    return code;
}
