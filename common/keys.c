/* keys: see keys.h. A key is 24 random bytes, so one plain SHA-256 is enough: there is nothing to
 * guess that salt or a slow hash would protect. */
#include "keys.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "rfc3339.h"

#define KEY_PREFIX       "nm_"
#define KEY_RANDOM_BYTES 24
#define NAME_MAX_LENGTH  64
#define LINE_MAX_LENGTH  256

struct key {
    char name[NAME_MAX_LENGTH + 1];
    unsigned char hash[SHA256_DIGEST_LENGTH];
    int64_t expires; /* seconds since 1970, or KEYS_NEVER */
    unsigned line;   /* of the file */
};

struct keys {
    struct key *list;           /* as in the file */
    const struct key **by_hash; /* sorted */
    size_t count, capacity;
};

/* Every request of a client costs one of these, and looking SHA-256 up takes four times as long. */
static void hash_key(const char *key, size_t length, unsigned char hash[SHA256_DIGEST_LENGTH])
{
    static EVP_MD *sha256;

    if (!sha256)
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!sha256 || EVP_Digest(key, length, hash, NULL, sha256, NULL) != 1)
        panic("no SHA-256 in libcrypto");
}

static bool is_name(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t length = strlen(name);

    return length > 0 && length <= NAME_MAX_LENGTH && strspn(name, allowed) == length;
}

static bool parse_hash(const char *hex, unsigned char hash[SHA256_DIGEST_LENGTH])
{
    static const char digits[] = "0123456789abcdef";

    if (strlen(hex) != 2 * SHA256_DIGEST_LENGTH)
        return false;
    for (int i = 0; i < 2 * SHA256_DIGEST_LENGTH; i++) {
        int lower = hex[i] >= 'A' && hex[i] <= 'F' ? hex[i] + 32 : hex[i];
        const char *digit = strchr(digits, lower);
        if (!digit)
            return false;
        hash[i / 2] = (unsigned char)(hash[i / 2] << 4 | (digit - digits));
    }
    return true;
}

static int add(struct keys *k, char *line, const char *path, unsigned number, struct err *e)
{
    char *rest = line;
    const char *words[4] = {0};
    struct key key = {.expires = KEYS_NEVER, .line = number};
    int count = 0;

    line[strcspn(line, "#\r\n")] = 0;
    for (char *word; count < 4 && (word = strsep(&rest, " \t"));)
        if (*word)
            words[count++] = word;
    if (count == 0)
        return 0;
    if (count == 1 || count == 4)
        return err_set(e, ERR_CONFIG, "%s:%u: NAME SHA256 [EXPIRES] is wanted", path, number);
    if (!is_name(words[0]))
        return err_set(e, ERR_CONFIG, "%s:%u: a name is 1 to %d of letters, digits, . _ -", path,
                       number, NAME_MAX_LENGTH);
    if (!parse_hash(words[1], key.hash))
        return err_set(e, ERR_CONFIG, "%s:%u: the hash is not 64 hex digits", path, number);
    if (words[2] && !rfc3339_parse(words[2], &key.expires))
        return err_set(e, ERR_CONFIG, "%s:%u: the end is not a time like 2030-12-31T23:59:59Z",
                       path, number);
    if (k->count == KEYS_MAX)
        return err_set(e, ERR_CONFIG, "%s: more than %d keys", path, KEYS_MAX);
    snprintf(key.name, sizeof key.name, "%s", words[0]);
    if (k->count == k->capacity) {
        k->capacity = k->capacity ? 2 * k->capacity : 8;
        k->list = xrealloc(k->list, k->capacity * sizeof *k->list);
    }
    k->list[k->count++] = key;
    return 0;
}

