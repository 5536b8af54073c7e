/* clients: see clients.h. */
#include "clients.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#include "common/keys.h"
#include "common/log.h"
#include "head.h"

struct clients {
    struct board *board; /* borrowed */
    char *path;
    struct timespec changed; /* the file, when it was read */
    struct keys *keys;       /* NULL: no key is asked for */
    struct board_client **of_key;
    struct board_client *anybody;
};

static struct timespec changed(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? info.st_mtim : (struct timespec){0};
}

/* Reads the file and finds each key's place. Changes nothing when that fails. */
static int load(struct clients *c, struct err *e)
{
    struct timespec now = changed(c->path); /* before: a later change is seen the next time */
    struct keys *keys;
    int code = keys_load(c->path, &keys, e);

    c->changed = now;
    if (code < 0)
        return code;
    keys_free(c->keys);
    c->keys = keys;
    c->of_key = xrealloc(c->of_key, (keys_count(keys) + 1) * sizeof *c->of_key);
    for (size_t i = 0; i < keys_count(keys); i++) {
        struct keys_entry entry;
        keys_entry(keys, i, &entry);
        c->of_key[i] = board_client(c->board, entry.name);
    }
    return 0;
}

int clients_load(const char *path, struct board *board, struct clients **out, struct err *e)
{
    struct clients *c = xcalloc(1, sizeof *c);

    *out = NULL;
    c->board = board;
    c->path = xstrdup(path);
    c->anybody = board_client(board, "");
    if (*path && load(c, e) < 0) {
        clients_free(c);
        return e->code;
    }
    *out = c;
    return 0;
}

void clients_free(struct clients *c)
{
    if (!c)
        return;
    keys_free(c->keys);
    free(c->of_key);
    free(c->path);
    free(c);
}

bool clients_need_key(const struct clients *c)
{
    return c->keys != NULL;
}

size_t clients_count(const struct clients *c)
{
    return c->keys ? keys_count(c->keys) : 0;
}

struct board_client *clients_find(const struct clients *c, const struct head *head)
{
    if (!c->keys)
        return c->anybody;
    const char *key = head_find(head, "access_token"), *authorization;
    if (!key && (authorization = head_find(head, "Authorization")) &&
        strncasecmp(authorization, "Bearer ", 7) == 0)
        key = authorization + 7 + strspn(authorization + 7, " ");
    long index = key ? keys_find(c->keys, key, strlen(key)) : -1;
    return index < 0 ? NULL : c->of_key[index];
}

void clients_refresh(struct clients *c)
{
    struct timespec now;
    struct err e;

    if (!c->keys)
        return;
    now = changed(c->path);
    if (now.tv_sec == c->changed.tv_sec && now.tv_nsec == c->changed.tv_nsec)
        return;
    if (load(c, &e) < 0)
        log_error("keys.kept", "reason=\"%s\"", e.text);
    else
        log_info("keys.loaded", "file=%s keys=%zu", c->path, keys_count(c->keys));
}
