/* Generation: whether children that serve items make progress, for the watchdog; the janitor's
 * rounds are none. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/generation.h"

static int wait_for_kill(struct supervisor_job *job, struct slot *slot)
{
    (void)job, (void)slot;
    for (;;)
        pause();
    return 0;
}

static void reap_all(struct generation *g)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, 0)) > 0)
        generation_reap(g, pid, status);
}

static void test_alive(void)
{
    struct supervisor_job job = {.count = 3, .janitor = true, .run = wait_for_kill};
    sigset_t mask;

    sigemptyset(&mask);
    struct generation *g = generation_new(&job, 0, true, &mask);
    struct slot *slots = generation_job(g)->slots;
    CU_ASSERT_TRUE(generation_alive(g, 1000)); /* about to be started */
    generation_tick(g);
    CU_ASSERT_TRUE(generation_alive(g, 60000));
    for (int i = 0; i < 2; i++)
        atomic_store(&slots[i].beat_ms, clock_ms() - 120000);
    CU_ASSERT_EQUAL(slots[2].number, SLOTS_JANITOR);
    CU_ASSERT_FALSE(generation_alive(g, 60000)); /* though the janitor's beat is young */
    atomic_store(&slots[1].beat_ms, clock_ms());
    CU_ASSERT_TRUE(generation_alive(g, 60000));
    generation_drain(g);
    generation_signal(g, SIGKILL);
    reap_all(g);
    generation_free(g);
}

void suite_generation(void);
void suite_generation(void)
{
    CU_add_test(CU_add_suite("generation", NULL, NULL), "who is alive", test_alive);
}
