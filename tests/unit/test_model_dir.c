/* Models that are broken or that we do not run: each is refused in words that name file and field.
 * Made from the good one by altering one file of a copy. */
#include <CUnit/CUnit.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness/harness.h"
#include "workers/ner/ner.h"
#include "workers/ner/read_file.h"

void suite_model_dir(void);

#define GOOD      "var/models/en_core_web_sm"
#define MAX_BYTES (64u << 20)

static const char *const files[] = {
    "config.cfg",    "tokenizer", "vocab/lookups.bin", "vocab/vectors.cfg", "vocab/vectors",
    "vocab/key2row", "ner/cfg",   "ner/moves",         "ner/model",         "tok2vec/model",
};

/* How one file of the copy differs from the good one. */
struct damage {
    const char *file;
    const char *from, *to; /* every `from` becomes `to`; both NULL: the file is missing */
    long cut_at;           /* > 0: nothing after this byte */
    const char *message;   /* what the error must say */
};

static const char *place; /* the copy */

static void put(const char *name, const char *bytes, size_t length)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", place, name);
    FILE *file = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL_FATAL(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

/* A copy of the good model, made of links. */
static void make_copy(void)
{
    char good[PATH_MAX], from[PATH_MAX + 64], to[PATH_MAX];
    static const char *const folders[] = {"vocab", "ner", "tok2vec"};

    place = harness_dir();
    CU_ASSERT_PTR_NOT_NULL_FATAL(realpath(GOOD, good));
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(to, sizeof to, "%s/%s", place, folders[i]);
        CU_ASSERT_EQUAL_FATAL(mkdir(to, 0700), 0);
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(from, sizeof from, "%s/%s", good, files[i]);
        snprintf(to, sizeof to, "%s/%s", place, files[i]);
        CU_ASSERT_EQUAL_FATAL(symlink(from, to), 0);
    }
}

static void unlink_file(const char *name)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", place, name);
    CU_ASSERT_EQUAL_FATAL(unlink(path), 0);
}

static char *read_good(const char *name, size_t *length)
{
    struct err e;
    char *bytes;

    CU_ASSERT_EQUAL_FATAL(read_file(GOOD, name, MAX_BYTES, &bytes, length, &e), 0);
    return bytes;
}

/* Replaces one file of the copy by a damaged one; the damage must have found its place. */
static void do_damage(const struct damage *d)
{
    size_t length, out_length = 0, changes = 0;
    char *bytes = read_good(d->file, &length), *out;

    unlink_file(d->file);
    if (d->cut_at) {
        CU_ASSERT_TRUE_FATAL((size_t)d->cut_at < length);
        put(d->file, bytes, (size_t)d->cut_at);
    } else if (d->from) {
        size_t from = strlen(d->from), to = strlen(d->to);
        out = malloc(length * (to > from ? to : 1) + 1);
        for (size_t i = 0; i < length;) {
            if (length - i >= from && memcmp(bytes + i, d->from, from) == 0) {
                memcpy(out + out_length, d->to, to);
                out_length += to;
                i += from;
                changes++;
            } else {
                out[out_length++] = bytes[i++];
            }
        }
        CU_ASSERT_TRUE(changes > 0);
        put(d->file, out, out_length);
        free(out);
    }
    free(bytes);
}

static void open_bad(const struct damage *d)
{
    struct ner_model *model = NULL;
    struct err e = {0, ""};

    make_copy();
    do_damage(d);
    int rc = ner_model_open(place, &model, &e);
    CU_ASSERT_EQUAL(rc, ERR_CONFIG);
    if (rc == 0)
        ner_model_close(model);
    if (!strstr(e.text, d->message)) {
        printf("\n  %s: expected \"%s\", got \"%s\"\n", d->file, d->message, e.text);
        CU_FAIL("wrong message");
    }
    harness_end();
}

