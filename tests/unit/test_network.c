/* The network stage by stage, against numbers that spaCy computed inside itself. */
#include <CUnit/CUnit.h>
#include <string.h>

#include "workers/ner/decode.h"
#include "workers/ner/embed.h"
#include "workers/ner/encoder.h"
#include "workers/ner/scorer.h"

void suite_network(void);

#define MODEL "var/models/en_core_web_sm"

#define GOLDEN_TOKENS 24

/* NORM, PREFIX, SUFFIX, SHAPE of "I don't think Apple's X-ray unit in St. Louis paid £3.5bn  to
 * Jean-Luc on Monday.". */
static const uint64_t golden_ids[GOLDEN_TOKENS][4] = {
    {5097672513440128799u, 4690420944186131903u, 4690420944186131903u, 101u},
    {2158845516055552166u, 8148669997605808657u, 2158845516055552166u, 4370460163704169311u},
    {447765159362469301u, 13210364986222294696u, 2043519015752540944u, 15075103628056407474u},
    {16875814820671380748u, 15369245168918225700u, 10259868722016142706u, 13110060611322374290u},
    {8566208034543834098u, 14862748245026736845u, 16838316573854262908u, 16072095006890171862u},
    {16428057658620181782u, 11221368173670222813u, 16428057658620181782u, 3155823383004454315u},
    {11123243248953317070u, 101u, 101u, 101u},
    {9153284864653046197u, 9153284864653046197u, 9153284864653046197u, 9153284864653046197u},
    {11428735203161385371u, 16562859848569467201u, 11428735203161385371u, 4088098365541558500u},
    {744902419427097465u, 12247454108283186160u, 11778342013687851913u, 13110060611322374290u},
    {3002984154512732771u, 5097672513440128799u, 3002984154512732771u, 4370460163704169311u},
    {17451660008333295086u, 12290980237632234855u, 16623299875770883202u, 17096342708991983284u},
    {6028773370914658493u, 10603054956214495369u, 14352285401091264922u, 16072095006890171862u},
    {8131282532884834198u, 8861071527689086543u, 11586757942818230145u, 13110060611322374290u},
    {11283501755624150392u, 10097772119863786097u, 10097772119863786097u, 10097772119863786097u},
    {1556828264656272230u, 602994839685422785u, 8881739976424559816u, 3481148726403117972u},
    {8532415787641010193u, 8532415787641010193u, 8532415787641010193u, 8532415787641010193u},
    {3791531372978436496u, 15369245168918225700u, 3791531372978436496u, 4370460163704169311u},
    {4586234643590371086u, 18003918085672799305u, 12934803712391722121u, 10887629174180191697u},
    {9153284864653046197u, 9153284864653046197u, 9153284864653046197u, 9153284864653046197u},
    {3535732831817446181u, 10603054956214495369u, 2790031882175543568u, 18200729499220207786u},
    {5640369432778651323u, 1489474827855109852u, 5640369432778651323u, 4370460163704169311u},
    {6728312148520074124u, 3209455878668673793u, 1608482186128794349u, 16072095006890171862u},
    {12646065887601541794u, 12646065887601541794u, 12646065887601541794u, 12646065887601541794u},
};

static void check_close(const float *found, const float expected[8])
{
    for (size_t i = 0; i < 8; i++)
        CU_ASSERT_DOUBLE_EQUAL(found[i], expected[i], 1e-4);
}

/* The walk in two tiles, cut inside "St. Louis": spans of tokens as spaCy has them. */
static void check_walk(const struct transitions *t, size_t width, struct scorer *scorer,
                       const float *x, const struct token *tokens, const struct word_type *types)
{
    static const uint32_t spans[4][2] = {{4, 5}, {11, 13}, {18, 21}, {22, 23}};
    struct decode_span found[GOLDEN_TOKENS];
    struct decode d;
    size_t cut = 12, count;

    decode_init(&d, t, width);
    decode_start(&d);
    scorer_run(scorer, x, cut);
    count = decode_run(&d, scorer, x, tokens, types, 0, cut, GOLDEN_TOKENS, found);
    CU_ASSERT_EQUAL(count, 1);
    CU_ASSERT_TRUE(d.open);
    CU_ASSERT_EQUAL(memcmp(d.previous, x + (cut - 1) * width, width * sizeof *x), 0);
    scorer_run(scorer, x + cut * width, GOLDEN_TOKENS - cut);
    count += decode_run(&d, scorer, x + cut * width, tokens, types, cut, GOLDEN_TOKENS - cut,
                        GOLDEN_TOKENS, found + count);
    CU_ASSERT_EQUAL_FATAL(count, 4);
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(found[i].first, spans[i][0]);
        CU_ASSERT_EQUAL(found[i].end, spans[i][1]);
    }
    decode_fini(&d);
}

