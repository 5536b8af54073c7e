/* slots: see slots.h. */
#include "slots.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "err.h"

struct slot *slots_new(int count, int base)
{
    struct slot *slots = mmap(NULL, (size_t)count * sizeof *slots, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (slots == MAP_FAILED)
        panic("mmap of %d slots: %s", count, strerror(errno));
    for (int i = 0; i < count; i++)
        slots[i].number = base + i;
    return slots;
}

void slots_free(struct slot *slots, int count)
{
    munmap(slots, (size_t)count * sizeof *slots);
}
