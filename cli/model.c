/* model: see model.h. What people call the model comes from its meta.json, which the engine itself
 * never reads and which may be missing; whether it runs is for ner_model_open() to say. */
#include "cli/model.h"

#include <cjson/cJSON.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/console.h"
#include "common/clock.h"
#include "workers/ner/ner.h"

#define COMMAND        "model"
#define MAX_META_BYTES (1u << 20)
#define EXIT_NOT_FIT   2

struct check {
    const char *directory;
    cJSON *meta;             /* NULL: none that can be read */
    struct ner_model *model; /* NULL: it does not run, for the reason in `why` */
    struct ner_model_info info;
    struct err why;
    int64_t load_ms;
};

/* A file that the engine reads, below the directory. */
struct file {
    char name[160];
    uint64_t bytes;
};
#define MAX_FILES 8

static int print_help(FILE *to)
{
    fputs("usage: newsmill model check [DIR] [--json]\n"
          "\n"
          "Says what a spaCy v3 model directory (default: the setting model.path) holds and\n"
          "whether it runs here; if not, which file and field stand in the way.\n"
          "\n"
          "  --json  one JSON object instead of text\n"
          "  --help  this text\n"
          "\n"
          "Exit code: 0 it runs; 2 it does not.\n",
          to);
    return to == stdout ? 0 : CONSOLE_EXIT_USAGE;
}

static cJSON *read_meta(const char *directory)
{
    char path[4096], *bytes;
    cJSON *meta = NULL;

    if (snprintf(path, sizeof path, "%s/meta.json", directory) >= (int)sizeof path)
        return NULL;
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    bytes = xmalloc(MAX_META_BYTES);
    size_t length = fread(bytes, 1, MAX_META_BYTES, file);
    if (length < MAX_META_BYTES)
        meta = cJSON_ParseWithLength(bytes, length);
    free(bytes);
    fclose(file);
    if (!cJSON_IsObject(meta)) {
        cJSON_Delete(meta);
        return NULL;
    }
    return meta;
}

/* "" where meta.json does not say. */
static const char *meta_text(const struct check *c, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(c->meta, name);

    return cJSON_IsString(item) ? item->valuestring : "";
}

static void add_file(const struct check *c, struct file *files, size_t *count, const char *folder,
                     const char *name)
{
    struct file *f = &files[*count];
    char path[4096];
    struct stat about;

    snprintf(f->name, sizeof f->name, "%s%s%s", folder, *folder ? "/" : "", name);
    if (snprintf(path, sizeof path, "%s/%s", c->directory, f->name) >= (int)sizeof path ||
        stat(path, &about) < 0)
        return;
    f->bytes = (uint64_t)about.st_size;
    ++*count;
}

/* What was read of a model that runs. */
static size_t list_files(const struct check *c, struct file files[MAX_FILES])
{
    size_t count = 0;

    add_file(c, files, &count, c->info.component, "model");
    if (*c->info.encoder)
        add_file(c, files, &count, c->info.encoder, "model");
    add_file(c, files, &count, "", "tokenizer");
    add_file(c, files, &count, "vocab", "lookups.bin");
    if (c->info.vector_width) {
        add_file(c, files, &count, "vocab", "vectors");
        add_file(c, files, &count, "vocab", "key2row");
    }
    return count;
}

/* --- text ----------------------------------------------------------------------------------- */

static void put_field(const char *name, const char *text)
{
    if (!*text)
        return;
    console_printf(stdout, "%-10s ", name);
    console_print(stdout, text, strlen(text));
    putchar('\n');
}

static void put_network(const struct check *c)
{
    const struct ner_model_info *info = &c->info;
    char size[CONSOLE_TEXT_BYTES];
    struct file files[MAX_FILES];
    size_t count = list_files(c, files);

    console_printf(stdout, "%-10s", "labels");
    for (size_t i = 0; i < ner_model_label_count(c->model); i++) {
        const char *label = ner_model_label(c->model, i);
        fputs(*label ? " " : "", stdout); /* spaCy keeps an empty one, which is never found */
        console_print(stdout, label, strlen(label));
    }
    console_printf(stdout, "\n%-10s %zu layers of width %zu, window %zu; %s%s\n", "encoder",
                   info->depth, info->width, info->window, *info->encoder ? "shared: " : "its own",
                   info->encoder);
    if (info->vector_width)
        console_printf(stdout, "%-10s %zu of %zu\n", "vectors", info->vector_rows,
                       info->vector_width);
    else
        console_printf(stdout, "%-10s none used\n", "vectors");
    console_printf(stdout, "%-10s", "files");
    for (size_t i = 0; i < count; i++)
        console_printf(stdout, "%s %s %s", i ? "," : "", files[i].name,
                       console_bytes(files[i].bytes, size));
    putchar('\n');
}

