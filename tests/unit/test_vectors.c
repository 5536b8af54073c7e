/* A model's static vectors, from files made here. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/harness/harness.h"
#include "workers/ner/vectors.h"

void suite_vectors(void);

#define KEYS 1000
#define ROWS 7

static const char *place;

static void put(const char *name, const void *bytes, size_t length)
{
    char path[512];

    snprintf(path, sizeof path, "%s/%s", place, name);
    FILE *file = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL_FATAL(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

/* Row r is r, r + 0.5. `header_length` need not be what aligns the data. */
static void put_table(const char *shape, size_t header_length)
{
    char bytes[512];
    float data[ROWS][2];

    memset(bytes, ' ', sizeof bytes);
    memcpy(bytes, "\x93NUMPY\x01\x00", 8);
    bytes[8] = (char)header_length;
    bytes[9] = 0;
    int length =
        snprintf(bytes + 10, 200, "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }", shape);
    bytes[10 + length] = ' ';
    bytes[10 + header_length - 1] = '\n';
    for (int r = 0; r < ROWS; r++) {
        data[r][0] = (float)r;
        data[r][1] = (float)r + 0.5f;
    }
    memcpy(bytes + 10 + header_length, data, sizeof data);
    put("vocab/vectors", bytes, 10 + header_length + sizeof data);
}

static uint64_t key(uint64_t i)
{
    return i < 5 ? i : i * 0x9e3779b97f4a7c15u;
}

static void put_keys(unsigned row_shift)
{
    unsigned char bytes[3 + KEYS * 10], *at = bytes;

    *at++ = 0xde; /* a map of KEYS */
    *at++ = KEYS >> 8;
    *at++ = KEYS & 0xff;
    for (uint64_t i = 0; i < KEYS; i++) {
        *at++ = 0xcf; /* 64 bits */
        for (int shift = 56; shift >= 0; shift -= 8)
            *at++ = (unsigned char)(key(i) >> shift);
        *at++ = (unsigned char)(i % ROWS + row_shift);
    }
    put("vocab/key2row", bytes, (size_t)(at - bytes));
}

static void make_place(void)
{
    char path[512];

    place = harness_dir();
    snprintf(path, sizeof path, "%s/vocab", place);
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
}

static void find_all(void)
{
    struct vectors *v;
    struct err e;

    CU_ASSERT_EQUAL_FATAL(vectors_load(place, 2, &v, &e), 0);
    CU_ASSERT_EQUAL(vectors_rows(v), ROWS);
    for (uint64_t i = 0; i < KEYS; i++) {
        const float *vector = vectors_find(v, key(i));
        CU_ASSERT_PTR_NOT_NULL_FATAL(vector);
        CU_ASSERT_EQUAL(vector[0], (float)(i % ROWS));
        CU_ASSERT_EQUAL(vector[1], (float)(i % ROWS) + 0.5f);
        CU_ASSERT_PTR_NULL(vectors_find(v, key(i) + 1000));
    }
    CU_ASSERT_PTR_NULL(vectors_find(v, 7));
    vectors_free(v);
}

static void all_keys_are_found(void)
{
    make_place();
    put_keys(0);
    put_table("(7, 2)", 118);
    find_all();
    put_table("(7, 2)", 117); /* floats at an odd address in the file */
    find_all();
}

static void check_refused(size_t width, const char *message)
{
    struct vectors *v = NULL;
    struct err e;

    CU_ASSERT_EQUAL(vectors_load(place, width, &v, &e), ERR_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, message));
}

static void broken_files(void)
{
    make_place();
    put_table("(7, 2)", 118);
    check_refused(2, "vocab/key2row");
    put_keys(1); /* row 7 of 0 to 6 */
    check_refused(2, "vocab/key2row: entry 6");
    put_keys(0);
    check_refused(3, "2 wide where the network wants 3");
    put_table("(8, 2)", 118);
    check_refused(2, "differ in length");
    put_table("(7,)", 118);
    check_refused(2, "not a .npy file");
    put("vocab/vectors", "\x93NUMPY", 6);
    check_refused(2, "not a .npy file");
}

void suite_vectors(void)
{
    CU_pSuite suite = CU_add_suite("vectors", NULL, NULL);

    CU_add_test(suite, "every key finds its row", all_keys_are_found);
    CU_add_test(suite, "broken files", broken_files);
}
