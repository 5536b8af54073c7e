/* key: see key.h. The key goes to stdout alone, so that it can be piped into a file or a secret
 * store; everything for people goes to stderr. */
#include "cli/key.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/keys.h"

#define DEFAULT_FILE "var/keys"

static void print_help(FILE *to)
{
    fputs("usage: newsmill key new NAME [--file FILE]\n"
          "\n"
          "Makes an API key for the gateway and prints it. Only its hash is kept: note it now.\n"
          "\n"
          "  --file FILE  file of hashes (setting gateway.keys_file, else " DEFAULT_FILE ")\n"
          "  --help       this text\n",
          to);
}

static int usage(const char *text)
{
    fprintf(stderr, "newsmill key: %s. Try: newsmill key --help\n", text);
    return 64;
}

static int make(const char *name, const char *file, const struct conf *conf)
{
    char key[KEYS_KEY_BYTES];
    struct err e;

    if (strcmp(file, DEFAULT_FILE) == 0 && mkdir("var", 0755) < 0 && errno != EEXIST) {
        fprintf(stderr, "newsmill key: var: %s\n", strerror(errno));
        return 1;
    }
    if (keys_create(file, name, key, &e) < 0) {
        fprintf(stderr, "newsmill key: %s\n", e.text);
        return 1;
    }
    printf("%s\n", key);
    explicit_bzero(key, sizeof key);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "newsmill key: the key cannot be printed: %s\n", strerror(errno));
        return 1;
    }
    if (strcmp(conf->gateway.keys_file, file) == 0)
        fprintf(stderr, "%s: %s added. The gateway takes it after a SIGHUP or a restart.\n", file,
                name);
    else
        fprintf(stderr,
                "%s: %s added. The gateway asks for keys once it is started with the setting\n"
                "    gateway { keys_file = \"%s\" }\n",
                file, name, file);
    return 0;
}

int key_main(int argc, char **argv, const struct conf *conf)
{
    static const struct option options[] = {{"file", required_argument, NULL, 'f'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *file = *conf->gateway.keys_file ? conf->gateway.keys_file : DEFAULT_FILE;
    int option;

    while ((option = getopt_long(argc, argv, "f:h", options, NULL)) != -1) {
        if (option == 'h') {
            print_help(stdout);
            return 0;
        }
        if (option != 'f')
            return usage("unknown option");
        file = optarg;
    }
    if (optind >= argc)
        return usage("what is to be done? It can be: new");
    if (strcmp(argv[optind], "new") != 0)
        return usage("only new is known");
    if (argc - optind != 2)
        return usage("one NAME is wanted");
    return make(argv[optind + 1], file, conf);
}
