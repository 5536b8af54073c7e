/* `newsmill model check`: what it says of a model that runs and of what does not. */
#include <CUnit/CUnit.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness/harness.h"

void suite_model_check(void);

#define MODEL    "var/models/en_core_web_sm"
#define LIMIT_MS 60000

/* Runs it with up to three words more; *output is to be freed. */
static int check(char **output, const char *a, const char *b, const char *c)
{
    const char *args[] = {"model", a, b, c, NULL};

    return proc_run("newsmill", NULL, args, true, output, LIMIT_MS);
}

static void expect(int code, const char *a, const char *b, const char *part)
{
    char *output;

    CU_ASSERT_EQUAL(check(&output, a, b, NULL), code);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, part));
    free(output);
}

static void as_text(void)
{
    expect(0, "check", MODEL, "language   en\n");
    expect(0, "check", MODEL, "labels     ORG DATE PERSON GPE");
    expect(0, "check", MODEL, "vectors    none used\n");
    expect(0, "check", MODEL, "runs       yes");
}

static const char *text_of(const cJSON *json, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

    return cJSON_IsString(item) ? item->valuestring : "(none)";
}

static void as_json(void)
{
    char *output;

    CU_ASSERT_EQUAL(check(&output, "check", MODEL, "--json"), 0);
    cJSON *json = cJSON_Parse(output);
    CU_ASSERT_PTR_NOT_NULL_FATAL(json);
    CU_ASSERT_TRUE(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "runs")));
    CU_ASSERT_STRING_EQUAL(text_of(json, "lang"), "en");
    CU_ASSERT_STRING_EQUAL(text_of(json, "version"), "3.8.0");
    CU_ASSERT_STRING_EQUAL(text_of(json, "component"), "ner");
    CU_ASSERT_EQUAL(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "labels")), 18);
    CU_ASSERT_TRUE(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "pipeline")) > 1);
    CU_ASSERT_EQUAL(cJSON_GetObjectItemCaseSensitive(json, "width")->valueint, 96);
    cJSON_Delete(json);
    free(output);
}

static void put(const char *folder, const char *name, const char *text)
{
    char path[512];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
}

static void what_does_not_run(void)
{
    const char *folder = harness_dir();
    char *output;

    expect(2, "check", folder, "no config.cfg");
    expect(2, "check", "/does/not/exist", "runs       no\n");
    put(folder, "config.cfg",
        "[nlp]\nlang = \"en\"\npipeline = [\"transformer\",\"ner\"]\n"
        "tokenizer = {\"@tokenizers\":\"spacy.Tokenizer.v1\"}\n"
        "[components.transformer]\nfactory = \"transformer\"\n");
    put(folder, "meta.json", "{\"lang\":\"en\",\"name\":\"trf\\u001b[31m\",\"version\":\"1\"}");
    CU_ASSERT_EQUAL(check(&output, "check", folder, NULL), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "model      en_trf"));
    CU_ASSERT_PTR_NULL(strchr(output, '\033')); /* nothing for the terminal to act on */
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "components.transformer.factory: \"transformer\""));
    free(output);
    CU_ASSERT_EQUAL(check(&output, "check", folder, "--json"), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\"runs\":false,\"reason\":\"model "));
    free(output);
}

static void wrong_words(void)
{
    expect(64, "chekc", MODEL, "It can be: check");
    expect(64, "check", "--jsno", "usage: newsmill model check");
    expect(0, "--help", NULL, "usage: newsmill model check");
}

void suite_model_check(void)
{
    CU_pSuite suite = CU_add_suite("model_check", NULL, NULL);

    CU_add_test(suite, "a model that runs", as_text);
    CU_add_test(suite, "a model that runs, in JSON", as_json);
    CU_add_test(suite, "what does not run, and why", what_does_not_run);
    CU_add_test(suite, "wrong words", wrong_words);
}
