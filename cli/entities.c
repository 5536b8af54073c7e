/* entities: see entities.h. One answer line for each input, in order: a file of plain text is one
 * input, a file of NDJSON one a line. An input that cannot be worked gets {"error": …}, so that
 * lines still pair up, and makes the exit code 1. */
#include "cli/entities.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "cli/input.h"
#include "cli/printable.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/json_scan.h"
#include "workers/ner/ner.h"

#define MAX_LINE_BYTES (16u << 20) /* of NDJSON; a text has the ceiling of ner.h */

struct options {
    const char *model, *file;
    bool ndjson, tokens, for_people;
};

struct run {
    const struct options *options;
    struct ner_model *model;
    struct ner *ner;
    struct buf in;  /* the text or line being collected */
    struct buf out; /* one string on its way out */
    uint64_t answers;
    bool failed;
};

static int read_all(struct run *r, struct input *in, struct err *e);

static int print_help(FILE *to)
{
    fputs("usage: newsmill entities [FILE]\n"
          "\n"
          "Finds the named entities of a text (\"-\" or no FILE: standard input) with the model\n"
          "alone. Prints one line of JSON for each input: {\"entities\":[{\"text\",\"label\",\n"
          "\"start\",\"end\"}]}; offsets count Unicode code points.\n"
          "\n"
          "  --ndjson       each line of FILE is a JSON object with the text in \"content\"; so\n"
          "                 understood too when FILE is called *.ndjson or *.jsonl\n"
          "  --tokens       adds \"tokens\":[[start,end],…]\n"
          "  --format text  a table for people instead of JSON\n"
          "  --model DIR    a spaCy model directory (setting model.path)\n"
          "  --help         this text\n"
          "\n"
          "Exit code: 0; 1 if an input cannot be read or worked; 2 if the model is not fit.\n",
          to);
    return to == stdout ? 0 : 64;
}

static int usage(const char *text, const char *what)
{
    console_printf(stderr, "newsmill entities: %s%s. Try: newsmill entities --help\n", text, what);
    return 64;
}

/* Returns -1 to go on, or the exit code. */
static int parse_options(int argc, char **argv, struct options *o)
{
    static const struct option known[] = {
        {"ndjson", no_argument, NULL, 'n'},       {"tokens", no_argument, NULL, 't'},
        {"format", required_argument, NULL, 'f'}, {"model", required_argument, NULL, 'm'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = console_getopt(argc, argv, "h", known, NULL)) != -1) {
        switch (option) {
        case 'n':
            o->ndjson = true;
            break;
        case 't':
            o->tokens = true;
            break;
        case 'f':
            o->for_people = strcmp(optarg, "text") == 0;
            if (!o->for_people && strcmp(optarg, "json") != 0)
                return usage("--format is json or text, not ", optarg);
            break;
        case 'm':
            o->model = optarg;
            break;
        case 'h':
            return print_help(stdout);
        default:
            return print_help(stderr);
        }
    }
    if (argc - optind > 1)
        return usage("one FILE at most, not also ", argv[optind + 1]);
    o->file = optind < argc ? argv[optind] : "-";
    return -1;
}

/* Reads the whole input through the model. Returns the exit code. */
static int work(struct run *r)
{
    struct input_options from = {0};
    struct input *in = NULL;
    struct err e;
    int rc = input_open(r->options->file, &from, &in, &e);

    while (rc >= 0 && (rc = input_next(in, &e)) > 0)
        rc = read_all(r, in, &e);
    input_close(in);
    if (fflush(stdout) != 0 || ferror(stdout))
        rc = err_set(&e, ERR_INPUT, "standard output: %s", strerror(errno));
    if (rc < 0)
        console_printf(stderr, "newsmill entities: %s\n", e.text);
    return rc < 0 || r->failed;
}

int entities_main(int argc, char **argv, const struct conf *conf)
{
    struct options options = {.model = conf->model.path};
    struct run r = {.options = &options};
    struct err e;
    int code = parse_options(argc, argv, &options);

    if (code >= 0)
        return code;
    if (ner_model_open(options.model, &r.model, &e) < 0) {
        console_printf(stderr, "newsmill entities: %s\n", e.text);
        return 2;
    }
    r.ner = ner_new(r.model);
    buf_init(&r.in, MAX_LINE_BYTES);
    buf_init(&r.out, 6 * (size_t)NER_MAX_TEXT_BYTES + 2); /* \u escapes */
    code = work(&r);
    buf_fini(&r.in);
    buf_fini(&r.out);
    ner_free(r.ner);
    ner_model_close(r.model);
    return code;
}

/* --- answers -------------------------------------------------------------------------------- */

static void put_string(struct run *r, const char *bytes, size_t length)
{
    buf_clear(&r->out);
    if (json_append_string(&r->out, bytes, length) == 0)
        fwrite(r->out.bytes, 1, r->out.length, stdout); /* lint: JSON */
    else
        fputs("\"\"", stdout);
}