static void refuses_what_config_says(void)
{
    static const struct damage damages[] = {
        {"config.cfg", NULL, NULL, 0, "no config.cfg"},
        {"config.cfg", "lang = \"en\"", "lang = \"hi\"", 0, "config.cfg: nlp.lang: \"hi\""},
        {"config.cfg", "lang = \"en\"", "language = \"en\"", 0, "nlp.lang: missing"},
        {"config.cfg", "lang = \"en\"", "lang = \"en", 0, "nlp.lang: not JSON"},
        {"config.cfg", "lang = \"en\"", "lang", 0, "neither [section] nor key = value"},
        {"config.cfg", "lang = \"en\"", "lang = ${nlp.lang}", 0, "leads in a circle"},
        {"config.cfg", "spacy.Tokenizer.v1", "my.Tokenizer.v9", 0,
         "nlp.tokenizer.@tokenizers: \"my.Tokenizer.v9\""},
        {"config.cfg", "\"lemmatizer\",\"ner\"]", "\"lemmatizer\"]", 0,
         "no component with factory \"ner\""},
        {"config.cfg", "factory = \"ner\"", "factory = \"beam_ner\"", 0,
         "components.ner.factory: \"beam_ner\""},
        {"config.cfg", "factory = \"lemmatizer\"", "factory = \"entity_ruler\"", 0,
         "components.lemmatizer.factory: \"entity_ruler\""},
        {"config.cfg", "factory = \"tok2vec\"", "factory = \"transformer\"", 0,
         "components.tok2vec.factory: \"transformer\""},
        {"config.cfg", "factory = \"tok2vec\"", "factory = \"curated_transformer\"", 0,
         "\"curated_transformer\" is not supported"},
        {"config.cfg", "spacy.Tok2Vec.v2", "spacy-transformers.TransformerListener.v1", 0,
         "components.ner.model.tok2vec.@architectures"},
        {"config.cfg", "factory = \"lemmatizer\"", "factory = \"ner\"", 0, "two ner components"},
    };

    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++)
        open_bad(&damages[i]);
}

static void refuses_what_files_say(void)
{
    static const struct damage damages[] = {
        {"ner/cfg", "\"beam_width\":1", "\"beam_width\":4", 0, "ner/cfg: beam_width"},
        {"ner/cfg", "{", "[", 0, "ner/cfg: not a JSON object"},
        {"ner/cfg", NULL, NULL, 0, "ner/cfg: No such file"},
        {"vocab/vectors.cfg", "default", "floret", 0, "vocab/vectors.cfg: mode: \"floret\""},
        {"ner/moves", NULL, NULL, 500, "ner/moves"},
        {"ner/moves", "\"LAW\"", "\"ORG\"", 0, "70 actions, the network has 74 classes"},
        {"ner/moves", "\"5\"", "\"7\"", 0, "is not a move"},
        {"ner/moves", "moves", "mooves", 0, "ner/moves"},
        {"ner/model", NULL, NULL, 1000, "ner/model"},
        {"ner/model", NULL, NULL, 3000000, "ner/model"},
        {"ner/model", "maxout", "mishes", 0, "a \"mishes\" layer is not supported"},
        {"ner/model", "hashembed", "charembed", 0, "\"charembed\" layer"},
        {"ner/model", "has_upper", "has_loweR", 0, "attrs[0].has_upper: missing"},
        {"ner/model", "columns", "colunms", 0, "columns: missing"},
        {"ner/model", "SUFFIX", "LEMMAS", 0, "the attribute \"LEMMAS\" is not supported"},
        {"ner/model", "window_size", "window_sise", 0, "window_size: missing"},
        {"ner/model", "<f4", "<f8", 0, "not of type <f4"},
        {"ner/model", "shape", "shaqe", 0, "shape does not fit"},
        {"ner/model", "params", "parans", 0, "attrs, params: not lists as long as nodes"},
        {"tokenizer", NULL, NULL, 5000, "tokenizer"},
        {"vocab/lookups.bin", NULL, NULL, 100, "vocab/lookups.bin"},
    };

    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++)
        open_bad(&damages[i]);
}