static void stages(const struct kernels *kernels)
{
    /* spaCy's values: the first 8 of the mixer's and the last layer's output, tokens 0, 16, 23 */
    static const size_t at[3] = {0, 16, 23};
    static const float mixed[3][8] = {
        {-0.5643546f, 0.5164959f, 0.4631321f, -0.6363436f, 1.264258f, -0.4332688f, 0.3701994f,
         -0.4608056f},
        {-0.8847079f, 0.01724377f, 0.233541f, -1.385225f, -0.5330544f, -0.006686745f, -0.1298146f,
         -0.5021566f},
        {-0.4524222f, -0.1420005f, -0.2429555f, -0.01439025f, -0.6077706f, -0.3671932f, -0.5115215f,
         0.6450514f},
    };
    static const float encoded[3][8] = {
        {-0.3614093f, -0.3194533f, 0.9901866f, -1.459057f, 3.264222f, -0.5446636f, -0.6208764f,
         -1.222313f},
        {-0.6608965f, -2.486922f, 0.57412f, -1.24595f, 0.3049965f, -0.3334346f, 1.119282f,
         -0.2410124f},
        {-2.181863f, -0.04001811f, -0.4759852f, -0.4197562f, 1.299501f, -0.9850312f, 0.7748924f,
         1.483317f},
    };
    static const float scores[3][3] = {{-1.951804f, -4.031863f, 11.95002f},
                                       {-3.381549f, -2.450971f, 11.14509f},
                                       {-5.988239f, -4.21551f, 11.60647f}}; /* B-ORG, U-ORG, O */
    struct word_type types[GOLDEN_TOKENS] = {{0}};
    struct token tokens[GOLDEN_TOKENS] = {{0}};
    const float *rows[GOLDEN_TOKENS + 2 * WEIGHTS_MAX_WINDOW * WEIGHTS_MAX_DEPTH];
    struct model_dir about;
    struct weights *w;
    struct transitions *t;
    struct err e;

    CU_ASSERT_EQUAL_FATAL(model_dir_check(MODEL, &about, &e), 0);
    CU_ASSERT_EQUAL_FATAL(weights_load(&about, kernels, &w, &e), 0);
    CU_ASSERT_EQUAL_FATAL(transitions_load(&about, w->classes, &t, &e), 0);
    CU_ASSERT_EQUAL(t->class_count, 74);
    CU_ASSERT_EQUAL(t->label_count, 19); /* 18 and the empty one of U */
    CU_ASSERT_EQUAL(t->closed_count, 37);
    for (uint32_t i = 0; i < GOLDEN_TOKENS; i++) {
        const uint64_t *ids = golden_ids[i];
        types[i] =
            (struct word_type){.norm = ids[0], .prefix = ids[1], .suffix = ids[2], .shape = ids[3]};
        tokens[i].type = i;
    }

    size_t halo = encoder_halo(w);
    struct embed *embed = embed_new(w, NULL, GOLDEN_TOKENS);
    struct encoder *encoder = encoder_new(w, GOLDEN_TOKENS);
    struct scorer_weights *folded = scorer_weights_new(w, t);
    struct scorer *scorer = scorer_new(folded, GOLDEN_TOKENS);
    for (size_t i = 0; i < GOLDEN_TOKENS + 2 * halo; i++)
        rows[i] = embed_pad(embed);
    embed_rows(embed, types, 1, tokens, GOLDEN_TOKENS, rows + halo);
    const float *x = encoder_run(encoder, rows, GOLDEN_TOKENS);
    scorer_run(scorer, x, GOLDEN_TOKENS);
    for (size_t i = 0; i < 3; i++) {
        check_close(rows[halo + at[i]], mixed[i]);
        check_close(x + at[i] * w->width, encoded[i]);
        const float *closed = scorer_closed(scorer, at[i]);
        CU_ASSERT_DOUBLE_EQUAL(closed[0], scores[i][0], 1e-4);
        CU_ASSERT_DOUBLE_EQUAL(closed[18], scores[i][1], 1e-4);
        CU_ASSERT_DOUBLE_EQUAL(closed[36], scores[i][2], 1e-4);
    }
    types[16].is_space = true;
    check_walk(t, w->width, scorer, x, tokens, types);
    scorer_free(scorer);
    scorer_weights_free(folded);
    encoder_free(encoder);
    embed_free(embed);
    transitions_free(t);
    weights_free(w);
}

static void stages_of_each_level(void)
{
    for (size_t i = 0; kernels_runnable(i); i++)
        stages(kernels_runnable(i));
}

void suite_network(void)
{
    CU_pSuite suite = CU_add_suite("network", NULL, NULL);

    CU_add_test(suite, "numbers of each stage", stages_of_each_level);
}
