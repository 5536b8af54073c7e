/* farm: Redis and the roles of this build together, for harness.h. */
#include "harness.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "store/store.h"

void farm_set(struct farm *f, const char *name, const char *value)
{
    char entry[320];
    int length = snprintf(entry, sizeof entry, "NEWSMILL_%s=", name);
    int at = 0;

    while (at < f->env_count && strncmp(f->environment[at], entry, (size_t)length) != 0)
        at++;
    if (at == 16)
        panic("too many settings");
    snprintf(f->environment[at], sizeof f->environment[at], "NEWSMILL_%s=%s", name, value);
    f->env[at] = f->environment[at];
    if (at == f->env_count)
        f->env[++f->env_count] = NULL;
}

void farm_init(struct farm *f)
{
    char text[PATH_MAX + 64], here[PATH_MAX];

    *f = (struct farm){.gateway_port = harness_port()};
    f->dir = harness_dir();
    redis_start(&f->redis);
    farm_set(f, "REDIS_URL", f->redis.url);
    snprintf(text, sizeof text, "%d", f->gateway_port);
    farm_set(f, "GATEWAY_PORT", text);
    snprintf(text, sizeof text, "%s/newsmill.db", f->dir);
    farm_set(f, "STORE_PATH", text);
    farm_set(f, "REDIS_STATE_DIR", f->dir);
    snprintf(text, sizeof text, "%d", harness_port());
    farm_set(f, "WORKERS_METRICS_PORT", text);
    snprintf(text, sizeof text, "%d", harness_port());
    farm_set(f, "SAVERS_METRICS_PORT", text);
    farm_set(f, "WORKERS_PROCESSES", "2");
    farm_set(f, "WORKERS_FLUSH_INTERVAL_MS", "200");
    if (!getcwd(here, sizeof here))
        panic("getcwd");
    snprintf(text, sizeof text, "%s/var/models/en_core_web_sm", here);
    farm_set(f, "MODEL_PATH", text);
}

static bool is_ready(void *context)
{
    const struct farm *f = context;
    struct http_answer answer;

    http_request(f->gateway_port, "GET", "/readyz", NULL, NULL, 0, &answer);
    bool yes = answer.status == 200;
    http_free(&answer);
    return yes;
}

void farm_start_gateway(struct farm *f)
{
    proc_start(&f->gateway, "newsmill-gateway", f->env, NULL);
    if (!wait_until("the gateway to be ready", 20000, is_ready, f))
        panic("the gateway did not start, see %s", f->gateway.log);
}

static bool has_entered(void *context)
{
    return proc_logged(context, "entered");
}

void farm_start_workers(struct farm *f)
{
    proc_start(&f->workers, "newsmill-workers", f->env, NULL);
    if (!wait_until("a worker to enter", 30000, has_entered, &f->workers))
        panic("the workers did not start, see %s", f->workers.log);
}

void farm_start_savers(struct farm *f)
{
    proc_start(&f->savers, "newsmill-savers", f->env, NULL);
    if (!wait_until("a saver to enter", 20000, has_entered, &f->savers))
        panic("the savers did not start, see %s", f->savers.log);
}

long long farm_held(struct farm *f, const char *list)
{
    static const char script[] =
        "local sum = 0 "
        "for _, key in ipairs(redis.call('KEYS', 'newsmill:' .. ARGV[1] .. ':hold:*')) do "
        "sum = sum + redis.call('LLEN', key) end return sum";

    return redis_int(&f->redis, "EVAL %s 0 %s", script, list);
}

static bool is_drained(void *context)
{
    struct farm *f = context;

    /* In the order in which items move, so that none can pass by unseen. */
    return redis_int(&f->redis, "LLEN newsmill:articles") == 0 && farm_held(f, "articles") == 0 &&
           redis_int(&f->redis, "LLEN newsmill:results") == 0 && farm_held(f, "results") == 0;
}

bool farm_drained(struct farm *f, int timeout_ms)
{
    return wait_until("all lists and holds to be empty", timeout_ms, is_drained, f);
}

static int add_articles(void *context, const struct store_publication *p)
{
    *(long long *)context += (long long)p->articles;
    return 0;
}

long long farm_articles(const struct farm *f)
{
    struct conf conf = {0};
    struct store *store;
    struct err e;
    char path[PATH_MAX], kind[] = "sqlite";
    long long sum = 0;

    snprintf(path, sizeof path, "%s/newsmill.db", f->dir);
    conf.store.kind = kind;
    conf.store.path = path;
    if (store_open(&conf, 0, &store, &e) < 0)
        return -1;
    if (store_publications(store, add_articles, &sum, &e) < 0)
        sum = -1;
    store_close(store);
    return sum;
}

long long farm_stat(struct farm *f, const char *field)
{
    char *text = redis_text(&f->redis, "HGET newsmill:stats %s", field);
    long long value = text ? strtoll(text, NULL, 10) : 0;

    free(text);
    return value;
}
