/* key: see key.h. A new key goes to stdout alone, so that it can be piped into a file or a secret
 * store; everything for people goes to stderr. */
#include "cli/key.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/console.h"
#include "common/keys.h"

#define COMMAND      "key"
#define DEFAULT_FILE "var/keys"
#define SHORT_HASH   12

struct request {
    const struct conf *conf;
    const char *file, *from_file; /* from_file: NULL where none */
    bool json;
};

static void print_help(FILE *to)
{
    console_printf(
        to, "%s",
        "usage: newsmill key new NAME [--file FILE] [--json]\n"
        "       newsmill key add NAME --from-file F [--file FILE] [--json]\n"
        "       newsmill key list [--file FILE] [--json]\n"
        "\n"
        "new    makes an API key for the gateway and prints it. Only its hash is kept: note it\n"
        "       now\n"
        "add    takes a key that exists already, the only line of F (- is stdin); never from the\n"
        "       command line, where everybody could read it\n"
        "list   names, when they end, and the start of the hash\n"
        "\n"
        "  --file FILE    file of hashes (setting gateway.keys_file, else " DEFAULT_FILE ")\n"
        "  --from-file F  where the existing key is\n"
        "  --json         one object a line\n"
        "  -h, --help     this text\n");
}

static int usage(const char *text)
{
    return console_usage(COMMAND, text);
}

static int fail(const char *text)
{
    console_printf(stderr, "newsmill key: %s\n", text);
    return 1;
}

static int make_directory(const char *file)
{
    if (strcmp(file, DEFAULT_FILE) == 0 && mkdir("var", 0755) < 0 && errno != EEXIST) {
        console_printf(stderr, "newsmill key: var: %s\n", strerror(errno));
        return 1;
    }
    return 0;
}

static void tell_added(const struct request *r, const char *name)
{
    if (strcmp(r->conf->gateway.keys_file, r->file) == 0)
        console_printf(stderr, "%s: %s added. The gateway takes it within a second.\n", r->file,
                       name);
    else
        console_printf(
            stderr,
            "%s: %s added. The gateway asks for keys once it is started with the setting\n"
            "    gateway { keys_file = \"%s\" }\n",
            r->file, name, r->file);
}

/* {"name":…,"file":…} and the key, where there is one to tell. */
static void print_json(const struct request *r, const char *name, const char *key)
{
    console_printf(stdout, "{\"name\":\"%s\",\"file\":", name);
    console_print_json(stdout, r->file, strlen(r->file));
    if (key)
        console_printf(stdout, ",\"key\":\"%s\"", key);
    console_printf(stdout, "}\n");
}

static int make(const struct request *r, const char *name)
{
    char key[KEYS_KEY_BYTES];
    struct err e;

    if (make_directory(r->file))
        return 1;
    if (keys_create(r->file, name, key, &e) < 0)
        return fail(e.text);
    if (r->json)
        print_json(r, name, key);
    else
        console_printf(stdout, "%s\n", key);
    explicit_bzero(key, sizeof key);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        console_printf(stderr, "newsmill key: the key cannot be printed: %s\n", strerror(errno));
        return 1;
    }
    tell_added(r, name);
    return 0;
}

/* The only line of the file. Returns 0 or the exit code. */
static int read_key(const char *path, char *key, size_t size, size_t *length)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "re");

    if (!file) {
        console_printf(stderr, "newsmill key: %s: %s\n", path, strerror(errno));
        return 1;
    }
    setvbuf(file, NULL, _IONBF, 0); /* no copy of the key is left in a buffer */
    *length = fread(key, 1, size, file);
    bool failed = ferror(file);
    if (!is_stdin)
        fclose(file);
    if (failed)
        return fail("the key cannot be read");
    while (*length && (key[*length - 1] == '\n' || key[*length - 1] == '\r'))
        --*length;
    if (memchr(key, '\n', *length))
        return fail("the file has more than one line");
    return 0;
}

static int add(const struct request *r, const char *name)
{
    char key[KEYS_MAX_LENGTH + 8];
    size_t length = 0;
    struct err e = {.code = 0};

    if (!r->from_file)
        return usage("add wants --from-file F with the key in it");
    if (make_directory(r->file))
        return 1;
    int code = read_key(r->from_file, key, sizeof key, &length);
    if (code == 0 && keys_add(r->file, name, key, length, &e) < 0)
        code = fail(e.text);
    explicit_bzero(key, sizeof key);
    if (code)
        return code;
    if (length < KEYS_SHORT_LENGTH)
        console_printf(stderr, "warning: %s has %zu characters only: it may be guessed\n", name,
                       length);
    if (r->json)
        print_json(r, name, NULL);
    tell_added(r, name);
    return console_end(COMMAND, 0);
}

static void print_entry(const struct request *r, const struct keys_entry *entry)
{
    bool never = entry->expires_s == KEYS_NEVER;
    bool expired = entry->expires_s <= (int64_t)time(NULL);
    char text[CONSOLE_TEXT_BYTES] = "never ends";

    if (!never)
        console_time(entry->expires_s * 1000, text);
    if (!r->json) {
        console_printf(stdout, "%-24s  %.*s  %s%s\n", entry->name, SHORT_HASH, entry->hash, text,
                       expired ? "  has ended" : "");
        return;
    }
    console_printf(stdout, "{\"name\":\"%s\",\"hash\":\"%.*s\",\"expires\":", entry->name,
                   SHORT_HASH, entry->hash);
    if (never)
        console_printf(stdout, "null");
    else
        console_printf(stdout, "\"%s\"", text);
    console_printf(stdout, ",\"expired\":%s}\n", expired ? "true" : "false");
}

static int list(const struct request *r)
{
    struct keys *keys;
    struct err e;

    if (keys_load(r->file, &keys, &e) < 0)
        return fail(e.text);
    for (size_t i = 0; i < keys_count(keys); i++) {
        struct keys_entry entry;
        keys_entry(keys, i, &entry);
        print_entry(r, &entry);
    }
    if (keys_count(keys) == 0 && !r->json)
        console_printf(stderr, "%s: no keys\n", r->file);
    keys_free(keys);
    return console_end(COMMAND, 0);
}

int key_main(int argc, char **argv, const struct conf *conf)
{
    static const struct option options[] = {{"file", required_argument, NULL, 'f'},
                                            {"from-file", required_argument, NULL, 'k'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct request r = {.conf = conf,
                        .file = *conf->gateway.keys_file ? conf->gateway.keys_file : DEFAULT_FILE};
    int option;

    while ((option = console_getopt(argc, argv, "f:h", options, NULL)) != -1) {
        if (option == 'h') {
            print_help(stdout);
            return 0;
        }
        if (option == 'f')
            r.file = optarg;
        else if (option == 'k')
            r.from_file = optarg;
        else if (option == 'j')
            r.json = true;
        else
            return usage("unknown option");
    }
    const char *verb = optind < argc ? argv[optind] : "";
    bool is_list = strcmp(verb, "list") == 0, is_add = strcmp(verb, "add") == 0;
    if (!is_list && !is_add && strcmp(verb, "new") != 0)
        return usage("what is to be done? new, add or list");
    if (r.from_file && !is_add)
        return usage("--from-file goes with add");
    if (argc - optind != (is_list ? 1 : 2))
        return usage(is_list ? "list takes no NAME" : "one NAME is wanted");
    if (is_list)
        return list(&r);
    return is_add ? add(&r, argv[optind + 1]) : make(&r, argv[optind + 1]);
}
