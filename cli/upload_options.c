/* upload_options: see upload_options.h. */
#include "cli/upload_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/csv.h"
#include "cli/sender.h"

#define DEFAULT_IN_FLIGHT 64
#define DEFAULT_TIMEOUT_S 600

enum {
    CONTENT_COLUMN = 256,
    PUBLICATION_COLUMN,
    NO_HEADER,
    AGAIN,
    TIMEOUT,
    CA_FILE,
    NAME,
    PLAIN_KEY
};

static const struct option long_options[] = {
    {"url", required_argument, NULL, 'u'},
    {"key-file", required_argument, NULL, 'k'},
    {"in-flight", required_argument, NULL, 'n'},
    {"timeout", required_argument, NULL, TIMEOUT},
    {"again", no_argument, NULL, AGAIN},
    {"name", required_argument, NULL, NAME},
    {"ca-file", required_argument, NULL, CA_FILE},
    {"plain-key", no_argument, NULL, PLAIN_KEY},
    {"content-column", required_argument, NULL, CONTENT_COLUMN},
    {"publication-column", required_argument, NULL, PUBLICATION_COLUMN},
    {"no-header", no_argument, NULL, NO_HEADER},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void print_help(FILE *to)
{
    fputs(
        "usage: newsmill upload [OPTION]… FILE…\n"
        "\n"
        "Sends the articles of CSV and NDJSON files to the gateway. FILE may be an https://\n"
        "address; - is standard input. It may be compressed (gzip, bzip2, xz, zstd, lz4) or an\n"
        "archive (zip, tar) of such files; its content tells which. CSV needs columns named\n"
        "content or article, and publication; NDJSON is one object a line, {\"content\",\n"
        "\"publication\"} and, if wanted, id, url, title, published. Limits: 16 MiB a row, 1 TiB\n"
        "downloaded or unpacked, 500 times the packed size. Nothing is stored on this machine.\n"
        "\n"
        "Rows go by the hundred. A broken upload can be run again within a day, from any\n"
        "machine and directory: what is there already is not counted twice. The file may have\n"
        "grown at its end, and refused rows may have been put right; where such a row has to go\n"
        "in a file of its own instead, that is said. Where a row was changed after it was sent,\n"
        "the hundred rows around it are refused, or counted again if it is their first. A file\n"
        "is known by its name, without directories, and its first row: a renamed one is counted\n"
        "again, unless --name gives the former name, and one with another first row is another\n"
        "file. Standard input is called - where --name gives no name. A broken download goes on\n"
        "where it broke.\n"
        "\n"
        "  -u, --url URL             of the gateway (from gateway.address and gateway.port)\n"
        "  -k, --key-file FILE       holds the API key (environment: NEWSMILL_API_KEY)\n"
        "  -n, --in-flight N         requests at a time, 1 to 256 (64)\n"
        "      --timeout S           give up when no row went through for so long (600)\n"
        "      --again               send rows again that were sent before\n"
        "      --name NAME           of the file, in place of its own\n"
        "      --ca-file FILE        certificates to trust in place of the system's\n"
        "      --plain-key           send the API key to another machine over http:// too, where\n"
        "                            everybody on the way can read it; never by a proxy\n"
        "      --content-column N    of CSV, counted from 0, whatever its name\n"
        "      --publication-column N\n"
        "      --no-header           the first record of CSV is an article; give both columns\n"
        "  -h, --help                this text\n"
        "\n"
        "Exit code: 0 every row is there; 1 a row was refused or not sent, or a file could not be\n"
        "read to its end (what came before counts); 64 usage.\n",
        to);
}

static int usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int usage(const char *format, ...)
{
    va_list args;

    fputs("newsmill upload: ", stderr);
    va_start(args, format);
    console_vprintf(stderr, format, args);
    va_end(args);
    fputs("\nTry: newsmill upload --help\n", stderr);
    return 64;
}

/* Returns -1 when `text` is a whole number within the bounds, else 64. */
static int read_number(const char *name, const char *text, long min, long max, long *out)
{
    char *end;

    errno = 0;
    *out = strtol(text, &end, 10);
    if (end == text || *end || errno || *out < min || *out > max)
        return usage("--%s %s: a whole number from %ld to %ld is wanted", name, text, min, max);
    return -1;
}

/* Takes the key out of the file or the environment. Returns -1 or an exit code. */
static int read_key(const char *file, struct upload_options *o)
{
    const char *from = getenv("NEWSMILL_API_KEY");
    char text[UPLOAD_MAX_KEY_BYTES + 3] = "";
    FILE *f = NULL;

    if (file) {
        f = fopen(file, "re");
        if (!f || (!fgets(text, sizeof text, f) && ferror(f))) {
            console_printf(stderr, "newsmill upload: %s: %s\n", file, strerror(errno));
            if (f)
                fclose(f);
            return 1;
        }
        fclose(f);
        from = text;
    }
    size_t length = from ? strcspn(from, "\r\n") : 0;
    if (file && length == 0)
        return usage("%s: the first line is empty, the API key is wanted there", file);
    for (size_t i = 0; i < length; i++)
        if (length > UPLOAD_MAX_KEY_BYTES || from[i] <= ' ' || from[i] > '~')
            return usage("%s: an API key is one word of at most %d ASCII characters",
                         file ? file : "NEWSMILL_API_KEY", UPLOAD_MAX_KEY_BYTES);
    if (length > 0)
        memcpy(o->key, from, length);
    o->key[length] = 0;
    explicit_bzero(text, sizeof text);
    return -1;
}

/* Where the gateway listens is not always an address to connect to. */
static void default_url(const struct conf *conf, struct upload_options *o)
{
    const char *address = conf->gateway.address;

    if (!*address || strcmp(address, "0.0.0.0") == 0 || strcmp(address, "*") == 0)
        address = "127.0.0.1";
    else if (strcmp(address, "::") == 0)
        address = "::1";
    snprintf(o->url, sizeof o->url, strchr(address, ':') ? "http://[%s]:%lld" : "http://%s:%lld",
             address, (long long)conf->gateway.port);
}

/* Takes one option. Returns -1 or an exit code. */
static int take(int option, struct upload_options *o, const char **key_file)
{
    long number = 0;
    int code = -1;

    switch (option) {
    case 'u':
        if (snprintf(o->url, sizeof o->url, "%s", optarg) >= (int)sizeof o->url)
            return usage("--url: at most %zu characters", sizeof o->url - 1);
        return -1;
    case 'k':
        *key_file = optarg;
        return -1;
    case 'n':
        code = read_number("in-flight", optarg, 1, SENDER_MAX_IN_FLIGHT, &number);
        o->in_flight = (int)number;
        return code;
    case TIMEOUT:
        code = read_number("timeout", optarg, 1, 1000000, &number);
        o->timeout_ms = number * 1000;
        return code;
    case CONTENT_COLUMN:
        code = read_number("content-column", optarg, 0, CSV_MAX_FIELDS - 1, &number);
        o->rows.content_column = (int)number;
        return code;
    case PUBLICATION_COLUMN:
        code = read_number("publication-column", optarg, 0, CSV_MAX_FIELDS - 1, &number);
        o->rows.publication_column = (int)number;
        return code;
    case NO_HEADER:
        o->rows.no_header = true;
        return -1;
    case AGAIN:
        o->again = true;
        return -1;
    case NAME:
        o->name = optarg;
        return -1;
    case CA_FILE:
        o->ca_file = optarg;
        return -1;
    case PLAIN_KEY:
        o->plain_key = true;
        return -1;
    case 'h':
        print_help(stdout);
        return 0;
    default: /* getopt has said what is wrong */
        fputs("Try: newsmill upload --help\n", stderr);
        return 64;
    }
}

int upload_options_read(int argc, char **argv, const struct conf *conf, struct upload_options *out)
{
    const char *key_file = NULL;
    int option, standard = 0;

    *out = (struct upload_options){.in_flight = DEFAULT_IN_FLIGHT,
                                   .timeout_ms = DEFAULT_TIMEOUT_S * 1000,
                                   .rows = {.content_column = -1, .publication_column = -1}};
    default_url(conf, out);
    while ((option = console_getopt(argc, argv, "u:k:n:h", long_options, NULL)) != -1) {
        int code = take(option, out, &key_file);
        if (code >= 0)
            return code;
    }
    out->files = argv + optind;
    out->file_count = argc - optind;
    if (out->file_count == 0)
        return usage("a FILE is wanted, - for standard input");
    for (int i = 0; i < out->file_count; i++)
        standard += strcmp(out->files[i], "-") == 0;
    if (out->name && out->file_count > 1)
        return usage("--name is of one FILE");
    if (standard > 1)
        return usage("standard input can be read only once");
    if (out->rows.no_header && (out->rows.content_column < 0 || out->rows.publication_column < 0))
        return usage("--no-header needs --content-column and --publication-column");
    if (out->ca_file && access(out->ca_file, R_OK) < 0)
        return usage("--ca-file %s: %s", out->ca_file, strerror(errno));
    return read_key(key_file, out);
}
