/* instance: see instance.h. */
#include "instance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"

#define LOCK_TIMEOUT_MS 10000

static int read_or_make_id(int fd, char id[17])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char random[8];

    if (pread(fd, id, 16, 0) == 16) {
        id[16] = 0;
        if (strspn(id, digits) == 16)
            return 0;
    }
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return -1;
    for (int i = 0; i < 8; i++) {
        id[2 * i] = digits[random[i] >> 4];
        id[2 * i + 1] = digits[random[i] & 15];
    }
    id[16] = 0;
    if (ftruncate(fd, 0) < 0 || pwrite(fd, id, 16, 0) != 16 || fsync(fd) < 0)
        return -1;
    return 0;
}

int instance_take(const char *state_dir, const char *role, char id[17], struct err *e)
{
    char path[4096];
    int64_t deadline = clock_ms() + LOCK_TIMEOUT_MS;

    if (snprintf(path, sizeof path, "%s/%s.instance", state_dir, role) >= (int)sizeof path)
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
    if (read_or_make_id(fd, id) < 0) {
        err_set(e, ERR_CONFIG, "redis.state_dir: %s: %s", path, strerror(errno));
        close(fd);
        return e->code;
    }
    return 0;
}
