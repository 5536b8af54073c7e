/* Tokens, against spaCy 3.8 with en_core_web_sm; offsets, caches and broken files. */
#include <CUnit/CUnit.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buf.h"
#include "common/utf8.h"
#include "tests/harness/harness.h"
#include "workers/ner/read_file.h"
#include "workers/ner/strings.h"
#include "workers/ner/tokenizer.h"

#define MODEL "var/models/en_core_web_sm"

void suite_tokenizer(void);

static struct tokenizer *tokenizer;
static struct tokenizer_state *state;

static int set_up(void)
{
    struct err e;

    if (tokenizer_load(MODEL, &tokenizer, &e) < 0) {
        fprintf(stderr, "%s\n", e.text);
        return -1;
    }
    state = tokenizer_state_new(tokenizer);
    return 0;
}

static int tear_down(void)
{
    tokenizer_state_free(state);
    tokenizer_free(tokenizer);
    harness_end();
    return 0;
}

/* Each token in brackets, with a space behind it if it owns one; checks all offsets on the way. */
static void render(const char *text, size_t length, struct buf *out)
{
    const struct token *tokens;
    size_t count, byte = 0, type_count;
    uint64_t generation;
    struct err e;

    buf_clear(out);
    buf_append_text(out, "");
    CU_ASSERT_EQUAL_FATAL(tokenizer_run(state, text, length, &tokens, &count, &e), 0);
    const struct word_type *types = tokenizer_types(state, &type_count, &generation);
    for (size_t i = 0; i < count; i++) {
        const struct token *t = &tokens[i];
        size_t size = t->end_byte - t->start_byte;
        CU_ASSERT_EQUAL_FATAL(t->start_byte, byte);
        CU_ASSERT_FATAL(t->end_byte > byte && t->end_byte <= length && t->type < type_count);
        CU_ASSERT_EQUAL(t->start, utf8_count(text, t->start_byte));
        CU_ASSERT_EQUAL(t->end, utf8_count(text, t->end_byte));
        CU_ASSERT_EQUAL(types[t->type].orth, string_id(text + t->start_byte, size));
        buf_append_text(out, "[");
        buf_append(out, text + t->start_byte, size);
        buf_append_text(out, t->spacy ? "] " : "]");
        byte = t->end_byte + t->spacy;
    }
    CU_ASSERT_EQUAL(byte, length);
}

