/* model_dir: see model_dir.h. */
#include "model_dir.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_file.h"
#include "read_file.h"

#define CONFIG         "config.cfg"
#define MAX_JSON_BYTES (1u << 20)

static int check_pipeline(const struct config_file *c, struct model_dir *m, struct err *e);
static int check_encoder(const struct config_file *c, struct model_dir *m, struct err *e);
static int check_beam_width(const struct model_dir *m, struct err *e);
static int check_vectors_file(const struct model_dir *m, struct err *e);

static int refuse(struct err *e, const char *field, const char *value, const char *why)
{
    return err_set(e, ERR_CONFIG, CONFIG ": %s: \"%s\" is not supported: %s", field, value, why);
}

static bool is_model(const char *directory)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/" CONFIG, directory);

    return length < (int)sizeof path && access(path, F_OK) == 0;
}

/* A pip package keeps the model one or two folders down: the first such folder, or "". */
static void find_inner(const char *directory, int depth, char *found, size_t size)
{
    DIR *folder = opendir(directory);
    struct dirent *item;
    char path[4096];

    while (folder && !*found && (item = readdir(folder))) {
        int length = snprintf(path, sizeof path, "%s/%s", directory, item->d_name);
        if (item->d_name[0] == '.' || length >= (int)sizeof path)
            continue;
        if (is_model(path) && (size_t)length < size)
            memcpy(found, path, (size_t)length + 1);
        else if (depth > 1)
            find_inner(path, depth - 1, found, size);
    }
    if (folder)
        closedir(folder);
}

static int check_directory(const char *directory, struct err *e)
{
    char inner[300] = "";

    if (is_model(directory))
        return 0;
    find_inner(directory, 2, inner, sizeof inner);
    if (*inner)
        return err_set(e, ERR_CONFIG, "no " CONFIG " in it; the model directory is %s", inner);
    return err_set(e, ERR_CONFIG, "no " CONFIG " in it: not a spaCy v3 model directory");
}

/* Languages whose own tokenizers differ name them; these three replace the NORM function alone
 * (spacy/lang/{hi,ne,ht}/lex_attrs.py). */
static int check_language(const struct config_file *c, struct err *e)
{
    static const char *const own_norm[] = {"hi", "ne", "ht"};
    char lang[32], tokenizer[128];
    int rc = config_file_string(c, "nlp.lang", lang, sizeof lang, e);

    if (rc == 0)
        rc = config_file_string(c, "nlp.tokenizer.@tokenizers", tokenizer, sizeof tokenizer, e);
    if (rc < 0)
        return rc;
    if (!*lang)
        return err_set(e, ERR_CONFIG, CONFIG ": nlp.lang: missing");
    for (size_t i = 0; i < sizeof own_norm / sizeof *own_norm; i++)
        if (strcmp(lang, own_norm[i]) == 0)
            return refuse(e, "nlp.lang", lang, "its NORM attribute is a function of its own");
    if (!*tokenizer)
        return err_set(e, ERR_CONFIG, CONFIG ": nlp.tokenizer.@tokenizers: missing");
    if (strcmp(tokenizer, "spacy.Tokenizer.v1") != 0)
        return refuse(e, "nlp.tokenizer.@tokenizers", tokenizer, "only spacy.Tokenizer.v1 is");
    return 0;
}

static int check_all(struct config_file *c, struct model_dir *m, struct err *e)
{
    int rc = check_language(c, e);

    if (rc == 0)
        rc = check_pipeline(c, m, e);
    if (rc == 0)
        rc = check_encoder(c, m, e);
    if (rc == 0)
        rc = check_beam_width(m, e);
    return rc < 0 ? rc : check_vectors_file(m, e);
}

int model_dir_check(const char *directory, struct model_dir *out, struct err *e)
{
    struct config_file *c = NULL;
    int rc;

    *out = (struct model_dir){.path = directory};
    rc = check_directory(directory, e);
    if (rc == 0)
        rc = config_file_open(directory, CONFIG, &c, e);
    if (rc == 0)
        rc = check_all(c, out, e);
    config_file_close(c);
    return rc;
}

