/* board: see board.h. */
#include "board.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/err.h"
#include "common/keys.h"
#include "common/slots.h"

#define MAX_PROCESSES 256 /* of one generation; see gateway.processes */
#define MAX_CLIENTS   (2 * KEYS_MAX)
#define INDEX_SIZE    65536 /* a power of two well above MAX_CLIENTS */

/* Pages of it that nobody touches cost nothing. */
struct shared {
    pthread_mutex_t lock;
    _Atomic unsigned client_count;
    struct board_client clients[MAX_CLIENTS];
    uint16_t index[INDEX_SIZE]; /* by hash of the name: its place in clients, plus 1 */
    _Atomic bool used[2 * MAX_PROCESSES];
    struct board_process processes[2 * MAX_PROCESSES];
};

_Static_assert(MAX_CLIENTS < UINT16_MAX, "the index has 16 bits");

struct board {
    struct shared *shared;
    unsigned users;
};

struct board *board_new(void)
{
    struct board *b = xcalloc(1, sizeof *b);
    pthread_mutexattr_t kind;

    b->users = 1;
    b->shared = mmap(NULL, sizeof *b->shared, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (b->shared == MAP_FAILED)
        panic("mmap of %zu bytes: %s", sizeof *b->shared, strerror(errno));
    /* Robust: a process may be killed while it holds the lock. */
    if (pthread_mutexattr_init(&kind) != 0 ||
        pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED) != 0 ||
        pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST) != 0 ||
        pthread_mutex_init(&b->shared->lock, &kind) != 0)
        panic("no mutex between processes");
    pthread_mutexattr_destroy(&kind);
    (void)board_client(b, "");
    return b;
}

struct board *board_share(struct board *b)
{
    b->users++;
    return b;
}

void board_free(struct board *b)
{
    if (!b || --b->users > 0)
        return;
    munmap(b->shared, sizeof *b->shared);
    free(b);
}

static void lock(struct shared *s)
{
    int code = pthread_mutex_lock(&s->lock);

    /* Its owner died. A client is whole before it is counted, so there is nothing to repair. */
    if (code == EOWNERDEAD)
        code = pthread_mutex_consistent(&s->lock);
    if (code != 0)
        panic("pthread_mutex_lock: %s", strerror(code));
}

/* FNV-1a, 32 bits */
static uint32_t hash(const char *name)
{
    uint32_t h = 2166136261U;

    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 16777619U;
    return h;
}

static struct board_client *find_or_add(struct shared *s, const char *name)
{
    uint32_t at = hash(name) % INDEX_SIZE;
    unsigned count = s->client_count;

    for (; s->index[at]; at = (at + 1) % INDEX_SIZE)
        if (s->index[at] <= count && strcmp(s->clients[s->index[at] - 1].name, name) == 0)
            return &s->clients[s->index[at] - 1];
    if (count == MAX_CLIENTS)
        return &s->clients[MAX_CLIENTS - 1];
    struct board_client *client = &s->clients[count];
    snprintf(client->name, sizeof client->name, "%s", count == MAX_CLIENTS - 1 ? "(others)" : name);
    s->client_count = count + 1;
    s->index[at] = (uint16_t)(count + 1);
    return client;
}

struct board_client *board_client(struct board *b, const char *name)
{
    lock(b->shared);
    struct board_client *client = find_or_add(b->shared, name);
    pthread_mutex_unlock(&b->shared->lock);
    return client;
}

const struct board_client *board_clients(const struct board *b, unsigned *count)
{
    *count = b->shared->client_count;
    return b->shared->clients;
}

struct board_process *board_process(struct board *b, int slot_number)
{
    int place = slot_number % SLOTS_STRIDE % MAX_PROCESSES;

    place += slot_number < SLOTS_STRIDE ? 0 : MAX_PROCESSES;
    b->shared->used[place] = true;
    return &b->shared->processes[place];
}

const struct board_process *board_page(const struct board *b, unsigned i)
{
    unsigned seen = 0;

    for (unsigned place = 0; place < 2 * MAX_PROCESSES; place++)
        if (b->shared->used[place] && seen++ == i)
            return &b->shared->processes[place];
    return NULL;
}