static const char *const cases[][2] = {
    {"", ""},
    {"a", "[a]"},
    {" ", "[ ]"},
    {"  ", "[  ]"},
    {" a", "[ ][a]"},
    {"a ", "[a] "},
    {"a  b", "[a] [ ][b]"},
    {"a \n b", "[a] [\n ][b]"},
    {"a\n b", "[a][\n ][b]"},
    {"a\u00a0b", "[a][\u00a0][b]"},
    {"a \u3000b", "[a] [\u3000][b]"},
    {"\n\n", "[\n\n]"},
    {"a\tb", "[a][\t][b]"},
    {"I don't know.", "[I] [do][n't] [know][.]"},
    {"You can't, won't and shouldn't've.",
     "[You] [ca][n't][,] [wo][n't] [and] [should][n't]['ve][.]"},
    {"It's John's; they're the Smiths'.",
     "[It]['s] [John]['s][;] [they]['re] [the] [Smiths]['][.]"},
    {"I\u2019m here, he\u2019s not", "[I][\u2019m] [here][,] [he][\u2019s] [not]"},
    {"U.S.-based firms", "[U.S.-based] [firms]"},
    {"He left at 5 p.m. on Sunday.", "[He] [left] [at] [5] [p.m.] [on] [Sunday][.]"},
    {"Mr. Smith (of N.Y.) said:", "[Mr.] [Smith] [(][of] [N.Y.][)] [said][:]"},
    {"e.g. this, i.e. that etc.", "[e.g.] [this][,] [i.e.] [that] [etc][.]"},
    {"See http://www.example.com/a?b=1&c=2, or mail me@example.org.",
     "[See] [http://www.example.com/a?b=1&c=2][,] [or] [mail] [me@example.org][.]"},
    {"www.a.co.uk/x_(y)", "[www.a.co.uk/x_(y][)]"},
    {"Not.a.url but foo.Bar", "[Not.a.url] [but] [foo][.][Bar]"},
    {"http://localhost:80/", "[http://localhost:80/]"},
    {"10.0.0.1 vs 8.8.8.8", "[10.0.0.1] [vs] [8.8.8.8]"},
    {"10km 5kg 3m/s 20\u00b0C. 100% $5 5$ US$100 \u00a33.50",
     "[10][km] [5][kg] [3][m/s] [20][\u00b0][C][.] [100][%] [$][5] [5][$] [US$][100] "
     "[\u00a3][3.50]"},
    {"state-of-the-art, well--known a\u2014b x/y A/B",
     "[state][-][of][-][the][-][art][,] [well][--][known] [a][\u2014][b] [x][/][y] [A][/][B]"},
    {"wait... what\u2026 ok....", "[wait][...] [what][\u2026] [ok][....]"},
    {"((a)) [b] {c}", "[(][(][a][)][)] [[][b][]] [{][c][}]"},
    {"\u201cQuoted\u201d \u2018x\u2019 ''y''",
     "[\u201c][Quoted][\u201d] [\u2018][x][\u2019] [''][y]['']"},
    {"\U0001f600\U0001f600 ok\U0001f468\u200d\U0001f469",
     "[\U0001f600][\U0001f600] [ok][\U0001f468][\u200d][\U0001f469]"},
    {"smile :) :-( :) ;-) (:", "[smile] [:)] [:-(] [:)] [;-)] [(:]"},
    {"gonna lemme cannot", "[gon][na] [lemme] [can][not]"},
    {"C++ C# a.b A.B a.B 1.5 1,000 1-2 a-1 3*4",
     "[C++] [C][#] [a.b] [A.B] [a.][B] [1.5] [1,000] [1][-][2] [a-1] [3][*][4]"},
    {"I.B.M. a. B. ab. AB.", "[I.B.M.] [a.] [B.] [ab][.] [AB][.]"},
    {"..a ...", "[..][a] [...]"},
    {"don't.Don't", "[don't][.][Don't]"},
    {"(can't)", "[(][ca][n't][)]"},
    {"\"'Tis\"", "[\"]['][Tis][\"]"},
    {"8a.m. 12pm", "[8][a.m.] [12][pm]"},
    {"\u03a3\u03b1\u03c2 \u0391\u03a3 \u4e2d\u6587\u3002",
     "[\u03a3\u03b1\u03c2] [\u0391\u03a3] [\u4e2d\u6587][\u3002]"},
    {"\u180ea\u200bb\ufeff", "[\u180ea\u200bb\ufeff]"},
    {"a\u0301 e\u0301", "[a\u0301] [e\u0301]"},
    {"'", "[']"},
    {"''", "['']"},
    {"'s", "['s]"},
    {"\\n \\t", "[\\n] [\\t]"},
    {"-_- ^_^ <3 o.O", "[-_-] [^_^] [<3] [o.O]"},
    {"ma'am o'clock y'all'd've", "[ma'am] [o'clock] [y'all'd've]"},
    {"...--...", "[...][--][...]"},
    {"a:b a,b", "[a][:][b] [a][,][b]"},
    {"~5 #tag @me a@b", "[~5] [#][tag] [@me] [a@b]"},
    {"100km/h", "[100][km/h]"},
};

static void test_cases(void)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    for (int round = 0; round < 2; round++) { /* divided first, then from the cache */
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            render(cases[i][0], strlen(cases[i][0]), &out);
            CU_ASSERT_STRING_EQUAL(out.bytes, cases[i][1]);
            if (strcmp(out.bytes, cases[i][1]) != 0)
                fprintf(stderr, "\ngot      %s\nexpected %s\n", out.bytes, cases[i][1]);
        }
    }
    buf_fini(&out);
}