static bool listed(const cJSON *list, const char *name)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, list)
    {
        if (cJSON_IsString(item) && strcmp(item->valuestring, name) == 0)
            return true;
    }
    return false;
}

static int factory_of(const struct config_file *c, const char *component, char *factory,
                      size_t size, char *field, size_t field_size, struct err *e)
{
    int rc;

    snprintf(field, field_size, "components.%s.factory", component);
    rc = config_file_string(c, field, factory, size, e);
    if (rc == 0 && !*factory)
        return err_set(e, ERR_CONFIG, CONFIG ": %s: missing", field);
    return rc;
}

/* One component of nlp.pipeline, in order; `disabled` ones do not run in spaCy either. */
static int check_component(const struct config_file *c, const char *name, bool disabled,
                           struct model_dir *m, struct err *e)
{
    char factory[128], field[256];
    int rc = factory_of(c, name, factory, sizeof factory, field, sizeof field, e);

    if (rc < 0)
        return rc;
    if (strcmp(factory, "transformer") == 0 || strcmp(factory, "curated_transformer") == 0)
        return refuse(e, field, factory, "transformer models need a GPU library");
    if (strcmp(factory, "beam_ner") == 0)
        return refuse(e, field, factory, "only greedy decoding (factory \"ner\") is");
    if ((strcmp(factory, "entity_ruler") == 0 || strcmp(factory, "span_ruler") == 0) && !*m->ner &&
        !disabled)
        return refuse(e, field, factory,
                      "entities set before the ner component change its answers");
    if (strcmp(factory, "ner") != 0)
        return 0;
    if (*m->ner)
        return refuse(e, field, factory, "there are two ner components");
    if (strlen(name) >= sizeof m->ner || strchr(name, '/') || *name == '.')
        return refuse(e, "nlp.pipeline", name, "not a folder's name");
    memcpy(m->ner, name, strlen(name) + 1);
    return 0;
}

static int check_pipeline(const struct config_file *c, struct model_dir *m, struct err *e)
{
    cJSON *pipeline = NULL, *disabled = NULL;
    const cJSON *item;
    int rc = config_file_get(c, "nlp.pipeline", &pipeline, e);

    if (rc == 0)
        rc = config_file_get(c, "nlp.disabled", &disabled, e);
    if (rc == 0 && !cJSON_IsArray(pipeline))
        rc = err_set(e, ERR_CONFIG, CONFIG ": nlp.pipeline: missing or not a list");
    cJSON_ArrayForEach(item, pipeline)
    {
        if (rc == 0 && !cJSON_IsString(item))
            rc = err_set(e, ERR_CONFIG, CONFIG ": nlp.pipeline: not a list of names");
        if (rc == 0)
            rc = check_component(c, item->valuestring, listed(disabled, item->valuestring), m, e);
    }
    if (rc == 0 && !*m->ner)
        rc = err_set(e, ERR_CONFIG, CONFIG ": nlp.pipeline: no component with factory \"ner\"");
    cJSON_Delete(pipeline);
    cJSON_Delete(disabled);
    return rc;
}

/* The component an encoder listener names: `upstream`, where "*" is the only tok2vec there is. */
static int find_upstream(const struct config_file *c, const char *wanted, struct model_dir *m,
                         struct err *e)
{
    char factory[128], field[256];
    cJSON *pipeline = NULL;
    const cJSON *item;
    int rc = config_file_get(c, "nlp.pipeline", &pipeline, e);

    cJSON_ArrayForEach(item, pipeline)
    {
        if (rc < 0)
            break;
        const char *name = item->valuestring; /* check_pipeline() has seen them all */
        rc = factory_of(c, name, factory, sizeof factory, field, sizeof field, e);
        if (rc < 0 || (strcmp(wanted, "*") != 0 && strcmp(wanted, name) != 0))
            continue;
        if (strcmp(factory, "tok2vec") != 0) {
            if (strcmp(wanted, "*") != 0)
                rc = refuse(e, field, factory, "the ner component listens to it");
            continue;
        }
        if (*m->tok2vec)
            rc = refuse(e, "nlp.pipeline", name, "two tok2vec components for one \"*\" listener");
        else if (strlen(name) >= sizeof m->tok2vec || strchr(name, '/') || *name == '.')
            rc = refuse(e, "nlp.pipeline", name, "not a folder's name");
        else
            memcpy(m->tok2vec, name, strlen(name) + 1);
    }
    if (rc == 0 && !*m->tok2vec)
        rc = err_set(e, ERR_CONFIG,
                     CONFIG ": components.%s.model.tok2vec.upstream: no tok2vec component \"%s\"",
                     m->ner, wanted);
    cJSON_Delete(pipeline);
    return rc;
}