static int read_lines(struct keys *k, FILE *file, const char *path, struct err *e)
{
    char line[LINE_MAX_LENGTH + 2];

    for (unsigned number = 1; fgets(line, sizeof line, file); number++) {
        if (!strchr(line, '\n') && !feof(file))
            return err_set(e, ERR_CONFIG, "%s:%u: the line is too long", path, number);
        if (add(k, line, path, number, e) < 0)
            return ERR_CONFIG;
    }
    if (ferror(file))
        return err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    const struct key *const *x = a, *const *y = b;
    int order = strcmp((*x)->name, (*y)->name);

    return order ? order : ((*x)->line > (*y)->line) - ((*x)->line < (*y)->line);
}

/* The first line that repeats the name of one before it is an error. */
static int check_names(const struct keys *k, const char *path, struct err *e)
{
    const struct key **by_name = xcalloc(k->count + 1, sizeof *by_name), *again = NULL;

    for (size_t i = 0; i < k->count; i++)
        by_name[i] = &k->list[i];
    qsort(by_name, k->count, sizeof *by_name, compare_names);
    for (size_t i = 1; i < k->count; i++)
        if (strcmp(by_name[i - 1]->name, by_name[i]->name) == 0 &&
            (!again || by_name[i]->line < again->line))
            again = by_name[i];
    free(by_name);
    if (again)
        return err_set(e, ERR_CONFIG, "%s:%u: the name %s is there twice", path, again->line,
                       again->name);
    return 0;
}

/* Where two names have one key, the entry that lasts longer comes first. */
static int compare_keys(const void *a, const void *b)
{
    const struct key *const *x = a, *const *y = b;
    int order = memcmp((*x)->hash, (*y)->hash, SHA256_DIGEST_LENGTH);

    return order ? order : ((*x)->expires < (*y)->expires) - ((*x)->expires > (*y)->expires);
}

static void sort(struct keys *k)
{
    k->by_hash = xcalloc(k->count + 1, sizeof *k->by_hash);
    for (size_t i = 0; i < k->count; i++)
        k->by_hash[i] = &k->list[i];
    qsort(k->by_hash, k->count, sizeof *k->by_hash, compare_keys);
}

/* Not to be waited for: a pipe in the file's place must not stop the gateway. */
static FILE *open_file(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    FILE *file = NULL;
    struct stat info;

    if (fd < 0 || fstat(fd, &info) < 0)
        err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(info.st_mode))
        err_set(e, ERR_CONFIG, "%s: this is no regular file", path);
    else if (info.st_size > (off_t)KEYS_MAX_FILE_BYTES)
        err_set(e, ERR_CONFIG, "%s: longer than %zu bytes", path, KEYS_MAX_FILE_BYTES);
    else if (!(file = fdopen(fd, "r")))
        panic("fdopen: %s", strerror(errno));
    if (fd >= 0 && !file)
        close(fd);
    return file;
}

int keys_load(const char *path, struct keys **out, struct err *e)
{
    FILE *file = open_file(path, e);
    struct keys *k;

    *out = NULL;
    if (!file)
        return e->code;
    k = xcalloc(1, sizeof *k);
    int code = read_lines(k, file, path, e);
    fclose(file);
    if (code == 0)
        code = check_names(k, path, e);
    if (code < 0) {
        keys_free(k);
        return code;
    }
    sort(k);
    *out = k;
    return 0;
}

void keys_free(struct keys *k)
{
    if (!k)
        return;
    free(k->by_hash);
    free(k->list);
    free(k);
}

size_t keys_count(const struct keys *k)
{
    return k->count;
}

/* What the time of this search tells is how the hash of the sender's own text compares with ours.
 * He knows that hash and can steer it no better than by guessing, so it brings him no nearer to a
 * key; a search in the file's order would grow with the number of keys instead. */