/* A text with a U+0000 in it is a text like another. */
static void test_zero_byte(void)
{
    struct buf out;

    buf_init(&out, 1024);
    render("a\0b c", 5, &out);
    CU_ASSERT_EQUAL(out.length, 9);
    CU_ASSERT_EQUAL(memcmp(out.bytes, "[a\0b] [c]", 9), 0);
    buf_fini(&out);
}

static void check_norms(const char *text, const char *const *norms)
{
    const struct token *tokens;
    size_t count, type_count;
    uint64_t generation;
    struct err e;

    CU_ASSERT_EQUAL_FATAL(tokenizer_run(state, text, strlen(text), &tokens, &count, &e), 0);
    const struct word_type *types = tokenizer_types(state, &type_count, &generation);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_EQUAL(types[tokens[i].type].norm, string_id(norms[i], strlen(norms[i])));
}

/* A norm belongs to the token of a special case and not to its text. */
static void test_norms(void)
{
    check_norms("don't", (const char *const[]){"do", "not"});
    check_norms("(can't)", (const char *const[]){"(", "can", "not", ")"});
    check_norms("ca n't", (const char *const[]){"ca", "n't"});
    check_norms("gonna na", (const char *const[]){"going", "to", "na"});
    check_norms("John's 'cause", (const char *const[]){"john", "'s", "because"});
    check_norms("8am am", (const char *const[]){"8", "a.m.", "am"});
    check_norms("colour", (const char *const[]){"color"});
}

/* Long chunks without a space: no square of their length, and nothing but their own tokens. */
static void test_long_chunks(void)
{
    static const struct {
        const char *unit;
        size_t tokens; /* of 2^18 bytes */
    } chunks[] = {{"a", 1}, {"(", 1 << 18}, {".", 1},        {"a-", (1 << 18) - 1},
                  {"-", 1}, {":", 1 << 18}, {"a:", 1 << 18}, {"a.", 2},
                  {" ", 1}, {"a@", 1}};
    size_t length = 1 << 18;
    char *text = xmalloc(length);

    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        const struct token *tokens;
        size_t count = 0, unit = strlen(chunks[i].unit);
        struct err e;
        for (size_t at = 0; at < length; at++)
            text[at] = chunks[i].unit[at % unit];
        CU_ASSERT_EQUAL(tokenizer_run(state, text, length, &tokens, &count, &e), 0);
        CU_ASSERT_EQUAL(count, chunks[i].tokens);
        CU_ASSERT_EQUAL(tokens[count - 1].end_byte, length);
    }
    free(text);
}

/* More distinct words than are kept: indices start anew, tokens stay the same. */
static void test_full_caches(void)
{
    char text[64];
    struct buf out;
    size_t type_count, most = 0;
    uint64_t first, generation;

    buf_init(&out, 1024);
    tokenizer_types(state, &type_count, &first);
    for (unsigned i = 0; i < TOKENIZER_MAX_TYPES + 2000; i++) {
        snprintf(text, sizeof text, "word%u can't", i);
        render(text, strlen(text), &out);
        tokenizer_types(state, &type_count, &generation);
        most = type_count > most ? type_count : most;
    }
    CU_ASSERT(generation > first);
    CU_ASSERT(most >= TOKENIZER_MAX_TYPES && most < TOKENIZER_MAX_TYPES + 3);
    CU_ASSERT(type_count < 10000);
    snprintf(text, sizeof text, "[word%u] [ca][n't]", TOKENIZER_MAX_TYPES + 1999);
    CU_ASSERT_STRING_EQUAL(out.bytes, text);
    buf_fini(&out);
}

static void test_no_allocation(void)
{
    static const char text[] =
        "He can't say :) that John's \u201c10km\u201d (e.g.) are http://a.com";
    const struct token *tokens;
    size_t count;
    struct err e;

    CU_ASSERT_EQUAL(tokenizer_run(state, text, strlen(text), &tokens, &count, &e), 0);
    size_t before = mallinfo2().uordblks;
    CU_ASSERT_EQUAL(tokenizer_run(state, text, strlen(text), &tokens, &count, &e), 0);
    CU_ASSERT_EQUAL(mallinfo2().uordblks, before);
}

