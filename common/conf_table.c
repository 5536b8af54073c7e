/* conf_table: see conf_table.h. Rows of a section stand together; --print-config keeps the order.
 */
#include "conf_table.h"

#include "conf.h"

#define AT(member)    offsetof(struct conf, member)
#define TEXT          .type = CONF_TEXT
#define INTEGER(a, b) .type = CONF_INTEGER, .min = (a), .max = (b)
#define CHOICE(words) .type = CONF_CHOICE, .choices = (words)

const struct conf_row conf_table[] = {
    {"redis", "url", TEXT, .offset = AT(redis.url), .fallback = "redis://127.0.0.1:6380",
     .unit = "", .secret = 1,
     .help = "redis://[user:password@]host:port[/database] or unix:/path/of/socket"},
    {"redis", "queue", TEXT, .offset = AT(redis.queue), .fallback = "newsmill", .unit = "",
     .help = "prefix of every key; use {newsmill} on Redis Cluster so that all keys share a slot"},
    {"redis", "timeout_ms", INTEGER(100, 600000), .offset = AT(redis.timeout_ms),
     .fallback = "5000", .unit = "ms", .help = "for connecting and for each answer"},

    {"gateway", "address", TEXT, .offset = AT(gateway.address), .fallback = "127.0.0.1", .unit = "",
     .help = "where the gateway listens; beyond loopback only with a keys_file"},
    {"gateway", "port", INTEGER(1, 65535), .offset = AT(gateway.port), .fallback = "8000",
     .unit = "", .help = "TCP port of the gateway"},
    {"gateway", "processes", INTEGER(1, 256), .offset = AT(gateway.processes), .fallback = "1",
     .unit = "", .help = "event loops, each a process on the same port"},
    {"gateway", "keys_file", TEXT, .offset = AT(gateway.keys_file), .fallback = "", .unit = "",
     .help = "hashes of the API keys, made by `newsmill key new`; empty: no key is asked for"},
    {"gateway", "max_article_bytes", INTEGER(1, 8388608), .offset = AT(gateway.max_article_bytes),
     .fallback = "1048576", .unit = "bytes",
     .help = "longest content of an article; the workers hold raw pushes to it too"},
    {"gateway", "max_backlog", INTEGER(1, 1000000000), .offset = AT(gateway.max_backlog),
     .fallback = "1000000", .unit = "articles",
     .help = "waiting articles from which on the gateway answers 503"},
    {"gateway", "max_connections", INTEGER(1, 100000), .offset = AT(gateway.max_connections),
     .fallback = "1024", .unit = "", .help = "open client connections of one process"},

    {"workers", "processes", INTEGER(0, 1024), .offset = AT(workers.processes), .fallback = "0",
     .unit = "", .help = "workers; 0: one a processor"},
    {"workers", "state_dir", TEXT, .offset = AT(workers.state_dir), .fallback = "var", .unit = "",
     .help = "where this machine's instance id is kept and locked"},
    {"workers", "flush_articles", INTEGER(1, 1000000), .offset = AT(workers.flush_articles),
     .fallback = "25000", .unit = "articles", .help = "settle after so many articles"},
    {"workers", "flush_interval_ms", INTEGER(10, 3600000), .offset = AT(workers.flush_interval_ms),
     .fallback = "5000", .unit = "ms",
     .help = "settle when the oldest unsettled article is so old"},
    {"workers", "flush_bytes", INTEGER(65536, 1073741824), .offset = AT(workers.flush_bytes),
     .fallback = "16777216", .unit = "bytes", .help = "settle when the tally takes so much memory"},
    {"workers", "max_results", INTEGER(1, 100000000), .offset = AT(workers.max_results),
     .fallback = "100000", .unit = "batches",
     .help = "waiting batches from which on workers take no more articles"},
    {"workers", "skip_labels", TEXT, .offset = AT(workers.skip_labels),
     .fallback = "CARDINAL MONEY ORDINAL DATE TIME", .unit = "",
     .help = "labels that are not counted, separated by spaces"},

    {"savers", "processes", INTEGER(1, 256), .offset = AT(savers.processes), .fallback = "1",
     .unit = "", .help = "savers; SQLite gains nothing from more than one"},
    {"savers", "state_dir", TEXT, .offset = AT(savers.state_dir), .fallback = "var", .unit = "",
     .help = "where this machine's instance id is kept and locked"},

    {"store", "kind", CHOICE("sqlite none"), .offset = AT(store.kind), .fallback = "sqlite",
     .unit = "", .help = "sqlite: a file; none: batches are taken and forgotten"},
    {"store", "path", TEXT, .offset = AT(store.path), .fallback = "var/newsmill.db", .unit = "",
     .help = "the SQLite file"},

    {"model", "path", TEXT, .offset = AT(model.path), .fallback = "var/models/en_core_web_sm",
     .unit = "", .help = "a spaCy v3 model directory, the one with config.cfg in it"},

    {"log", "level", CHOICE("debug info warn error"), .offset = AT(log.level), .fallback = "info",
     .unit = "", .help = "least level that is written"},
    {"log", "format", CHOICE("logfmt json"), .offset = AT(log.format), .fallback = "logfmt",
     .unit = "", .help = "form of the lines on stderr"},
};
const size_t conf_table_length = sizeof conf_table / sizeof conf_table[0];
