/* Which records of the kernel's log say that a process was killed for memory. */
#include <CUnit/CUnit.h>

#include "common/oom.h"

static const char global[] = "3,1093,70000000,-;Out of memory: Killed process 4711 "
                             "(newsmill-worker) total-vm:9000kB, anon-rss:8000kB\n";
static const char group[] = "3,1093,70000000,-;Memory cgroup out of memory: Killed process 4711 "
                            "(newsmill-worker) total-vm:9000kB\n SUBSYSTEM=x\n";
static const char other[] = "6,1093,70000000,-;oom_reaper: reaped process 4711\n";

static void test_records(void)
{
    CU_ASSERT_TRUE(oom_record_names(global, 4711, 60000000));
    CU_ASSERT_TRUE(oom_record_names(group, 4711, 70000000));
    CU_ASSERT_FALSE(oom_record_names(global, 4711, 70000001)); /* of an earlier process */
    CU_ASSERT_FALSE(oom_record_names(global, 471, 0));
    CU_ASSERT_FALSE(oom_record_names(global, 47110, 0));
    CU_ASSERT_FALSE(oom_record_names(other, 4711, 0));
    CU_ASSERT_FALSE(oom_record_names("", 4711, 0));
    CU_ASSERT_FALSE(oom_record_names("Killed process 4711", 4711, 0));
    CU_ASSERT_FALSE(oom_record_names("x;Killed process 4711", 4711, 0));
}

void suite_oom(void);
void suite_oom(void)
{
    CU_add_test(CU_add_suite("oom", NULL, NULL), "records of the kernel's log", test_records);
}