static void write_file(const char *directory, const char *name, const char *bytes, size_t length)
{
    char path[400];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

/* Expects ERR_CONFIG with `part` in its text from a tokenizer file with these bytes. */
static void refuse(const char *bytes, size_t length, const char *part)
{
    const char *directory = harness_dir();
    struct tokenizer *t = NULL;
    struct err e = {0};

    write_file(directory, "tokenizer", bytes, length);
    CU_ASSERT_EQUAL(tokenizer_load(directory, &t, &e), ERR_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, part));
    if (!strstr(e.text, part))
        fprintf(stderr, "\ngot \"%s\", expected \"%s\"\n", e.text, part);
}

static void test_broken_files(void)
{
    struct tokenizer *t = NULL;
    struct err e = {0};
    char *bytes;
    size_t length;

    CU_ASSERT_EQUAL(tokenizer_load("no/such/model", &t, &e), ERR_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "tokenizer"));
    CU_ASSERT_EQUAL_FATAL(read_file(MODEL, "tokenizer", 1 << 25, &bytes, &length, &e), 0);
    for (size_t cut = 0; cut < length; cut += 1 + length / 40)
        refuse(bytes, cut, "tokenizer: cut off");
    free(bytes);
    refuse("\xc1", 1, "tokenizer: not msgpack");
    refuse("\xc0\xc0", 2, "tokenizer: bytes after the end");
    refuse("\xdf\xff\xff\xff\xff", 5, "tokenizer: cut off"); /* a map of four billion */
    refuse("\x93\x01\x02\x03", 4, "tokenizer: not a map");
    refuse("\x80", 1, "tokenizer: prefix_search is missing");
    refuse("\x81\xad"
           "prefix_search\x07",
           16, "tokenizer: prefix_search is not text");
    refuse("\x81\xad"
           "prefix_search\xa1(",
           17, "tokenizer: prefix_search: ");
}

/* A tokenizer file with no pattern and the one exception given as msgpack. */
static void refuse_exception(const char *exception, size_t length, const char *part)
{
    static const char start[] = "\x86\xad"
                                "prefix_search\xc0\xad"
                                "suffix_search\xc0\xae"
                                "infix_finditer\xc0\xab"
                                "token_match\xc0\xa9"
                                "url_match\xc0\xaa"
                                "exceptions\x81";
    char bytes[200];

    memcpy(bytes, start, sizeof start - 1);
    memcpy(bytes + sizeof start - 1, exception, length);
    refuse(bytes, sizeof start - 1 + length, part);
}

static void test_broken_exceptions(void)
{
    refuse_exception("\xa2"
                     "ab\x07",
                     4, "exceptions: \"ab\" is not a list");
    refuse_exception("\x07\x90", 2, "exceptions: a key is not a text");
    refuse_exception("\xa2"
                     "ab\x90",
                     4, "exceptions: the tokens of \"ab\" do not");
    refuse_exception("\xa2"
                     "ab\x91\x81\x41\xa1"
                     "a",
                     8, "exceptions: the tokens of \"ab\" do not");
    refuse_exception("\xa2"
                     "ab\x91\x81\x41\xa1"
                     "b",
                     8, "exceptions: a token of \"ab\" is not");
    refuse_exception("\xa2"
                     "ab\x91\x80",
                     5, "exceptions: a token of \"ab\" is not");
    refuse_exception("\xa2"
                     "ab\x91\x82\x41\xa2"
                     "ab\x43\x07",
                     11, "exceptions: a norm of \"ab\"");
}

void suite_tokenizer(void)
{
    CU_pSuite suite = CU_add_suite("tokenizer", set_up, tear_down);

    CU_add_test(suite, "tokens as spaCy has them", test_cases);
    CU_add_test(suite, "a zero byte", test_zero_byte);
    CU_add_test(suite, "norms of special cases", test_norms);
    CU_add_test(suite, "long chunks", test_long_chunks);
    CU_add_test(suite, "full caches", test_full_caches);
    CU_add_test(suite, "no allocation once warm", test_no_allocation);
    CU_add_test(suite, "broken files", test_broken_files);
    CU_add_test(suite, "broken exceptions", test_broken_exceptions);
}
