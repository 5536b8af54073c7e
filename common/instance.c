/* instance: see instance.h. */
#include "instance.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"

#define LOCK_TIMEOUT_MS 10000
#define ID_LENGTH       (INSTANCE_ID_BYTES - 1)
#define LINE_BYTES      (INSTANCE_TOKENS_BYTES + 3 * INSTANCE_ID_BYTES + 1)

static const char digits[] = "0123456789abcdef";

static void write_hex(const unsigned char bytes[ID_LENGTH / 2], char out[INSTANCE_ID_BYTES])
{
    for (int i = 0; i < ID_LENGTH / 2; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[ID_LENGTH] = 0;
}

static int make_id(char out[INSTANCE_ID_BYTES])
{
    unsigned char random[ID_LENGTH / 2];

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return -1;
    write_hex(random, out);
    return 0;
}

/* A hash of the file's text and a number. Not the text itself: a machine's id is nobody's business,
 * machine-id(5). A file that is missing counts as an empty one. */
static void hash_file(const char *path, unsigned long long number, char out[INSTANCE_ID_BYTES])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    char text[128];
    size_t length = (size_t)snprintf(text, sizeof text, "newsmill %llu ", number);

    FILE *file = fopen(path, "re");
    if (file) {
        length += fread(text + length, 1, sizeof text - length, file);
        fclose(file);
    }
    if (EVP_Digest(text, length, hash, NULL, EVP_sha256(), NULL) != 1)
        panic("no SHA-256 in libcrypto");
    write_hex(hash, out);
}

/* Where an instance file is, and since when nobody from before can live. */
struct here {
    char place[INSTANCE_ID_BYTES], boot[INSTANCE_ID_BYTES];
};

/* The inode without the device: the numbers of devices change when a machine starts again. */
static int look_here(int fd, struct here *here)
{
    struct stat info;

    if (fstat(fd, &info) < 0)
        return -1;
    hash_file("/etc/machine-id", info.st_ino, here->place);
    hash_file("/proc/sys/kernel/random/boot_id", 0, here->boot);
    return 0;
}

/* The next word of 16 hex digits, or "". */
static void take_word(const char **at, char out[INSTANCE_ID_BYTES])
{
    *out = 0;
    *at += **at == ' ';
    if (strspn(*at, digits) != ID_LENGTH)
        return;
    memcpy(out, *at, ID_LENGTH);
    out[ID_LENGTH] = 0;
    *at += ID_LENGTH;
}

/* Fills in what the file says; an id of "" where it says nothing. */
static int parse(int fd, const struct here *here, struct instance *instance)
{
    char line[LINE_BYTES], place[INSTANCE_ID_BYTES], boot[INSTANCE_ID_BYTES],
        token[INSTANCE_ID_BYTES];
    const char *at = line;
    ssize_t length = pread(fd, line, sizeof line - 1, 0);

    if (length < 0)
        return -1;
    line[length] = 0;
    *instance = (struct instance){.fd = fd};
    take_word(&at, instance->id);
    take_word(&at, place);
    take_word(&at, boot);
    if (*place && strcmp(place, here->place) != 0) {
        memcpy(instance->copied, instance->id, sizeof instance->copied);
        return 0;
    }
    /* From before this boot one may live where the disk was cloned. It is asked for in Redis. */
    if (strcmp(boot, here->boot) != 0)
        return 0;
    for (int i = 0; i < INSTANCE_TOKENS; i++) {
        take_word(&at, token);
        if (!*token)
            break;
        if (i)
            instance->tokens[i * INSTANCE_ID_BYTES - 1] = ' ';
        memcpy(instance->tokens + i * INSTANCE_ID_BYTES, token, sizeof token);
    }
    return 0;
}

/* In place, so that the inode stays. Whatever is left of a longer line is cut off last. */
static int save(const struct instance *instance, const struct here *here)
{
    char line[LINE_BYTES];
    int length = snprintf(line, sizeof line, "%s %s %s %s\n", instance->id, here->place, here->boot,
                          instance->tokens);

    return pwrite(instance->fd, line, (size_t)length, 0) == length &&
                   ftruncate(instance->fd, length) == 0 && fsync(instance->fd) == 0
               ? 0
               : -1;
}

/* Our own token comes to the front; the oldest one goes. */
static int add_token(struct instance *instance)
{
    char before[INSTANCE_TOKENS_BYTES], own[INSTANCE_ID_BYTES];

    memcpy(before, instance->tokens, sizeof before);
    if (make_id(own) < 0)
        return -1;
    before[(INSTANCE_TOKENS - 1) * INSTANCE_ID_BYTES - 1] = 0;
    snprintf(instance->tokens, sizeof instance->tokens, "%s%s%s", own, *before ? " " : "", before);
    return 0;
}

static int begin(int fd, struct instance *instance)
{
    struct here here;

    if (look_here(fd, &here) < 0 || parse(fd, &here, instance) < 0)
        return -1;
    if ((!*instance->id || *instance->copied) && make_id(instance->id) < 0)
        return -1;
    return add_token(instance) < 0 ? -1 : save(instance, &here);
}

int instance_renew(struct instance *instance, struct err *e)
{
    struct here here;

    if (look_here(instance->fd, &here) < 0 || make_id(instance->id) < 0 ||
        save(instance, &here) < 0)
        return err_set(e, ERR_CONFIG, "redis.state_dir: the new id: %s", strerror(errno));
    return 0;
}

/* Returns false where the path is too long. */
static bool make_path(const char *state_dir, const char *role, char path[4096])
{
    return snprintf(path, 4096, "%s/%s.instance", state_dir, role) < 4096;
}

int instance_take(const char *state_dir, const char *role, struct instance *instance, struct err *e)
{
    char path[4096];
    int64_t deadline = clock_ms() + LOCK_TIMEOUT_MS;

    if (!make_path(state_dir, role, path))
        return err_set(e, ERR_CONFIG, "redis.state_dir: the path is too long");
    if (mkdir(state_dir, 0755) < 0 && errno != EEXIST)
        return err_set(e, ERR_CONFIG, "redis.state_dir: %s: %s", state_dir, strerror(errno));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644); /* kept open: it is the lock */
    if (fd < 0)
        return err_set(e, ERR_CONFIG, "redis.state_dir: %s: %s", path, strerror(errno));
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK || clock_ms() > deadline) {
            close(fd);
            return err_set(e, ERR_CONFIG, "redis.state_dir: another newsmill-%s uses %s", role,
                           path);
        }
        usleep(20000);
    }
    if (begin(fd, instance) < 0) {
        err_set(e, ERR_CONFIG, "redis.state_dir: %s: %s", path, strerror(errno));
        close(fd);
        return e->code;
    }
    return 0;
}

bool instance_read(const char *state_dir, const char *role, struct instance *instance)
{
    char path[4096];
    struct here here;

    int fd = make_path(state_dir, role, path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return false;
    bool read = look_here(fd, &here) == 0 && parse(fd, &here, instance) == 0 && *instance->id;
    close(fd);
    if (read)
        instance->fd = -1;
    return read;
}
