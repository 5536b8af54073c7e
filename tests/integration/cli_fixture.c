/* cli_fixture: see cli_fixture.h. */
#include "cli_fixture.h"

#include <CUnit/CUnit.h>
#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH                                                                                      \
    "{\"v\":1,\"id\":\"%032d\",\"at\":%lld,\"day\":null,\"publication\":\"p\",\"name\":\"P\","     \
    "\"articles\":1,\"entities\":[[\"tim cook\",{\"PERSON\":1}]]}"

struct farm cli_farm;
char *cli_output;

void cli_begin(void)
{
    farm_init(&cli_farm);
}

void cli_finish(void)
{
    free(cli_output);
    cli_output = NULL;
    redis_stop(&cli_farm.redis);
    harness_end();
}

int cli_run(const char *format, ...)
{
    char line[600], *rest = line;
    const char *args[24] = {0};
    va_list more;

    va_start(more, format);
    vsnprintf(line, sizeof line, format, more);
    va_end(more);
    for (int i = 0; rest && i < 23;)
        if (*(args[i] = strsep(&rest, " ")))
            i++;
    free(cli_output);
    return proc_run("newsmill", cli_farm.env, args, true, &cli_output, 30000);
}

void cli_expect(int got, int code, const char *part)
{
    if (got != code || !strstr(cli_output, part))
        fprintf(stderr, "\n  code %d, wanted %d and '%s':\n%s\n", got, code, part, cli_output);
    CU_ASSERT_EQUAL(got, code);
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, part));
}

double cli_number(const char *path)
{
    cJSON *json = cJSON_Parse(cli_output);
    const cJSON *at = json;
    char names[100], *rest = names;

    snprintf(names, sizeof names, "%s", path);
    for (const char *name; (name = strsep(&rest, "."));)
        at = cJSON_GetObjectItemCaseSensitive(at, name);
    double value = cJSON_IsNumber(at) ? at->valuedouble : -1;
    cJSON_Delete(json);
    return value;
}

int cli_json_lines(void)
{
    char *copy = strdup(cli_output), *rest = copy;
    int count = 0;

    for (const char *line; count >= 0 && (line = strsep(&rest, "\n"));) {
        cJSON *json = *line ? cJSON_Parse(line) : NULL;
        if (*line)
            count = cJSON_IsObject(json) ? count + 1 : -1;
        cJSON_Delete(json);
    }
    free(copy);
    return count;
}

void cli_push(const char *item, size_t length)
{
    CU_ASSERT(redis_int(&cli_farm.redis, "LPUSH newsmill:articles %b", item, length) > 0);
}

void cli_push_batch(int id, long long at_ms)
{
    char text[300];

    snprintf(text, sizeof text, BATCH, id, at_ms);
    redis_int(&cli_farm.redis, "LPUSH newsmill:results %s", text);
    redis_int(&cli_farm.redis, "HINCRBY newsmill:stats batches 1");
}