long keys_find(const struct keys *k, const char *key, size_t length)
{
    unsigned char wanted[SHA256_DIGEST_LENGTH];
    size_t low = 0, high = k->count;

    hash_key(key, length, wanted);
    while (low < high) { /* the first that is not below */
        size_t middle = low + (high - low) / 2;
        if (memcmp(k->by_hash[middle]->hash, wanted, sizeof wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == k->count || memcmp(k->by_hash[low]->hash, wanted, sizeof wanted) != 0)
        return -1;
    const struct key *found = k->by_hash[low];
    return found->expires > (int64_t)time(NULL) ? found - k->list : -1;
}

static void write_hex(const unsigned char *bytes, size_t length, char *out)
{
    for (size_t i = 0; i < length; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

void keys_entry(const struct keys *k, size_t index, struct keys_entry *out)
{
    out->name = k->list[index].name;
    out->expires_s = k->list[index].expires;
    write_hex(k->list[index].hash, sizeof k->list[index].hash, out->hash);
}

/* Appends the line, after a line end that the last one may lack. */
static int append_line(int fd, const char *name, const unsigned char hash[SHA256_DIGEST_LENGTH],
                       const char *path, struct err *e)
{
    char hex[2 * SHA256_DIGEST_LENGTH + 1], line[LINE_MAX_LENGTH], last = '\n';
    struct stat info;

    write_hex(hash, SHA256_DIGEST_LENGTH, hex);
    if (fstat(fd, &info) < 0 || (info.st_size > 0 && pread(fd, &last, 1, info.st_size - 1) != 1))
        return err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
    int length = snprintf(line, sizeof line, "%s%s %s\n", last == '\n' ? "" : "\n", name, hex);
    if (write(fd, line, (size_t)length) != length || fsync(fd) < 0)
        return err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
    return 0;
}

/* May the name and the hash be added to the file as it is now? */
static int check_new(const char *path, const char *name,
                     const unsigned char hash[SHA256_DIGEST_LENGTH], struct err *e)
{
    struct keys *k;
    int code = keys_load(path, &k, e);

    if (code < 0)
        return code;
    for (size_t i = 0; i < k->count && code == 0; i++) {
        if (strcmp(k->list[i].name, name) == 0)
            code = err_set(e, ERR_INPUT, "%s has a key of the name %s already", path, name);
        else if (CRYPTO_memcmp(k->list[i].hash, hash, SHA256_DIGEST_LENGTH) == 0)
            code = err_set(e, ERR_INPUT, "%s has this key already, as %s", path, k->list[i].name);
    }
    if (code == 0 && k->count == KEYS_MAX)
        code = err_set(e, ERR_INPUT, "%s: no room for more than %d keys", path, KEYS_MAX);
    keys_free(k);
    return code;
}

static int append(const char *path, const char *name, const char *key, size_t length, struct err *e)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];

    if (!is_name(name))
        return err_set(e, ERR_INPUT, "a name is 1 to %d of letters, digits, '.', '_' and '-'",
                       NAME_MAX_LENGTH);
    hash_key(key, length, hash);
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
    int code = 0;
    if (flock(fd, LOCK_EX) < 0) /* two of us at once must not both find the name free */
        code = err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
    if (code == 0)
        code = check_new(path, name, hash, e);
    if (code == 0)
        code = append_line(fd, name, hash, path, e);
    close(fd);
    return code;
}

int keys_create(const char *path, const char *name, char key[KEYS_KEY_BYTES], struct err *e)
{
    unsigned char random[KEY_RANDOM_BYTES];

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        panic("getrandom: %s", strerror(errno));
    memcpy(key, KEY_PREFIX, sizeof KEY_PREFIX);
    write_hex(random, sizeof random, key + sizeof KEY_PREFIX - 1);
    int code = append(path, name, key, strlen(key), e);
    if (code < 0)
        explicit_bzero(key, KEYS_KEY_BYTES);
    return code;
}

int keys_add(const char *path, const char *name, const char *key, size_t length, struct err *e)
{
    if (length < KEYS_MIN_LENGTH || length > KEYS_MAX_LENGTH)
        return err_set(e, ERR_INPUT, "a key has %d to %d characters, this one %zu", KEYS_MIN_LENGTH,
                       KEYS_MAX_LENGTH, length);
    for (size_t i = 0; i < length; i++)
        if (key[i] <= ' ' || key[i] > '~')
            return err_set(e, ERR_INPUT, "a key is of printable ASCII without spaces");
    return append(path, name, key, length, e);
}
