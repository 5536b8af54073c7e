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

#define SAME_TIME_S 2 /* changes closer than that may have one time stamp */

struct clients {
    struct board *board; /* borrowed */
    char *path;
    struct stat seen; /* the file, before it was last read */
    bool settled;     /* it was read, and a later change will show in `seen` */
    char complaint[sizeof((struct err *)0)->text]; /* what was logged of it last; "": it is well */
    struct keys *keys;                             /* NULL: no key is asked for */
    struct board_client **of_key;
    struct board_client *anybody;
};

/* st_ctim is the one that nobody can set back: `cp -p` and rsync set the other. */
static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Reads the file and finds each key's place. Changes no key when that fails. */
static int load(struct clients *c, struct err *e)
{
    struct keys *keys;

    c->settled = false;
    if (stat(c->path, &c->seen) < 0) /* before it is read: a later change is seen the next time */
        c->seen = (struct stat){0};
    if (keys_load(c->path, &keys, e) < 0)
        return e->code;
    c->settled = llabs((long long)(time(NULL) - c->seen.st_ctim.tv_sec)) > SAME_TIME_S;
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
    struct stat before = c->seen, now;
    struct err e;

    if (!c->keys)
        return;
    if (c->settled && stat(c->path, &now) == 0 && is_same(&now, &before))
        return;
    if (load(c, &e) == 0) {
        if (*c->complaint || !is_same(&c->seen, &before))
            log_info("keys.loaded", "file=%s keys=%zu", c->path, keys_count(c->keys));
        *c->complaint = 0;
    } else if (strcmp(e.text, c->complaint) != 0) {
        memcpy(c->complaint, e.text, sizeof c->complaint);
        log_error("keys.kept", "reason=\"%s\"", e.text);
    }
}
