/* The keys file as the gateway watches it: whatever the file's time stamps say, it is its text that
 * counts. As another user than root, whom no permission stops. */
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "gateway/board.h"
#include "gateway/clients.h"
#include "gateway/head.h"

/* SHA-256 of "abc" (FIPS 180-4's example) and of "secret". */
#define ABC    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SECRET "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
#define NOBODY 65534

static char dir[64], path[96];

static void expect(bool so, const char *what)
{
    if (so)
        return;
    fprintf(stderr, "\n  not so: %s\n", what);
    exit(1);
}

/* In place, and the file's time of change is what it was at first, as `cp -p` leaves it. */
static void write_file(const char *text)
{
    static const struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    FILE *file = fopen(path, "w");

    expect(file && fputs(text, file) >= 0 && fclose(file) == 0, "the file is written");
    expect(utimensat(AT_FDCWD, path, times, 0) == 0, "its times are set");
}

/* Runs `body` in a process of its own, with a directory of its own. */
static void run(void (*body)(void))
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        if (geteuid() == 0 && (setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
            panic("setuid");
        snprintf(dir, sizeof dir, "/tmp/newsmill-test-XXXXXX");
        if (!mkdtemp(dir))
            panic("temporary directory");
        snprintf(path, sizeof path, "%s/keys", dir);
        body();
        unlink(path);
        rmdir(dir);
        exit(0);
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
}

static struct clients *load(struct board **board)
{
    struct clients *c;
    struct err e;

    *board = board_new();
    expect(clients_load(path, *board, &c, &e) == 0, "the keys are loaded");
    return c;
}

static bool is_key(const struct clients *c, const char *key)
{
    struct head head;

    head_init(&head);
    head.header_count = 1;
    head.headers[0] = (struct head_header){"access_token", key, strlen("access_token")};
    return clients_find(c, &head) != NULL;
}

static void forbid_and_permit(void)
{
    struct board *board;

    write_file("ann " ABC "\n");
    struct clients *c = load(&board);
    write_file("bob " SECRET "\n");
    expect(chmod(path, 0) == 0, "the file is forbidden");
    clients_refresh(c);
    clients_refresh(c);
    expect(is_key(c, "abc"), "what cannot be read changes nothing");
    expect(chmod(path, 0600) == 0, "the file is permitted");
    clients_refresh(c);
    expect(is_key(c, "secret") && !is_key(c, "abc"), "it is read once it can be");
    expect(chmod(dir, 0) == 0, "the directory is forbidden");
    clients_refresh(c);
    expect(is_key(c, "secret"), "the keys stay");
    expect(chmod(dir, 0700) == 0, "the directory is permitted");
    write_file("ann " ABC "\n");
    clients_refresh(c);
    expect(is_key(c, "abc") && !is_key(c, "secret"), "it is watched as before");
    clients_free(c);
    board_free(board);
}

static void test_unreadable(void)
{
    run(forbid_and_permit);
}

static void change_quickly(void)
{
    struct board *board;

    write_file("ann " ABC "\n");
    struct clients *c = load(&board);
    for (int i = 0; i < 200; i++) {
        write_file(i % 2 ? "ann " ABC "\n" : "ann " SECRET "\n");
        clients_refresh(c);
        expect(is_key(c, i % 2 ? "abc" : "secret"), "each change counts");
        expect(!is_key(c, i % 2 ? "secret" : "abc"), "what was before does not");
    }
    clients_free(c);
    board_free(board);
}

/* Several changes within what the file system takes for one moment. */
static void test_same_time(void)
{
    run(change_quickly);
}

void suite_clients(void);

void suite_clients(void)
{
    CU_pSuite suite = CU_add_suite("clients", NULL, NULL);

    CU_add_test(suite, "a file that cannot be read for a while", test_unreadable);
    CU_add_test(suite, "changes at the same time", test_same_time);
}
