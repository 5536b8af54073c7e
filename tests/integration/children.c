/* children: see children.h. */
#include "children.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

static int count_files(pid_t pid)
{
    char path[64];
    int count = 0;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

static long resident_kb(pid_t pid)
{
    char path[64];
    long pages = 0;

    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

void children_look(const struct proc *role, struct children *out)
{
    *out = (struct children){.count = 0};
    out->count = proc_children(role, out->pids, CHILDREN_MAX);
    for (int i = 0; i < out->count; i++) {
        out->files += count_files(out->pids[i]);
        out->resident_kb += resident_kb(out->pids[i]);
    }
}
