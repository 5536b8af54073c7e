/* upload_fixture: see upload_fixture.h. */
#include "upload_fixture.h"

#include <CUnit/CUnit.h>
#include <archive.h>
#include <archive_entry.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct farm upload_farm;
char upload_file[300];
struct proc upload;

void upload_begin(void)
{
    farm_init(&upload_farm);
    snprintf(upload_file, sizeof upload_file, "%s/rows.csv", upload_farm.dir);
}

void upload_finish(void)
{
    redis_stop(&upload_farm.redis);
    harness_end();
}

void upload_write(const char *text, size_t length)
{
    FILE *to = fopen(upload_file, "w");

    CU_ASSERT_FATAL(to != NULL);
    CU_ASSERT_EQUAL_FATAL(fwrite(text, 1, length, to), length);
    fclose(to);
}

void upload_write_rows(int count)
{
    FILE *to = fopen(upload_file, "w");

    CU_ASSERT_FATAL(to != NULL);
    fputs("publication,article\n", to);
    for (int i = 0; i < count; i++)
        fprintf(to, "Paper %d,\"Article %d, with \"\"quotes\"\"\nand lines.\"\n", i % 7, i);
    fclose(to);
}

/* UPLOAD_PACKED_ROWS rows of CSV or NDJSON that do not compress to nothing. */
static char *make_text(int first, bool is_json, size_t *length)
{
    size_t size = UPLOAD_PACKED_ROWS * (size_t)120;
    char *text = malloc(size);
    unsigned noise = (unsigned)first + 7;

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    *length = is_json ? 0 : (size_t)snprintf(text, size, "content,publication\n");
    for (int i = first; i < first + UPLOAD_PACKED_ROWS; i++) {
        unsigned numbers[4];
        for (int k = 0; k < 4; k++)
            numbers[k] = noise = noise * 1103515245 + 12345;
        *length += (size_t)snprintf(
            text + *length, size - *length,
            is_json ? "{\"content\":\"Article %d %08x%08x%08x%08x\",\"publication\":\"p\"}\n"
                    : "Article %d %08x%08x%08x%08x,p\n",
            i, numbers[0], numbers[1], numbers[2], numbers[3]);
    }
    return text;
}

void upload_pack(const char *path, int format, int filter, int count)
{
    static const char *const names[] = {"one.csv", "folder/two.ndjson"};
    struct archive *a = archive_write_new();
    struct archive_entry *entry = archive_entry_new();

    CU_ASSERT_EQUAL_FATAL(archive_write_set_format(a, format), ARCHIVE_OK);
    CU_ASSERT_EQUAL_FATAL(archive_write_add_filter(a, filter), ARCHIVE_OK);
    CU_ASSERT_EQUAL_FATAL(archive_write_open_filename(a, path), ARCHIVE_OK);
    for (int i = 0; i < count; i++) {
        size_t length;
        char *text = make_text(i * UPLOAD_PACKED_ROWS, i == 1, &length);
        archive_entry_clear(entry);
        archive_entry_set_pathname(entry, names[i]);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, (la_int64_t)length);
        CU_ASSERT_EQUAL_FATAL(archive_write_header(a, entry), ARCHIVE_OK);
        CU_ASSERT_EQUAL(archive_write_data(a, text, length), (la_ssize_t)length);
        free(text);
    }
    CU_ASSERT_EQUAL(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
    archive_entry_free(entry);
}

static void make_arguments(const char *args[11], const char *const *more)
{
    int count = 0;

    args[count++] = "upload";
    for (; more && *more && count < 9; more++)
        args[count++] = *more;
    args[count++] = upload_file;
    args[count] = NULL;
}

void upload_expect(const char *const *more, int code, const char *part)
{
    const char *args[11];
    char *text = NULL;

    make_arguments(args, more);
    int got = proc_run("newsmill", upload_farm.env, args, true, &text, 60000);
    if (got != code || !strstr(text, part))
        fprintf(stderr, "\n  code %d, wanted %d and '%s': %s\n", got, code, part, text);
    CU_ASSERT_EQUAL(got, code);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, part));
    free(text);
}

void upload_start(const char *const *more)
{
    const char *args[11];

    make_arguments(args, more);
    proc_start(&upload, "newsmill", upload_farm.env, args);
}

bool upload_is_waiting(void *context)
{
    (void)context;
    return proc_logged(&upload, "; waiting, for up to");
}

long long upload_waiting(void)
{
    return redis_int(&upload_farm.redis, "LLEN newsmill:articles");
}

long long upload_different(void)
{
    static const char script[] =
        "local seen, count = {}, 0 "
        "for _, item in ipairs(redis.call('LRANGE', 'newsmill:articles', 0, -1)) do "
        "local content = cjson.decode(item).content "
        "if not seen[content] then count = count + 1 end seen[content] = true end return count";

    return redis_int(&upload_farm.redis, "EVAL %s 0", script);
}

bool upload_has(void *number)
{
    return upload_waiting() >= *(long long *)number;
}

static bool is_port_free(void *context)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)upload_farm.gateway_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_free = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                   bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 1) == 0;

    (void)context;
    close(fd);
    return is_free;
}

void upload_kill_gateway(void)
{
    CU_ASSERT_EQUAL(proc_stop(&upload_farm.gateway, SIGKILL, 5000), 1000 + SIGKILL);
    CU_ASSERT(wait_until("the port to be free", 5000, is_port_free, NULL));
}
