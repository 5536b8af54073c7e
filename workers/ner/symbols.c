/* symbols: the 456 reserved names of spacy/symbols.pyx, whose id is a small number and not a hash.
 * Pieces of ordinary words are among them: the shape "X", the suffixes "num", "dep", "det", … */
#include <string.h>

#include "strings.h"

#define FIRST_FLAG        19 /* FLAG19 to FLAG63 are 19 to 63 */
#define LAST_FLAG         63
#define BEFORE_DEPRECATED 103 /* DEPRECATED001 to DEPRECATED276 are 104 to 379 */
#define LAST_DEPRECATED   276
#define LONGEST           17

struct symbol {
    const char *name;
    unsigned short id;
};

/* All names outside the two ranges, by length, then by bytes. */
static const struct symbol symbols[] = {
    {"X", 101},
    {"_", 456},
    {"ID", 64},
    {"cc", 407},
    {"nn", 427},
    {"ADJ", 84},
    {"ADP", 85},
    {"ADV", 86},
    {"AUX", 87},
    {"DEP", 76},
    {"DET", 90},
    {"EOL", 102},
    {"GPE", 384},
    {"IDX", 455},
    {"LAW", 390},
    {"LOC", 385},
    {"NUM", 93},
    {"ORG", 383},
    {"POS", 74},
    {"SYM", 99},
    {"TAG", 75},
    {"acl", 451},
    {"aux", 405},
    {"cop", 411},
    {"dep", 414},
    {"det", 415},
    {"neg", 425},
    {"num", 431},
    {"obj", 434},
    {"obl", 435},
    {"prt", 444},
    {"CONJ", 88},
    {"DATE", 391},
    {"HEAD", 79},
    {"INTJ", 91},
    {"LANG", 83},
    {"NORM", 67},
    {"NORP", 381},
    {"NOUN", 92},
    {"ORTH", 65},
    {"PART", 94},
    {"PROB", 82},
    {"PRON", 95},
    {"TIME", 392},
    {"VERB", 100},
    {"amod", 402},
    {"attr", 404},
    {"conj", 410},
    {"dobj", 416},
    {"expl", 417},
    {"hmod", 418},
    {"hyph", 419},
    {"intj", 421},
    {"iobj", 422},
    {"mark", 423},
    {"meta", 424},
    {"nmod", 426},
    {"oprd", 433},
    {"pobj", 439},
    {"poss", 440},
    {"prep", 443},
    {"root", 449},
    {"CCONJ", 89},
    {"EVENT", 387},
    {"LEMMA", 73},
    {"LOWER", 66},
    {"MONEY", 394},
    {"MORPH", 453},
    {"PROPN", 96},
    {"PUNCT", 97},
    {"SCONJ", 98},
    {"SHAPE", 68},
    {"SPACE", 103},
    {"SPACY", 81},
    {"acomp", 398},
    {"advcl", 399},
    {"agent", 401},
    {"appos", 403},
    {"ccomp", 408},
    {"csubj", 412},
    {"nsubj", 429},
    {"pcomp", 438},
    {"punct", 445},
    {"rcmod", 448},
    {"relcl", 447},
    {"xcomp", 450},
    {"ENT_ID", 454},
    {"LENGTH", 71},
    {"PERSON", 380},
    {"PREFIX", 69},
    {"SUFFIX", 70},
    {"advmod", 400},
    {"complm", 409},
    {"infmod", 420},
    {"number", 432},
    {"CLUSTER", 72},
    {"ENT_IOB", 77},
    {"IS_STOP", 12},
    {"ORDINAL", 396},
    {"PERCENT", 393},
    {"PRODUCT", 386},
    {"auxpass", 406},
    {"partmod", 437},
    {"preconj", 442},
    {"CARDINAL", 397},
    {"ENT_TYPE", 78},
    {"FACILITY", 382},
    {"IS_ALPHA", 1},
    {"IS_ASCII", 2},
    {"IS_DIGIT", 3},
    {"IS_LOWER", 4},
    {"IS_PUNCT", 5},
    {"IS_QUOTE", 15},
    {"IS_SPACE", 6},
    {"IS_TITLE", 7},
    {"IS_UPPER", 8},
    {"LANGUAGE", 389},
    {"LIKE_NUM", 10},
    {"LIKE_URL", 9},
    {"QUANTITY", 395},
    {"npadvmod", 428},
    {"quantmod", 446},
    {"ENT_KB_ID", 452},
    {"csubjpass", 413},
    {"nsubjpass", 430},
    {"parataxis", 436},
    {"IS_BRACKET", 14},
    {"LIKE_EMAIL", 11},
    {"SENT_START", 80},
    {"possessive", 441},
    {"IS_CURRENCY", 18},
    {"WORK_OF_ART", 388},
    {"IS_LEFT_PUNCT", 16},
    {"IS_RIGHT_PUNCT", 17},
    {"IS_OOV_DEPRECATED", 13},
};

static unsigned digits(const char *bytes, size_t length);
static int compare(const struct symbol *s, const char *bytes, size_t length);

uint64_t symbol_id(const char *bytes, size_t length)
{
    size_t low = 0, high = sizeof symbols / sizeof symbols[0];

    if (length == 0 || length > LONGEST)
        return 0;
    if (length == 6 && memcmp(bytes, "FLAG", 4) == 0) {
        unsigned flag = digits(bytes + 4, 2);
        return flag >= FIRST_FLAG && flag <= LAST_FLAG ? flag : 0;
    }
    if (length == 13 && memcmp(bytes, "DEPRECATED", 10) == 0) {
        unsigned deprecated = digits(bytes + 10, 3);
        return deprecated >= 1 && deprecated <= LAST_DEPRECATED ? deprecated + BEFORE_DEPRECATED
                                                                : 0;
    }
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare(&symbols[middle], bytes, length);
        if (order == 0)
            return symbols[middle].id;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

/* The value of `length` decimal digits; 0 when one is none. */
static unsigned digits(const char *bytes, size_t length)
{
    unsigned value = 0;

    for (size_t i = 0; i < length; i++) {
        if (bytes[i] < '0' || bytes[i] > '9')
            return 0;
        value = value * 10 + (unsigned)(bytes[i] - '0');
    }
    return value;
}

static int compare(const struct symbol *s, const char *bytes, size_t length)
{
    size_t own = strlen(s->name);

    if (own != length)
        return own < length ? -1 : 1;
    return memcmp(s->name, bytes, length);
}