static void runs_other_spellings(void)
{
    static const struct damage same[] = {
        {"config.cfg", "tokenizer = {\"@tokenizers\":\"spacy.Tokenizer.v1\"}",
         "[nlp.tokenizer]\n@tokenizers = \"spacy.Tokenizer.v1\"\n\n[nlp.rest]", 0, ""},
        {"config.cfg", "pipeline = [\"tok2vec\",", "pipeline = [\n    \"tok2vec\",\n    ", 0, ""},
        {"config.cfg", "seed = 0\n\n[nlp]\nlang = \"en\"",
         "seed = 0\nlanguage = \"en\"\n\n[nlp]\nlang = ${system:language}", 0, ""},
        {"config.cfg", "lang = \"en\"", "lang = en", 0, ""},
        {"config.cfg", "factory = \"senter\"", "factory = \"entity_ruler\"", 0, ""}, /* disabled */
        {"vocab/vectors.cfg", NULL, NULL, 0, ""},
    };
    struct ner_model *model;
    struct err e;

    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        make_copy();
        do_damage(&same[i]);
        e.text[0] = 0;
        int rc = ner_model_open(place, &model, &e);
        CU_ASSERT_EQUAL(rc, 0);
        CU_ASSERT_STRING_EQUAL(e.text, "");
        if (rc == 0)
            ner_model_close(model);
        harness_end();
    }
}

static void names_the_folder_inside(void)
{
    char inner[PATH_MAX + 32], good[PATH_MAX];
    struct ner_model *model;
    struct err e;

    place = harness_dir();
    CU_ASSERT_PTR_NOT_NULL_FATAL(realpath(GOOD, good));
    snprintf(inner, sizeof inner, "%s/en_core_web_sm-3.8.0", place);
    CU_ASSERT_EQUAL_FATAL(symlink(good, inner), 0);
    CU_ASSERT_EQUAL(ner_model_open(place, &model, &e), ERR_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "the model directory is"));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, inner));
    harness_end();
}

/* One wrong byte anywhere may make another model, but must not make a crash. */
static void survives_wrong_bytes(void)
{
    static const char *const fuzzed[] = {"ner/moves", "ner/model", "tokenizer", "vocab/key2row"};
    struct ner_model *model;
    struct ner_doc doc;
    struct err e;

    srandom(1);
    for (size_t i = 0; i < 120; i++) {
        const char *name = fuzzed[i % (sizeof fuzzed / sizeof *fuzzed)];
        size_t length;
        char *bytes = read_good(name, &length);
        /* the structure is at the front and around each tensor; most other bytes are weights */
        size_t at = (size_t)random() % (length < 12000 || i % 8 == 0 ? length : 12000);
        bytes[at] = (char)random();
        make_copy();
        unlink_file(name);
        put(name, bytes, length);
        free(bytes);
        if (ner_model_open(place, &model, &e) == 0) {
            struct ner *ner = ner_new(model);
            (void)!ner_run(ner, "Tim Cook of Apple is in London.", 31, &doc, &e);
            ner_free(ner);
            ner_model_close(model);
        } else {
            CU_ASSERT_EQUAL(e.code, ERR_CONFIG);
        }
        harness_end();
    }
}

void suite_model_dir(void)
{
    CU_pSuite suite = CU_add_suite("model_dir", NULL, NULL);

    CU_add_test(suite, "refuses what config.cfg says", refuses_what_config_says);
    CU_add_test(suite, "refuses what other files say", refuses_what_files_say);
    CU_add_test(suite, "runs other spellings of the config", runs_other_spellings);
    CU_add_test(suite, "names the model folder inside", names_the_folder_inside);
    CU_add_test(suite, "survives wrong bytes", survives_wrong_bytes);
}
