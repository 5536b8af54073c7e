/* doctor_local: what `newsmill doctor` finds on this machine: model, store, keys, disks. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/doctor_report.h"
#include "common/keys.h"
#include "store/store.h"
#include "workers/ner/ner.h"

#define DISK_WARN_BYTES               (1ull << 30)
#define DISK_BAD_BYTES                (100ull << 20)
#define KEY_WARN_S                    (14 * 86400)
#define WAL_WARN_BYTES                (128ll << 20)
#define HUGE_PAGES                    "/sys/kernel/mm/transparent_hugepage/enabled"
#define ADD(level, name, advice, ...) doctor_report(report, level, name, advice, __VA_ARGS__)

static void check_model(struct doctor_report *report)
{
    struct ner_model *model;
    struct err e;

    if (ner_model_open(report->conf->model.path, &model, &e) < 0) {
        ADD(DOCTOR_BAD, "model", "get it by deploy/get-model, or set model.path", "%s", e.text);
        return;
    }
    ADD(DOCTOR_OK, "model", "", "%s, %zu labels", report->conf->model.path,
        ner_model_label_count(model));
    ner_model_close(model);
}

/* --- disks --------------------------------------------------------------------------------------
 */

/* The directory that holds `path`. */
static void parent_of(const char *path, char out[PATH_MAX])
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        snprintf(out, PATH_MAX, ".");
    else
        snprintf(out, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

/* `made_levels`: so many directories at the end of the path are made where they are missing. */
static void check_directory(struct doctor_report *report, const char *name, const char *path,
                            int made_levels)
{
    char text[CONSOLE_TEXT_BYTES], above[2][PATH_MAX];
    struct statvfs disk;

    for (int i = 0; i < made_levels && access(path, F_OK) < 0 && errno == ENOENT; i++) {
        parent_of(path, above[i % 2]);
        path = above[i % 2];
    }
    if (statvfs(path, &disk) < 0) {
        ADD(DOCTOR_BAD, name, "create it, owned by the user of the roles", "%s: %s", path,
            strerror(errno));
        return;
    }
    uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;
    enum doctor_level level = room < DISK_BAD_BYTES    ? DOCTOR_BAD
                              : room < DISK_WARN_BYTES ? DOCTOR_WARN
                                                       : DOCTOR_OK;
    if (level != DOCTOR_BAD && access(path, W_OK) < 0)
        ADD(DOCTOR_WARN, name, "see that the user of the roles may write there",
            "%s may not be written by this user", path);
    else
        ADD(level, name, level == DOCTOR_OK ? "" : "make room on that disk", "%s: %s free", path,
            console_bytes(room, text));
}

/* --- store --------------------------------------------------------------------------------------
 */

static int end_walk(void *context, const struct store_publication *publication)
{
    (void)context, (void)publication;
    return 1; /* the first is enough: the store answers */
}

/* Savers hold it below 64 MiB unless somebody reads one moment for long. */
static void check_wal(struct doctor_report *report)
{
    int64_t bytes = store_wal_bytes(report->conf);
    char text[CONSOLE_TEXT_BYTES];

    if (bytes < 0)
        return;
    if (bytes < WAL_WARN_BYTES)
        ADD(DOCTOR_OK, "store.wal", "", "%s", console_bytes((uint64_t)bytes, text));
    else
        ADD(DOCTOR_WARN, "store.wal",
            "end the program that reads it for so long: fuser -v names those that have it open",
            "%s-wal has %s and grows while somebody reads", report->conf->store.path,
            console_bytes((uint64_t)bytes, text));
}

/* A key of a service account is all that it takes to act as it. Its group may read it: that is how
 * root gives it to the user of the savers. */
static void check_store_key(struct doctor_report *report)
{
    char path[PATH_MAX];
    struct stat info;

    if (!store_key_path(report->conf, path, sizeof path) || stat(path, &info) < 0)
        return; /* check_store() says what is missing */
    bool is_open = info.st_mode & (S_IWGRP | S_IROTH | S_IWOTH);
    ADD(is_open ? DOCTOR_BAD : DOCTOR_OK, "store.key",
        is_open ? "chmod 640, or 600: whoever reads it can act as that account; make a new one"
                : "",
        "%s has mode %03o", path, (unsigned)info.st_mode & 0777);
}

static void check_store(struct doctor_report *report)
{
    const struct conf *conf = report->conf;
    bool sqlite = strcmp(conf->store.kind, "sqlite") == 0;
    struct store *store = NULL;
    char directory[PATH_MAX];
    struct err e;

    if (store_check(conf, &e) < 0) {
        ADD(DOCTOR_BAD, "store", "mend the settings of [store]", "%s", e.text);
        return;
    }
    if (sqlite) {
        parent_of(conf->store.path, directory);
        check_directory(report, "store.disk", directory, PATH_MAX);
        if (access(conf->store.path, F_OK) < 0 && errno == ENOENT) {
            ADD(DOCTOR_OK, "store", "", "sqlite, %s is made by the first saver", conf->store.path);
            return;
        }
    }
    if (store_open(conf, 0, &store, &e) < 0 || store_publications(store, end_walk, NULL, &e) < 0)
        ADD(DOCTOR_BAD, "store",
            sqlite ? "savers wait until it answers; put a damaged file right: newsmill restore FILE"
                   : "savers wait until it answers",
            "%s: %s", conf->store.kind, e.text);
    else
        ADD(DOCTOR_OK, "store", "", "%s answers", conf->store.kind);
    store_close(store);
    check_wal(report);
}

/* --- keys ---------------------------------------------------------------------------------------
 */

static void check_expiry(struct doctor_report *report, const struct keys *keys)
{
    int64_t now_s = (int64_t)time(NULL);
    size_t live = 0;

    for (size_t i = 0; i < keys_count(keys); i++) {
        struct keys_entry entry;
        keys_entry(keys, i, &entry);
        live += entry.expires_s > now_s;
        if (entry.expires_s > now_s && entry.expires_s != KEYS_NEVER &&
            entry.expires_s - now_s < KEY_WARN_S)
            ADD(DOCTOR_WARN, "keys.expiry", "make its successor: newsmill key new",
                "%s ends in %" PRId64 " days", entry.name, (entry.expires_s - now_s) / 86400);
    }
    if (live)
        ADD(DOCTOR_OK, "keys", "", "%zu keys, %zu of them live", keys_count(keys), live);
    else
        ADD(DOCTOR_BAD, "keys", "make one: newsmill key new NAME",
            "none of %zu keys is live: nobody can post", keys_count(keys));
}

static void check_keys(struct doctor_report *report)
{
    const char *path = report->conf->gateway.keys_file;
    struct stat info;
    struct keys *keys;
    struct err e;

    if (!*path)
        return; /* doctor_addresses says where that will do */
    if (stat(path, &info) < 0) {
        ADD(DOCTOR_BAD, "keys.file", "make one: newsmill key new NAME", "%s: %s", path,
            strerror(errno));
        return;
    }
    if (info.st_mode & (S_IWGRP | S_IWOTH))
        ADD(DOCTOR_BAD, "keys.file", "chmod 600: whoever may write it can let anybody in",
            "%s has mode %03o", path, (unsigned)info.st_mode & 0777);
    else if (info.st_mode & (S_IRGRP | S_IROTH))
        ADD(DOCTOR_WARN, "keys.file", "chmod 600; it holds hashes, but of keys some people chose",
            "%s has mode %03o", path, (unsigned)info.st_mode & 0777);
    else
        ADD(DOCTOR_OK, "keys.file", "", "%s has mode %03o", path, (unsigned)info.st_mode & 0777);
    if (keys_load(path, &keys, &e) < 0) {
        ADD(DOCTOR_BAD, "keys", "mend that line", "%s", e.text);
        return;
    }
    check_expiry(report, keys);
    keys_free(keys);
}

/* --- the kernel ---------------------------------------------------------------------------------
 */

/* Redis copies whole pages when it forks to compact its log; with huge ones that takes long and
 * much memory (redis.io, "Diagnosing latency issues"). */
static void check_huge_pages(struct doctor_report *report)
{
    const char *url = report->conf->redis.url;
    char text[128] = "";
    FILE *file = fopen(HUGE_PAGES, "re");

    if (!file)
        return;
    size_t length = fread(text, 1, sizeof text - 1, file);
    text[length] = 0;
    text[strcspn(text, "\n")] = 0;
    fclose(file);
    bool here = strncmp(url, "unix:", 5) == 0 || strstr(url, "127.0.0.1") ||
                strstr(url, "localhost") || strstr(url, "[::1]");
    if (!here || !strstr(text, "[always]"))
        ADD(DOCTOR_OK, "kernel.hugepages", "", "%s%s", text,
            here ? "" : " (but Redis is elsewhere: look there)");
    else
        ADD(DOCTOR_WARN, "kernel.hugepages", "echo madvise > " HUGE_PAGES ", and restart Redis",
            "%s: Redis stalls when it forks", text);
}

void doctor_local(struct doctor_report *report)
{
    check_huge_pages(report);
    check_model(report);
    check_directory(report, "state.disk", report->conf->redis.state_dir, 1);
    check_store_key(report);
    check_store(report);
    check_keys(report);
}