/* Shapes are read from the weights; the config only says whose encoder it is. */
static int check_encoder(const struct config_file *c, struct model_dir *m, struct err *e)
{
    char architecture[128], upstream[MODEL_DIR_NAME_BYTES], field[256];
    int rc;

    snprintf(field, sizeof field, "components.%s.model.tok2vec.upstream", m->ner);
    rc = config_file_string(c, field, upstream, sizeof upstream, e);
    if (rc < 0)
        return rc;
    snprintf(field, sizeof field, "components.%s.model.tok2vec.@architectures", m->ner);
    rc = config_file_string(c, field, architecture, sizeof architecture, e);
    if (rc < 0)
        return rc;
    if (strcasestr(architecture, "transformer"))
        return refuse(e, field, architecture, "transformer models need a GPU library");
    if (strcmp(architecture, "spacy.Tok2VecListener.v1") == 0)
        return find_upstream(c, *upstream ? upstream : "*", m, e);
    if (strstr(architecture, "Listener"))
        return refuse(e, field, architecture, "only spacy.Tok2VecListener.v1 is");
    return 0;
}

static int read_json(const struct model_dir *m, const char *name, cJSON **out, struct err *e)
{
    const char *end = NULL;
    size_t length;
    char *bytes;
    int rc = read_file(m->path, name, MAX_JSON_BYTES, &bytes, &length, e);

    if (rc < 0)
        return rc;
    *out = cJSON_ParseWithLengthOpts(bytes, length + 1, &end, true);
    free(bytes);
    if (cJSON_IsObject(*out))
        return 0;
    cJSON_Delete(*out);
    return err_set(e, ERR_CONFIG, "%s: not a JSON object", name);
}

/* `<ner>/cfg`: a component made as "ner" may still have been trained for beam search. */
static int check_beam_width(const struct model_dir *m, struct err *e)
{
    char name[MODEL_DIR_NAME_BYTES + 8];
    const cJSON *width;
    cJSON *cfg;
    int rc;

    snprintf(name, sizeof name, "%s/cfg", m->ner);
    rc = read_json(m, name, &cfg, e);
    if (rc < 0)
        return rc;
    width = cJSON_GetObjectItemCaseSensitive(cfg, "beam_width");
    if (width && !(cJSON_IsNumber(width) && width->valuedouble == 1))
        rc = err_set(e, ERR_CONFIG, "%s: beam_width: only 1 (greedy decoding) is supported", name);
    cJSON_Delete(cfg);
    return rc;
}

/* Models of before spaCy 3.2 have no vectors.cfg; they know the default mode only. */
static int check_vectors_file(const struct model_dir *m, struct err *e)
{
    static const char name[] = "vocab/vectors.cfg";
    const cJSON *mode;
    char path[4096];
    cJSON *cfg;
    int rc;

    if (snprintf(path, sizeof path, "%s/%s", m->path, name) < (int)sizeof path &&
        access(path, F_OK) < 0)
        return 0;
    rc = read_json(m, name, &cfg, e);
    if (rc < 0)
        return rc;
    mode = cJSON_GetObjectItemCaseSensitive(cfg, "mode");
    if (mode && !(cJSON_IsString(mode) && strcmp(mode->valuestring, "default") == 0))
        rc = err_set(e, ERR_CONFIG, "%s: mode: \"%s\" is not supported: only \"default\" is", name,
                     cJSON_IsString(mode) ? mode->valuestring : "?");
    cJSON_Delete(cfg);
    return rc;
}
