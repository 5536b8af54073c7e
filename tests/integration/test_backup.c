/* newsmill backup and restore: counts and markers of one moment, and what Redis holds is counted
 * once. */
#include <CUnit/CUnit.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli_fixture.h"

void suite_backup(void);

static char store_path[300], backup_path[300];

static void begin(void)
{
    cli_begin();
    snprintf(store_path, sizeof store_path, "%s/newsmill.db", cli_farm.dir);
    snprintf(backup_path, sizeof backup_path, "%s/backup.db", cli_farm.dir);
}

static void push(int first, int last)
{
    for (int id = first; id <= last; id++)
        cli_push_batch(id, (long long)time(NULL) * 1000);
}

/* Savers that count these and end. */
static void count(int first, int last)
{
    push(first, last);
    farm_start_savers(&cli_farm);
    CU_ASSERT(farm_drained(&cli_farm, 20000));
    CU_ASSERT_EQUAL(proc_stop(&cli_farm.savers, SIGTERM, 20000), 0);
}

static void overwrite(const char *path, long from, size_t length)
{
    FILE *file = fopen(path, "r+");

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fseek(file, from, SEEK_SET);
    for (size_t i = 0; i < length; i++)
        fputc(0xa5, file);
    fclose(file);
}

/* The former store, which a restore keeps: its path, or "". */
static const char *kept_path(void)
{
    static char path[600];
    DIR *directory = opendir(cli_farm.dir);

    *path = 0;
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (strstr(entry->d_name, "newsmill.db.before-restore-") &&
            !strstr(entry->d_name, "-wal") && !strstr(entry->d_name, "-shm"))
            snprintf(path, sizeof path, "%s/%s", cli_farm.dir, entry->d_name);
    closedir(directory);
    return path;
}

static void test_restore(void)
{
    struct stat status;

    begin();
    farm_start_savers(&cli_farm);
    push(1, 5);
    CU_ASSERT(farm_drained(&cli_farm, 20000));
    cli_expect(cli_run("backup %s", backup_path), 0, "5 articles");
    CU_ASSERT_EQUAL(stat(backup_path, &status), 0);
    CU_ASSERT_EQUAL(status.st_mode & 0777, 0640);
    push(6, 9);
    CU_ASSERT(farm_drained(&cli_farm, 20000));
    cli_expect(cli_run("restore %s", backup_path), 1, "stop the savers");
    CU_ASSERT_EQUAL(farm_articles(&cli_farm), 9);
    CU_ASSERT_STRING_EQUAL(kept_path(), "");

    CU_ASSERT_EQUAL(proc_stop(&cli_farm.savers, SIGTERM, 20000), 0);
    push(10, 11);
    push(3, 3); /* the backup knows it */
    push(6, 6); /* the backup does not */
    cli_expect(cli_run("restore %s", backup_path), 0, "lost: 4 articles in 4 batches");
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "4 batches wait in Redis"));
    CU_ASSERT_EQUAL(farm_articles(&cli_farm), 5);
    cli_expect(cli_run("-o store.path=%s top p", kept_path()), 0, "P, 9 articles");
    farm_start_savers(&cli_farm);
    CU_ASSERT(farm_drained(&cli_farm, 20000));
    CU_ASSERT_EQUAL(farm_articles(&cli_farm), 8);
    cli_expect(cli_run("top p"), 0, "tim cook  8  PERSON");
    CU_ASSERT_EQUAL(cli_run("audit"), 0);
    CU_ASSERT_EQUAL(proc_stop(&cli_farm.savers, SIGTERM, 20000), 0);
    cli_finish();
}

