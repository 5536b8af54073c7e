/* oom: see oom.h. cgroups(7); the kernel's Documentation/ABI/testing/dev-kmsg. */
#include "oom.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

/* A record of the kernel's log about a process that has died just now is no older. */
#define LATE_US 60000000

/* The count in memory.events (v2) or memory.oom_control (v1): "oom_kill 3"; -1 where it has none.
 */
static long read_count(const char *path)
{
    FILE *file = fopen(path, "re");
    char line[256];
    long kills = -1;

    while (file && kills < 0 && fgets(line, sizeof line, file))
        if (sscanf(line, "oom_kill %ld", &kills) != 1)
            kills = -1;
    if (file)
        fclose(file);
    return kills;
}

/* Where a line of /proc/self/cgroup says that the count is; false: not this one. */
static bool find_count(char *line, char path[PATH_MAX + 64])
{
    line[strcspn(line, "\n")] = 0;
    char *controllers = strchr(line, ':'),
         *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group)
        return false;
    *group++ = 0;
    if (strcmp(controllers, ":") == 0)
        snprintf(path, PATH_MAX + 64, "/sys/fs/cgroup%s/memory.events", group);
    else if (strcmp(controllers, ":memory") == 0)
        snprintf(path, PATH_MAX + 64, "/sys/fs/cgroup/memory%s/memory.oom_control", group);
    else
        return false;
    return true;
}

long oom_kills(void)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[PATH_MAX], path[PATH_MAX + 64];
    long kills = 0;

    while (file && fgets(line, sizeof line, file)) {
        long found = find_count(line, path) ? read_count(path) : 0;
        kills += found > 0 ? found : 0;
    }
    if (file)
        fclose(file);
    return kills;
}

bool oom_record_names(const char *record, pid_t pid, int64_t since_us)
{
    static const char words[] = "Killed process ";
    const char *text = strchr(record, ';'), *found = text ? strstr(text, words) : NULL;
    long long at_us = 0;

    return found && strtol(found + sizeof words - 1, NULL, 10) == pid &&
           sscanf(record, "%*u,%*u,%lld,", &at_us) == 1 && at_us >= since_us;
}

bool oom_logged(pid_t pid)
{
    int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int64_t since_us = clock_us() - LATE_US;
    char record[8192];
    bool found = false;
    ssize_t length = 0;

    if (fd < 0)
        return false;
    /* A read gives one record; EPIPE: the oldest was overwritten meanwhile. */
    while (!found &&
           ((length = read(fd, record, sizeof record - 1)) > 0 || (length < 0 && errno == EPIPE))) {
        record[length > 0 ? length : 0] = 0;
        found = oom_record_names(record, pid, since_us);
    }
    close(fd);
    return found;
}