static void put_json(struct run *r, const char *text, const struct ner_doc *doc)
{
    fputs("{\"entities\":[", stdout);
    for (size_t i = 0; i < doc->entity_count; i++) {
        const struct ner_entity *entity = &doc->entities[i];
        const char *label = ner_model_label(r->model, entity->label);
        fputs(i ? ",{\"text\":" : "{\"text\":", stdout);
        put_string(r, text + entity->start_byte, entity->end_byte - entity->start_byte);
        fputs(",\"label\":", stdout);
        put_string(r, label, strlen(label));
        console_printf(stdout, ",\"start\":%u,\"end\":%u}", entity->start, entity->end);
    }
    putchar(']');
    if (r->options->tokens) {
        fputs(",\"tokens\":[", stdout);
        for (size_t i = 0; i < doc->token_count; i++)
            console_printf(stdout, "%s[%u,%u]", i ? "," : "", doc->tokens[i].start,
                           doc->tokens[i].end);
        putchar(']');
    }
    puts("}");
}

static void put_table(struct run *r, const char *text, const struct ner_doc *doc)
{
    if (r->answers)
        putchar('\n');
    if (!doc->entity_count)
        puts("no entities");
    for (size_t i = 0; i < doc->entity_count; i++) {
        const struct ner_entity *entity = &doc->entities[i];
        buf_clear(&r->out);
        printable_append(&r->out, text + entity->start_byte, entity->end_byte - entity->start_byte);
        console_printf(stdout, "%8u %8u  %-12s %s\n", entity->start, entity->end,
                       ner_model_label(r->model, entity->label), r->out.bytes ? r->out.bytes : "");
    }
}

/* `where` names the input, `line` is 0 for a whole file. */
static void put_error(struct run *r, const char *where, uint64_t line, const char *text)
{
    char place[32] = "";

    if (line)
        snprintf(place, sizeof place, ":%llu", (unsigned long long)line);
    console_printf(stderr, "newsmill entities: %s%s: %s\n", where, place, text);
    if (!r->options->for_people) {
        fputs("{\"error\":", stdout);
        put_string(r, text, strlen(text));
        puts("}");
    }
    r->failed = true;
}

static void answer(struct run *r, const char *where, uint64_t line, const char *text, size_t length)
{
    struct ner_doc doc;
    struct err e;

    if (ner_run(r->ner, text, length, &doc, &e) < 0)
        put_error(r, where, line, e.text);
    else if (r->options->for_people)
        put_table(r, text, &doc);
    else
        put_json(r, text, &doc);
    r->answers++;
}

/* --- inputs --------------------------------------------------------------------------------- */

static void note_content(void *context, struct json_span name, struct json_span value)
{
    if (name.length == 9 && memcmp(name.bytes, "\"content\"", 9) == 0)
        *(struct json_span *)context = value;
}

static void answer_line(struct run *r, const char *where, uint64_t line)
{
    struct json_span content = {NULL, 0};
    struct json_scan_fault fault;
    const char *bytes = r->in.bytes ? r->in.bytes : "";

    switch (json_scan(bytes, r->in.length, note_content, &content, &fault)) {
    case JSON_SCAN_BROKEN:
        put_error(r, where, line, fault.why);
        return;
    case JSON_SCAN_NO_OBJECT:
        put_error(r, where, line, "not a JSON object");
        return;
    case JSON_SCAN_OK:
        break;
    }
    if (!content.bytes || *content.bytes != '"') {
        put_error(r, where, line, "no string \"content\"");
        return;
    }
    cJSON *text = cJSON_ParseWithLength(content.bytes, content.length);
    if (cJSON_IsString(text))
        answer(r, where, line, text->valuestring, strlen(text->valuestring));
    else
        put_error(r, where, line, "no string \"content\"");
    cJSON_Delete(text);
}

static bool blank(const struct buf *line)
{
    for (size_t i = 0; i < line->length; i++)
        if (!strchr(" \t\r", line->bytes[i]) || !line->bytes[i])
            return false;
    return true;
}

static void end_line(struct run *r, const char *where, uint64_t line)
{
    if (buf_failed(&r->in))
        put_error(r, where, line, "the line is longer than 16 MiB");
    else if (!blank(&r->in))
        answer_line(r, where, line);
    buf_clear(&r->in);
}

static bool named_ndjson(const char *name)
{
    static const char *const packed[] = {".gz", ".bz2", ".xz", ".zst", ".lz4"};
    size_t length = strlen(name);

    for (size_t i = 0; i < sizeof packed / sizeof *packed; i++) {
        size_t end = strlen(packed[i]);
        if (length > end && strcmp(name + length - end, packed[i]) == 0) {
            length -= end;
            break;
        }
    }
    return (length > 7 && memcmp(name + length - 7, ".ndjson", 7) == 0) ||
           (length > 6 && memcmp(name + length - 6, ".jsonl", 6) == 0);
}

/* One file inside the input. A line or text past the ceiling is read to its end and refused. */
static int read_all(struct run *r, struct input *in, struct err *e)
{
    const char *name = input_name(in), *bytes;
    bool lines = r->options->ndjson || named_ndjson(name);
    uint64_t line = 1;
    size_t length;
    int rc;

    buf_clear(&r->in);
    while ((rc = input_read(in, &bytes, &length, e)) > 0) {
        const char *end;
        while (lines && (end = memchr(bytes, '\n', length))) {
            buf_append(&r->in, bytes, (size_t)(end - bytes));
            end_line(r, name, line++);
            length -= (size_t)(end + 1 - bytes);
            bytes = end + 1;
        }
        buf_append(&r->in, bytes, length);
    }
    if (rc < 0)
        return rc;
    if (lines)
        end_line(r, name, line);
    else if (buf_failed(&r->in))
        put_error(r, name, 0, "the text is longer than 16 MiB");
    else
        answer(r, name, 0, r->in.bytes ? r->in.bytes : "", r->in.length);
    return 0;
}
