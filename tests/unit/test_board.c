/* What the gateway's processes share: each key's place by its name, whoever looks first; and
 * request ids, which no two processes may make alike. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/keys.h"
#include "common/slots.h"
#include "gateway/board.h"
#include "gateway/request_id.h"

#define PROCESSES 4
#define NAMES     300

/* All processes look for the same names at once: each name has one place. */
static void test_one_place(void)
{
    struct board *board = board_new();
    char name[32];
    unsigned count;

    for (int p = 0; p < PROCESSES; p++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (int i = 0; i < NAMES; i++) {
                snprintf(name, sizeof name, "key-%d", i);
                board_count(&board_client(board, name)->requests, 1);
            }
            _exit(0);
        }
    }
    for (int p = 0, status; p < PROCESSES; p++)
        CU_ASSERT(wait(&status) > 0 && status == 0);
    const struct board_client *clients = board_clients(board, &count);
    CU_ASSERT_EQUAL(count, NAMES + 1);
    CU_ASSERT_STRING_EQUAL(clients[0].name, "");
    for (unsigned i = 1; i < count; i++)
        CU_ASSERT_EQUAL(clients[i].requests, PROCESSES);
    board_free(board_share(board));
    CU_ASSERT_EQUAL(board_client(board, "key-7")->requests, PROCESSES);
    board_free(board);
    board_free(NULL);
}

static void test_too_many(void)
{
    struct board *board = board_new();
    struct board_client *last = NULL;
    char name[32];
    unsigned count;

    for (int i = 0; i < 2 * KEYS_MAX + 10; i++) {
        snprintf(name, sizeof name, "key-%d", i);
        last = board_client(board, name);
    }
    (void)board_clients(board, &count);
    CU_ASSERT_EQUAL(count, 2 * KEYS_MAX);
    CU_ASSERT_STRING_EQUAL(last->name, "(others)");
    CU_ASSERT_STRING_EQUAL(board_client(board, "key-5")->name, "key-5");
    board_free(board);
}

static void test_pages(void)
{
    struct board *board = board_new();

    CU_ASSERT_PTR_NULL(board_page(board, 0));
    struct board_process *first = board_process(board, 0), *other = board_process(board, 3),
                         *next = board_process(board, SLOTS_STRIDE);
    CU_ASSERT(first != other && first != next && other != next);
    CU_ASSERT_PTR_EQUAL(board_process(board, 0), first);
    CU_ASSERT_PTR_EQUAL(board_page(board, 0), first);
    CU_ASSERT_PTR_EQUAL(board_page(board, 1), other);
    CU_ASSERT_PTR_EQUAL(board_page(board, 2), next);
    CU_ASSERT_PTR_NULL(board_page(board, 3));
    board_free(board);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, REQUEST_ID_MAX_LENGTH + 1);
}

static void test_request_ids(void)
{
    enum { COUNT = 20000 };
    static char ids[COUNT][REQUEST_ID_MAX_LENGTH + 1];
    char of_child[REQUEST_ID_MAX_LENGTH + 1] = "";
    int ends[2], twice = 0;

    for (int i = 0; i < COUNT; i++)
        CU_ASSERT_EQUAL(request_id_choose(i % 2 ? NULL : "a b", ids[i]), 24);
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    fflush(NULL);
    if (fork() == 0) {
        request_id_choose(NULL, of_child);
        _exit(write(ends[1], of_child, sizeof of_child) < 0);
    }
    CU_ASSERT_EQUAL(read(ends[0], of_child, sizeof of_child), sizeof of_child);
    wait(NULL);
    close(ends[0]);
    close(ends[1]);
    request_id_choose(NULL, ids[0]);
    CU_ASSERT_STRING_NOT_EQUAL(of_child, ids[0]);
    qsort(ids, COUNT, sizeof ids[0], compare);
    for (int i = 1; i < COUNT; i++)
        twice += strcmp(ids[i - 1], ids[i]) == 0;
    CU_ASSERT_EQUAL(twice, 0);
    CU_ASSERT_EQUAL(request_id_choose("own:1", of_child), 5);
    CU_ASSERT_STRING_EQUAL(of_child, "own:1");
}

void suite_board(void);

void suite_board(void)
{
    CU_pSuite suite = CU_add_suite("board", NULL, NULL);

    CU_add_test(suite, "one place for each name", test_one_place);
    CU_add_test(suite, "more names than places", test_too_many);
    CU_add_test(suite, "a page for each process", test_pages);
    CU_add_test(suite, "request ids", test_request_ids);
}
