/* bulk_fixture: see bulk_fixture.h. */
#include "bulk_fixture.h"

#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct farm bulk_farm;
struct http_answer bulk_answer;

void bulk_prepare(void)
{
    farm_init(&bulk_farm);
}

void bulk_begin_test(void)
{
    bulk_prepare();
    farm_start_gateway(&bulk_farm);
}

void bulk_end_test(void)
{
    if (bulk_farm.gateway.pid)
        CU_ASSERT_EQUAL(proc_stop(&bulk_farm.gateway, SIGTERM, 10000), 0);
    http_free(&bulk_answer);
    redis_kill(&bulk_farm.redis);
    harness_end();
}

static long post(const char *path, const char *type, const char *header, const char *body,
                 size_t length)
{
    const char *headers[] = {type, header, NULL};

    http_free(&bulk_answer);
    http_request(bulk_farm.gateway_port, "POST", path, headers, body, length, &bulk_answer);
    return bulk_answer.status;
}

long bulk_send(const char *type, const char *header, const char *body, size_t length)
{
    return post("/post/bulk", type, header, body, length);
}

long bulk_lines(const char *body)
{
    return bulk_send(BULK_NDJSON, NULL, body, strlen(body));
}

long bulk_lines_with(const char *header, const char *body)
{
    return bulk_send(BULK_NDJSON, header, body, strlen(body));
}

long bulk_array(const char *body)
{
    return bulk_send(BULK_JSON, NULL, body, strlen(body));
}

long bulk_single(const char *header, const char *body)
{
    return post("/post/enqueue", BULK_JSON, header, body, strlen(body));
}

bool bulk_answered(const char *part)
{
    bool found = strstr(bulk_answer.body, part) || strstr(bulk_answer.headers, part);

    if (!found)
        fprintf(stderr, "\n  %s not in: %s%.2000s\n", part, bulk_answer.headers, bulk_answer.body);
    return found;
}

int bulk_answered_times(const char *part)
{
    int times = 0;

    for (const char *at = bulk_answer.body; (at = strstr(at, part)); at += strlen(part))
        times++;
    return times;
}

long long bulk_depth(void)
{
    return redis_int(&bulk_farm.redis, "LLEN newsmill:articles");
}

bool bulk_has_depth(void *wanted)
{
    return bulk_depth() == *(long long *)wanted;
}

const char *bulk_content(long long place)
{
    static char content[64];
    char *item = redis_text(&bulk_farm.redis, "LINDEX newsmill:articles %lld", -1 - place);

    if (!item || sscanf(item, "{\"content\":\"%63[^\" ]", content) != 1)
        content[0] = 0;
    free(item);
    return content;
}

void bulk_fill(struct buf *out, const char *prefix, int count, int bytes)
{
    for (int i = 0; i < count; i++)
        buf_printf(out, "{\"content\":\"%s%d %*s\",\"publication\":\"p\"}\n", prefix, i, bytes, "");
}