static void put_text(const struct check *c)
{
    char name[256];
    const cJSON *item;
    const char *lang = meta_text(c, "lang");

    put_field("directory", c->directory);
    if (*meta_text(c, "name")) {
        snprintf(name, sizeof name, "%s%s%s %s", lang, *lang ? "_" : "", meta_text(c, "name"),
                 meta_text(c, "version"));
        put_field("model", name);
    }
    put_field("language", lang);
    put_field("for spaCy", meta_text(c, "spacy_version"));
    if (cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(c->meta, "pipeline"))) {
        console_printf(stdout, "%-10s", "pipeline");
        cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(c->meta, "pipeline"))
        {
            putchar(' ');
            if (cJSON_IsString(item))
                console_print(stdout, item->valuestring, strlen(item->valuestring));
        }
        putchar('\n');
    }
    if (!c->model) {
        put_field("runs", "no");
        put_field("reason", c->why.text);
        return;
    }
    put_network(c);
    console_printf(stdout, "%-10s yes, with %s kernels; loaded in %lld ms\n", "runs",
                   c->info.kernels, (long long)c->load_ms);
}

/* --- JSON ----------------------------------------------------------------------------------- */

static void put_json_text(const char *name, const char *text)
{
    console_printf(stdout, ",\"%s\":", name);
    if (*text)
        console_print_json(stdout, text, strlen(text));
    else
        fputs("null", stdout);
}

static void put_json_network(const struct check *c)
{
    const struct ner_model_info *info = &c->info;
    struct file files[MAX_FILES];
    size_t count = list_files(c, files), labels = 0;

    fputs(",\"labels\":[", stdout);
    for (size_t i = 0; i < ner_model_label_count(c->model); i++) {
        const char *label = ner_model_label(c->model, i);
        if (!*label)
            continue;
        fputs(labels++ ? "," : "", stdout);
        console_print_json(stdout, label, strlen(label));
    }
    putchar(']');
    put_json_text("component", info->component);
    put_json_text("encoder", info->encoder);
    put_json_text("kernels", info->kernels);
    console_printf(stdout, ",\"width\":%zu,\"depth\":%zu,\"window\":%zu", info->width, info->depth,
                   info->window);
    console_printf(stdout, ",\"vectors\":{\"rows\":%zu,\"width\":%zu},\"files\":{",
                   info->vector_rows, info->vector_width);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? "," : "", stdout);
        console_print_json(stdout, files[i].name, strlen(files[i].name));
        console_printf(stdout, ":%llu", (unsigned long long)files[i].bytes);
    }
    console_printf(stdout, "},\"load_ms\":%lld", (long long)c->load_ms);
}

static void put_json(const struct check *c)
{
    const cJSON *pipeline = cJSON_GetObjectItemCaseSensitive(c->meta, "pipeline"), *item;
    bool first = true;

    fputs("{\"directory\":", stdout);
    console_print_json(stdout, c->directory, strlen(c->directory));
    console_printf(stdout, ",\"runs\":%s", c->model ? "true" : "false");
    put_json_text("reason", c->model ? "" : c->why.text);
    put_json_text("name", meta_text(c, "name"));
    put_json_text("version", meta_text(c, "version"));
    put_json_text("lang", meta_text(c, "lang"));
    put_json_text("spacy_version", meta_text(c, "spacy_version"));
    fputs(",\"pipeline\":[", stdout);
    cJSON_ArrayForEach(item, pipeline)
    {
        if (!cJSON_IsString(item))
            continue;
        fputs(first ? "" : ",", stdout);
        console_print_json(stdout, item->valuestring, strlen(item->valuestring));
        first = false;
    }
    putchar(']');
    if (c->model)
        put_json_network(c);
    puts("}");
}

/* --- the command ---------------------------------------------------------------------------- */

static int check(const char *directory, bool json)
{
    struct check c = {.directory = directory, .meta = read_meta(directory)};
    int64_t start_ms = clock_ms();

    if (ner_model_open(directory, &c.model, &c.why) == 0)
        ner_model_info(c.model, &c.info);
    c.load_ms = clock_ms() - start_ms;
    if (json)
        put_json(&c);
    else
        put_text(&c);
    int code = c.model ? 0 : EXIT_NOT_FIT;
    ner_model_close(c.model);
    cJSON_Delete(c.meta);
    return console_end(COMMAND, code);
}

int model_main(int argc, char **argv, const struct conf *conf)
{
    static const struct option known[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    bool json = false;
    int option;

    while ((option = console_getopt(argc, argv, "jh", known, NULL)) != -1) {
        if (option == 'h')
            return print_help(stdout);
        if (option != 'j')
            return print_help(stderr);
        json = true;
    }
    if (optind >= argc || strcmp(argv[optind], "check") != 0)
        return console_usage(COMMAND, "what is to be done? It can be: check");
    if (argc - optind > 2)
        return console_usage(COMMAND, "one DIR at most");
    return check(optind + 1 < argc ? argv[optind + 1] : conf->model.path, json);
}
