/* What an answer of Firestore means, and how fast documents are written. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "store/firestore_status.h"
#include "store/ramp.h"

static void expect(long http, const char *body, enum store_outcome wanted, const char *quoted)
{
    struct err why = {.text = ""};
    enum store_outcome got = firestore_outcome(http, body, body ? strlen(body) : 0, &why);

    if (got != wanted || !strstr(why.text, quoted))
        fprintf(stderr, "\n  %ld %s: outcome %d, %s\n", http, body ? body : "-", got, why.text);
    CU_ASSERT_EQUAL(got, wanted);
    CU_ASSERT_PTR_NOT_NULL(strstr(why.text, quoted));
}

static void expect_status(long http, const char *status, enum store_outcome wanted)
{
    char body[256];

    snprintf(body, sizeof body,
             "{\"error\":{\"code\":%ld,\"message\":\"in its words\",\"status\":\"%s\"}}", http,
             status);
    expect(http, body, wanted, "in its words");
}

static void test_codes(void)
{
    expect_status(409, "ALREADY_EXISTS", STORE_ALREADY);
    expect_status(400, "INVALID_ARGUMENT", STORE_REJECTED);
    expect_status(400, "OUT_OF_RANGE", STORE_REJECTED);
    expect_status(409, "ABORTED", STORE_AGAIN); /* 409 as well: the number alone decides nothing */
    expect_status(400, "FAILED_PRECONDITION", STORE_AGAIN);
    expect_status(401, "UNAUTHENTICATED", STORE_AGAIN);
    expect_status(403, "PERMISSION_DENIED", STORE_AGAIN);
    expect_status(404, "NOT_FOUND", STORE_AGAIN);
    expect_status(429, "RESOURCE_EXHAUSTED", STORE_AGAIN);
    expect_status(499, "CANCELLED", STORE_AGAIN);
    expect_status(500, "INTERNAL", STORE_AGAIN);
    expect_status(500, "UNKNOWN", STORE_AGAIN);
    expect_status(500, "DATA_LOSS", STORE_AGAIN);
    expect_status(501, "UNIMPLEMENTED", STORE_AGAIN);
    expect_status(503, "UNAVAILABLE", STORE_AGAIN);
    expect_status(504, "DEADLINE_EXCEEDED", STORE_AGAIN);
    expect_status(400, "A_CODE_OF_THE_FUTURE", STORE_AGAIN);
}

static void test_answers(void)
{
    expect(200, "{\"commitTime\":\"2026-11-24T00:00:00Z\"}", STORE_APPLIED, "");
    expect(200, "{\"writeResults\":[{}],\"commitTime\":\"2026-11-24T00:00:00Z\"}", STORE_APPLIED,
           "");
    /* What is no whole answer of Firestore's proves nothing. */
    expect(200, "{\"commitTime\":\"2026-11-24T00:00:0", STORE_AGAIN, "cut short");
    expect(200, "{\"writeResults\":[{}]}", STORE_AGAIN, "cut short");
    expect(200, "<html>Sign in to the airport</html>", STORE_AGAIN, "not Firestore's");
    expect(200, "", STORE_AGAIN, "not Firestore's");
    expect(200, NULL, STORE_AGAIN, "not Firestore's");
    expect(400, "<html>bad request</html>", STORE_AGAIN, "400");
    expect(409, "conflict", STORE_AGAIN, "409");
    expect(302, "", STORE_AGAIN, "302");
    expect(413, "<html>too large</html>", STORE_REJECTED, "413");
    expect(400, "[{\"error\":{\"status\":\"INVALID_ARGUMENT\",\"message\":\"in an array\"}}]",
           STORE_REJECTED, "in an array");
    expect(400, "{\"error\":\"INVALID_ARGUMENT\"}", STORE_AGAIN, "400");
    expect(400, "{\"error\":{\"status\":7,\"message\":[]}}", STORE_AGAIN, "400");
    expect(409, "{\"ERROR\":{\"STATUS\":\"ALREADY_EXISTS\"}}", STORE_AGAIN, "409");
}

/* "500/50/5": begin at 500 a second, half more every five minutes. */
static void test_ramp(void)
{
    struct ramp r;

    ramp_init(&r, 500, 1000);
    CU_ASSERT_EQUAL(ramp_wait_ms(&r, 1000), 0);
    ramp_take(&r, 500, 1000);
    CU_ASSERT_EQUAL(ramp_wait_ms(&r, 1000), 0);
    ramp_take(&r, 250, 1000);
    CU_ASSERT_EQUAL(ramp_wait_ms(&r, 1000), 501);
    CU_ASSERT_EQUAL(ramp_wait_ms(&r, 1400), 101);
    CU_ASSERT_EQUAL(ramp_wait_ms(&r, 1501), 0);
    ramp_take(&r, 0, 60000); /* idleness saves up no more than a second's worth */
    ramp_take(&r, 1000, 60000);
    CU_ASSERT_EQUAL(ramp_wait_ms(&r, 60000), 1001);
    ramp_take(&r, 0, 310000);
    ramp_take(&r, 1500, 310000);
    CU_ASSERT_EQUAL(ramp_wait_ms(&r, 310000), 1001); /* 750 a second by now */
    ramp_init(&r, 0, 0);
    ramp_take(&r, 1000000, 0);
    CU_ASSERT_EQUAL(ramp_wait_ms(&r, 0), 0);
}

void suite_firestore_status(void);

void suite_firestore_status(void)
{
    CU_pSuite suite = CU_add_suite("firestore_status", NULL, NULL);

    CU_add_test(suite, "codes", test_codes);
    CU_add_test(suite, "answers cut short, of others, of no shape", test_answers);
    CU_add_test(suite, "ramp", test_ramp);
}