/* Killed savers, one of them between the store and the settle: what it held is counted once. */
static void test_held_batches(void)
{
    static const char hold[] = "newsmill:results:hold:savers:0123456789abcdef:0:1";

    begin();
    count(1, 2);
    cli_expect(cli_run("backup %s", backup_path), 0, "2 articles");
    count(3, 4);
    push(4, 5); /* 4 was counted, but its saver died before the settle */
    for (int i = 0; i < 2; i++)
        CU_ASSERT(redis_int(&cli_farm.redis, "LMOVE newsmill:results %s RIGHT LEFT", hold) > 0);
    redis_int(&cli_farm.redis, "ZADD newsmill:owners 1 savers:0123456789abcdef:0:1");
    cli_expect(cli_run("restore %s", backup_path), 0, "2 batches wait in Redis");
    farm_start_savers(&cli_farm);
    CU_ASSERT(farm_drained(&cli_farm, 20000));
    CU_ASSERT_EQUAL(farm_articles(&cli_farm), 4); /* 1, 2, 4, 5 */
    CU_ASSERT_EQUAL(proc_stop(&cli_farm.savers, SIGTERM, 20000), 0);
    cli_finish();
}

/* The file is no database any more, or is not there. */
static void test_damaged(void)
{
    begin();
    count(1, 3);
    cli_expect(cli_run("backup %s", backup_path), 0, "3 articles");
    count(4, 4);
    overwrite(store_path, 0, 4096);
    cli_expect(cli_run("doctor"), 1, "newsmill restore");
    cli_expect(cli_run("restore %s", backup_path), 0, "could not be read");
    CU_ASSERT_EQUAL(farm_articles(&cli_farm), 3);
    CU_ASSERT_STRING_NOT_EQUAL(kept_path(), "");
    unlink(store_path);
    cli_expect(cli_run("restore %s", backup_path), 0, "3 articles");
    count(5, 5);
    CU_ASSERT_EQUAL(farm_articles(&cli_farm), 4);
    cli_finish();
}

static void test_refusals(void)
{
    char other[300];

    begin();
    cli_expect(cli_run("backup %s", backup_path), 1, "no counts yet");
    CU_ASSERT_NOT_EQUAL(access(backup_path, F_OK), 0);
    count(1, 3);
    cli_expect(cli_run("backup %s", store_path), 1, "is there already");
    cli_expect(cli_run("backup %s/no/such/directory.db", cli_farm.dir), 1, "No such file");
    cli_expect(cli_run("restore %s", backup_path), 1, "No such file");
    cli_expect(cli_run("restore %s", store_path), 1, "is the store itself");
    snprintf(other, sizeof other, "%s/other", cli_farm.dir);
    FILE *file = fopen(other, "w");
    fprintf(file, "no database, but long enough to have the header of one%100s\n", "");
    fclose(file);
    cli_expect(cli_run("restore %s", other), 1, "not an SQLite file");
    cli_expect(cli_run("backup %s", backup_path), 0, "3 articles");
    cli_expect(cli_run("backup %s", backup_path), 1, "is there already");
    overwrite(backup_path, 4096, 8192);
    cli_expect(cli_run("restore %s", backup_path), 1, "damaged");
    CU_ASSERT_EQUAL(farm_articles(&cli_farm), 3);
    CU_ASSERT_STRING_EQUAL(kept_path(), "");
    cli_expect(cli_run("-o store.kind=none backup x"), 1, "store.kind none");
    cli_expect(cli_run("backup"), 64, "FILE");
    cli_expect(cli_run("restore a b"), 64, "FILE");
    cli_expect(cli_run("restore --help"), 0, "usage: newsmill restore");
    cli_expect(cli_run("backup --help"), 0, "usage: newsmill backup");
    cli_expect(cli_run("-o redis.url=redis://127.0.0.1:1 restore %s", backup_path), 1, "Redis");
    CU_ASSERT_EQUAL(farm_articles(&cli_farm), 3);
    cli_finish();
}

void suite_backup(void)
{
    CU_pSuite suite = CU_add_suite("backup", NULL, NULL);

    CU_add_test(suite, "the moment of the backup, what waits is counted once", test_restore);
    CU_add_test(suite, "batches that dead savers held", test_held_batches);
    CU_add_test(suite, "a damaged file, and none", test_damaged);
    CU_add_test(suite, "refusals", test_refusals);
}
