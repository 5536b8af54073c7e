/* transitions: see transitions.h. The order of classes is that of TransitionSystem.from_bytes() and
 * initialize_actions() in spacy/pipeline/_parser_internals/transition_system.pyx. */
#include "transitions.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "msgpack_read.h"

#define MAX_FILE_BYTES (4u << 20)
#define MAX_CLASSES    16384
#define NO_CLASS       UINT32_MAX

/* One label of one move, as the file has it. */
struct item {
    int move;
    double frequency;
    const char *label; /* in the JSON tree */
};

static int build(struct transitions *t, const cJSON *moves, struct err *e);
static int index_classes(struct transitions *t, struct err *e);

/* `moves` is msgpack around JSON text: {"0": {}, "1": {label: frequency, …}, …}. */
static int parse_moves(const struct model_dir *m, cJSON **out, struct err *e)
{
    struct msgpack_file *file;
    char name[MODEL_DIR_NAME_BYTES + 8];
    const char *text, *end = NULL;
    size_t length;
    int rc;

    snprintf(name, sizeof name, "%s/moves", m->ner);
    rc = msgpack_file_open(m->path, name, MAX_FILE_BYTES, &file, e);
    if (rc < 0)
        return rc;
    const msgpack_object *moves = msgpack_get(msgpack_file_root(file), "moves");
    *out = NULL;
    if (moves && msgpack_text(moves, &text, &length))
        *out = cJSON_ParseWithLengthOpts(text, length, &end, false);
    if (!cJSON_IsObject(*out) || end != text + length) {
        cJSON_Delete(*out);
        rc = err_set(e, ERR_CONFIG, "%s: moves: not a JSON object", name);
    }
    msgpack_file_close(file);
    return rc;
}

int transitions_load(const struct model_dir *m, size_t class_count, struct transitions **out,
                     struct err *e)
{
    struct transitions *t;
    cJSON *moves;
    int rc = parse_moves(m, &moves, e);

    if (rc < 0)
        return rc;
    t = xcalloc(1, sizeof *t);
    rc = build(t, moves, e);
    cJSON_Delete(moves);
    if (rc == 0 && t->class_count != class_count)
        rc = err_set(e, ERR_CONFIG, "moves: %zu actions, the network has %zu classes",
                     t->class_count, class_count);
    if (rc == 0)
        rc = index_classes(t, e);
    if (rc < 0) {
        err_prefix(e, "%s/moves", m->ner);
        transitions_free(t);
        return rc;
    }
    *out = t;
    return 0;
}

void transitions_free(struct transitions *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->label_count; i++)
        free(t->labels[i]);
    free(t->labels);
    free(t->classes);
    free(t->in);
    free(t->last);
    free(t->closed);
    free(t);
}

/* More frequent first; of equals the label that is greater. */
static int by_frequency(const void *left, const void *right)
{
    const struct item *a = left, *b = right;

    if (a->frequency != b->frequency)
        return a->frequency < b->frequency ? 1 : -1;
    int labels = strcmp(b->label, a->label);
    return labels ? labels : a->move - b->move;
}

static int collect(const cJSON *moves, struct item *items, size_t *count, struct err *e)
{
    const cJSON *move, *label;

    *count = 0;
    cJSON_ArrayForEach(move, moves)
    {
        const char *digit = move->string;
        if (*digit < '0' || *digit > '5' || digit[1] || !cJSON_IsObject(move))
            return err_set(e, ERR_CONFIG, "moves: \"%.20s\" is not a move from 0 to 5", digit);
        cJSON_ArrayForEach(label, move)
        {
            if (!cJSON_IsNumber(label) || *count == MAX_CLASSES)
                return err_set(e, ERR_CONFIG, "moves.%s: not a frequency for each of %d labels",
                               digit, MAX_CLASSES);
            items[(*count)++] = (struct item){*digit - '0', label->valuedouble, label->string};
        }
    }
    return 0;
}

static uint32_t intern(struct transitions *t, const char *label)
{
    for (size_t i = 0; i < t->label_count; i++)
        if (strcmp(t->labels[i], label) == 0)
            return (uint32_t)i;
    t->labels[t->label_count] = xstrdup(label);
    return (uint32_t)t->label_count++;
}

/* TransitionSystem.add_action(): the next class, unless there is such a one. */
static void add_class(struct transitions *t, int move, const char *label)
{
    struct transition class = {.move = (enum move)move};

    if (move == MOVE_MISSING || (move == MOVE_OUT && *label))
        return;
    if (move != MOVE_OUT)
        class.label = intern(t, label);
    for (size_t i = 0; i < t->class_count; i++)
        if (t->classes[i].move == class.move && t->classes[i].label == class.label)
            return;
    t->classes[t->class_count++] = class;
}

/* Labels of the training data move by move, each by frequency; then the labels added later, which
 * have negative frequencies, label by label. */
static void add_classes(struct transitions *t, struct item *items, size_t count)
{
    qsort(items, count, sizeof *items, by_frequency);
    for (int move = 0; move <= MOVE_OUT; move++)
        for (size_t i = 0; i < count; i++)
            if (items[i].move == move && items[i].frequency >= 0)
                add_class(t, move, items[i].label);
    for (size_t i = 0; i < count; i++)
        if (items[i].frequency < 0)
            for (int move = 0; move <= MOVE_OUT; move++)
                for (size_t j = 0; j < count; j++)
                    if (items[j].move == move && items[j].frequency < 0 &&
                        strcmp(items[j].label, items[i].label) == 0)
                        add_class(t, move, items[i].label);
}

static int build(struct transitions *t, const cJSON *moves, struct err *e)
{
    struct item *items = xmalloc(MAX_CLASSES * sizeof *items);
    size_t count;
    int rc = collect(moves, items, &count, e);

    if (rc == 0) {
        t->labels = xcalloc(count, sizeof *t->labels);
        t->classes = xcalloc(count, sizeof *t->classes);
        add_classes(t, items, count);
    }
    free(items);
    return rc;
}

/* Every label that can be opened must be able to go on and to end, and O must be there, so that
 * each state of the walk has a valid class. */
static int index_classes(struct transitions *t, struct err *e)
{
    bool out = false;

    t->in = xmalloc(t->label_count * sizeof *t->in);
    t->last = xmalloc(t->label_count * sizeof *t->last);
    t->closed = xmalloc(t->class_count * sizeof *t->closed);
    for (size_t i = 0; i < t->label_count; i++)
        t->in[i] = t->last[i] = NO_CLASS;
    for (size_t i = 0; i < t->class_count; i++) {
        const struct transition *class = &t->classes[i];
        out |= class->move == MOVE_OUT;
        if (class->move == MOVE_IN)
            t->in[class->label] = (uint32_t)i;
        else if (class->move == MOVE_LAST)
            t->last[class->label] = (uint32_t)i;
        else if (class->move == MOVE_OUT || *t->labels[class->label])
            t->closed[t->closed_count++] = (uint32_t)i;
    }
    for (size_t i = 0; i < t->class_count; i++) {
        uint32_t label = t->classes[i].label;
        if (t->classes[i].move == MOVE_BEGIN && *t->labels[label] &&
            (t->in[label] == NO_CLASS || t->last[label] == NO_CLASS))
            return err_set(e, ERR_CONFIG, "moves: B-%.60s without I or L", t->labels[label]);
    }
    return out ? 0 : err_set(e, ERR_CONFIG, "moves: no O");
}
