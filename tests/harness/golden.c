/* golden: see golden.h. */
#include "golden.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add_line(struct golden *g, const char *line)
{
    cJSON *json = cJSON_Parse(line);
    const cJSON *content = cJSON_GetObjectItemCaseSensitive(json, "content");

    if (!cJSON_IsString(content)) {
        cJSON_Delete(json);
        return -1;
    }
    g->texts = xrealloc(g->texts, (g->count + 1) * sizeof *g->texts);
    g->texts[g->count++] = (struct golden_text){
        .text = content->valuestring, .length = strlen(content->valuestring), .json = json};
    return 0;
}

int golden_load(const char *path, struct golden *out)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    int rc = 0;

    *out = (struct golden){NULL, 0};
    if (!file) {
        printf("\n  %s: cannot be opened\n", path);
        return -1;
    }
    while (rc == 0 && getline(&line, &size, file) > 0)
        rc = add_line(out, line);
    if (rc < 0)
        printf("\n  %s:%zu: no JSON with a content\n", path, out->count + 1);
    free(line);
    fclose(file);
    return rc;
}

void golden_free(struct golden *g)
{
    for (size_t i = 0; i < g->count; i++)
        cJSON_Delete(g->texts[i].json);
    free(g->texts);
    *g = (struct golden){NULL, 0};
}

static bool same_tokens(const cJSON *tokens, const struct ner_doc *doc)
{
    const cJSON *item;
    size_t i = 0;

    cJSON_ArrayForEach(item, tokens)
    {
        if (i == doc->token_count || item->child->valueint != (int)doc->tokens[i].start ||
            item->child->next->valueint != (int)doc->tokens[i].end) {
            printf("\n  token %zu: spaCy has [%d,%d]", i, item->child->valueint,
                   item->child->next->valueint);
            return false;
        }
        i++;
    }
    if (i != doc->token_count)
        printf("\n  %zu tokens, spaCy has %zu", doc->token_count, i);
    return i == doc->token_count;
}

static bool same_entities(const cJSON *entities, const struct ner_model *model,
                          const struct ner_doc *doc)
{
    const cJSON *item;
    size_t i = 0;

    cJSON_ArrayForEach(item, entities)
    {
        const cJSON *start = item->child, *end = start->next, *label = end->next;
        const struct ner_entity *e = &doc->entities[i];
        if (i == doc->entity_count || start->valueint != (int)e->start ||
            end->valueint != (int)e->end ||
            strcmp(label->valuestring, ner_model_label(model, e->label)) != 0) {
            printf("\n  entity %zu: spaCy has [%d,%d,%s]", i, start->valueint, end->valueint,
                   label->valuestring);
            return false;
        }
        i++;
    }
    if (i != doc->entity_count)
        printf("\n  %zu entities, spaCy has %zu", doc->entity_count, i);
    return i == doc->entity_count;
}

bool golden_same(const struct golden_text *t, const struct ner_model *model,
                 const struct ner_doc *doc)
{
    if (same_tokens(cJSON_GetObjectItemCaseSensitive(t->json, "tokens"), doc) &&
        same_entities(cJSON_GetObjectItemCaseSensitive(t->json, "entities"), model, doc))
        return true;
    printf(" in \"%.60s\"\n", t->text);
    return false;
}

bool golden_run(const struct golden *g, size_t i, const struct ner_model *model, struct ner *ner)
{
    struct ner_doc doc;
    struct err e;

    if (ner_run(ner, g->texts[i].text, g->texts[i].length, &doc, &e) == 0)
        return golden_same(&g->texts[i], model, &doc);
    printf("\n  %s\n", e.text);
    return false;
}
