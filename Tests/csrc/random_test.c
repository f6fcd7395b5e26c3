// Random streams: known answers of Philox 4x32-10, independence of chunks and streams, moments.
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 1 << 18 };

// The vectors of Random123's kat_vectors (Salmon et al. 2011): counter words are {element / 4,
// purpose << 16 | layer, step low, step high}, key words {seed low, seed high}.
static void known_answers_of_random123(void) {
    static const struct {
        uint32_t counter[4], key[2], answer[4];
    } vectors[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (int v = 0; v < 3; v++) {
        spar_random_stream stream = {
            .struct_size = sizeof stream,
            .seed = (uint64_t)vectors[v].key[1] << 32 | vectors[v].key[0],
            .purpose = vectors[v].counter[1] >> 16,
            .layer = vectors[v].counter[1] & 0xffff,
            .step = (uint64_t)vectors[v].counter[3] << 32 | vectors[v].counter[2],
        };
        uint32_t bits[4] = {0};
        CHECK_OK(spar_random_bits(&stream, (uint64_t)vectors[v].counter[0] * 4, 4, bits));
        for (int i = 0; i < 4; i++) CHECK_EQUAL(bits[i], vectors[v].answer[i]);
    }
}

static void uniform_values_are_the_upper_24_bits(void) {
    static const spar_random_stream stream = {
        .struct_size = sizeof stream, .seed = 99, .purpose = 0x1000, .layer = 7, .step = 1ull << 40};
    uint32_t bits[1000];
    float uniform[1000];
    CHECK_OK(spar_random_bits(&stream, 3, 1000, bits));
    CHECK_OK(spar_random_uniform(&stream, 3, 1000, uniform));
    for (int i = 0; i < 1000; i++) CHECK(uniform[i] == (float)(bits[i] >> 8) / 16777216.0f);
}

// Box–Muller over pairs of elements, beginning at even ones.
static void normal_values_come_from_pairs_of_uniform_ones(void) {
    static const spar_random_stream stream = {
        .struct_size = sizeof stream, .seed = 5, .purpose = 0x1001, .layer = 0, .step = 3};
    float uniform[1000], normal[1000];
    CHECK_OK(spar_random_uniform(&stream, 0, 1000, uniform));
    CHECK_OK(spar_random_normal(&stream, 0, 1000, normal));
    for (int i = 0; i < 1000; i += 2) {
        double radius = sqrt(-2 * log(1 - (double)uniform[i])), angle = 8 * atan(1) * uniform[i + 1];
        CHECK_NEAR(normal[i], radius * cos(angle), 1e-5);
        CHECK_NEAR(normal[i + 1], radius * sin(angle), 1e-5);
    }
}

// FNV-1a of the numbers' bits.
static void every_instruction_set_draws_the_same_bits(void) {
    enum { DRAWN = 10007 };
    static const spar_random_stream stream = {
        .struct_size = sizeof stream, .seed = 0x123456789abcdef, .purpose = 0x1000, .layer = 3, .step = 77};
    static const uint64_t first = (1ull << 34) - 5003; // on both sides of a change of keys
    static const uint64_t expected[3] = {0x92659a1572ad56c4, 0xa83512dddc096e7a, 0xc84a837f83f48552};
    static uint32_t drawn[3][DRAWN];
    CHECK_OK(spar_random_bits(&stream, first, DRAWN, drawn[0]));
    CHECK_OK(spar_random_uniform(&stream, first, DRAWN, (float *)drawn[1]));
    CHECK_OK(spar_random_normal(&stream, first, DRAWN, (float *)drawn[2]));
    for (int kind = 0; kind < 3; kind++) {
        uint64_t hash = 0xcbf29ce484222325;
        for (int i = 0; i < DRAWN; i++) hash = (hash ^ drawn[kind][i]) * 0x100000001b3;
        check_that(hash == expected[kind], __FILE__, __LINE__, "kind %d: the hash is %llx", kind,
                   (unsigned long long)hash);
    }
}

static void elements_do_not_depend_on_how_many_are_asked_for(void) {
    static const spar_random_stream stream = {
        .struct_size = sizeof stream, .seed = 12345678901234567ull, .purpose = 0x1002, .layer = 1, .step = 2};
    static float whole[1000], part[1000];
    static uint32_t whole_bits[1000], part_bits[1000];
    CHECK_OK(spar_random_normal(&stream, 0, 1000, whole));
    CHECK_OK(spar_random_bits(&stream, 0, 1000, whole_bits));
    for (size_t first = 0, size = 1; first < 1000; first += size, size = size % 7 + 1) {
        size_t count = size < 1000 - first ? size : 1000 - first;
        CHECK_OK(spar_random_normal(&stream, first, count, part));
        CHECK_OK(spar_random_bits(&stream, first, count, part_bits));
        CHECK(memcmp(part, whole + first, count * sizeof *part) == 0);
        CHECK(memcmp(part_bits, whole_bits + first, count * sizeof *part_bits) == 0);
    }
}

static void streams_that_differ_in_one_word_share_nothing(void) {
    static const spar_random_stream streams[] = {
        {.struct_size = sizeof(spar_random_stream), .seed = 1, .purpose = 0x1000, .layer = 0, .step = 0},
        {.struct_size = sizeof(spar_random_stream), .seed = 2, .purpose = 0x1000, .layer = 0, .step = 0},
        {.struct_size = sizeof(spar_random_stream), .seed = 1 + (1ull << 32), .purpose = 0x1000, .layer = 0, .step = 0},
        {.struct_size = sizeof(spar_random_stream), .seed = 1, .purpose = 0x1001, .layer = 0, .step = 0},
        {.struct_size = sizeof(spar_random_stream), .seed = 1, .purpose = 0x1000, .layer = 1, .step = 0},
        {.struct_size = sizeof(spar_random_stream), .seed = 1, .purpose = 0x1000, .layer = 0, .step = 1},
        {.struct_size = sizeof(spar_random_stream), .seed = 1, .purpose = 0x1000, .layer = 0, .step = 1ull << 32},
    };
    enum { STREAMS = sizeof streams / sizeof streams[0] };
    static uint32_t bits[STREAMS][256];
    for (int s = 0; s < STREAMS; s++) CHECK_OK(spar_random_bits(&streams[s], 0, 256, bits[s]));
    for (int a = 0; a < STREAMS; a++) {
        for (int b = a + 1; b < STREAMS; b++) {
            int equal = 0;
            for (int i = 0; i < 256; i++) equal += bits[a][i] == bits[b][i];
            check_that(equal == 0, __FILE__, __LINE__, "streams %d and %d share %d of 256 words", a, b, equal);
        }
    }
}

static void uniform_and_normal_moments(void) {
    static const spar_random_stream stream = {
        .struct_size = sizeof stream, .seed = 42, .purpose = 0x1003, .layer = 0, .step = 0};
    float *values = check_allocate(COUNT * sizeof *values);
    double mean = 0, square = 0, lowest = 1, highest = 0;
    CHECK_OK(spar_random_uniform(&stream, 0, COUNT, values));
    for (int i = 0; i < COUNT; i++) {
        mean += values[i] / COUNT;
        square += (double)values[i] * values[i] / COUNT;
        lowest = fmin(lowest, values[i]);
        highest = fmax(highest, values[i]);
    }
    double error = 4 / sqrt(COUNT); // four standard errors, in units of the deviation
    CHECK_NEAR(mean, 0.5, error * sqrt(1.0 / 12));
    CHECK_NEAR(square, 1.0 / 3, error * sqrt(4.0 / 45));
    CHECK(lowest >= 0 && lowest < 1e-4 && highest < 1 && highest > 1 - 1e-4);

    double moments[5] = {0};
    CHECK_OK(spar_random_normal(&stream, 0, COUNT, values));
    for (int i = 0; i < COUNT; i++) {
        for (int k = 1; k <= 4; k++) moments[k] += pow(values[i], k) / COUNT;
    }
    CHECK_NEAR(moments[1], 0, error);
    CHECK_NEAR(moments[2], 1, error * sqrt(2));
    CHECK_NEAR(moments[3], 0, error * sqrt(15));
    CHECK_NEAR(moments[4], 3, error * sqrt(96));
    double neighbours = 0;
    for (int i = 0; i + 1 < COUNT; i++) neighbours += (double)values[i] * values[i + 1] / COUNT;
    CHECK_NEAR(neighbours, 0, error);
    free(values);
}

static void bad_arguments_are_refused(void) {
    spar_random_stream stream = {.struct_size = sizeof stream, .seed = 1, .purpose = 0x1000, .layer = 0, .step = 0};
    float value;
    uint32_t bits;
    CHECK_FAILS(spar_random_uniform(NULL, 0, 1, &value), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(spar_random_normal(&stream, 0, 1, NULL), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(spar_random_bits(&stream, 0, 1, NULL), SPAR_ERROR_ARGUMENT, "NULL");
    stream.layer = 70000;
    CHECK_FAILS(spar_random_bits(&stream, 0, 1, &bits), SPAR_ERROR_ARGUMENT, "70000");
}

// Element 2^34 is the first whose block does not fit 32 bits.
static void elements_do_not_repeat_where_the_block_outgrows_its_word(void) {
    static const spar_random_stream stream = {
        .struct_size = sizeof stream, .seed = 42, .purpose = 0x1004, .layer = 0, .step = 7};
    static const uint64_t starts[] = {0, 1ull << 34, 2ull << 34, 1ull << 63, UINT64_MAX - 255};
    enum { STARTS = sizeof starts / sizeof starts[0] };
    static uint32_t bits[STARTS][256];
    for (int s = 0; s < STARTS; s++) CHECK_OK(spar_random_bits(&stream, starts[s], 256, bits[s]));
    for (int a = 0; a < STARTS; a++) {
        for (int b = a + 1; b < STARTS; b++) {
            int equal = 0;
            for (int i = 0; i < 256; i++) equal += bits[a][i] == bits[b][i];
            check_that(equal == 0, __FILE__, __LINE__, "from %llu and from %llu on %d of 256 words are equal",
                       (unsigned long long)starts[a], (unsigned long long)starts[b], equal);
        }
    }
    uint32_t across[8], before[4], after[4];
    CHECK_OK(spar_random_bits(&stream, (1ull << 34) - 4, 8, across));
    CHECK_OK(spar_random_bits(&stream, (1ull << 34) - 4, 4, before));
    CHECK_OK(spar_random_bits(&stream, 1ull << 34, 4, after));
    CHECK(memcmp(across, before, sizeof before) == 0 && memcmp(across + 4, after, sizeof after) == 0);
}

static void a_stream_ends_with_its_last_element(void) {
    static const spar_random_stream stream = {
        .struct_size = sizeof stream, .seed = 3, .purpose = 0x1005, .layer = 0, .step = 0};
    uint32_t bits[5] = {0}, last = 0;
    float uniform[5] = {-1, -1, -1, -1, -1}, normal[5] = {99, 99, 99, 99, 99};
    CHECK_OK(spar_random_bits(&stream, UINT64_MAX - 3, 4, bits));
    CHECK_OK(spar_random_bits(&stream, UINT64_MAX, 1, &last));
    CHECK(bits[3] == last && bits[3] != 0);
    CHECK_OK(spar_random_uniform(&stream, UINT64_MAX - 3, 4, uniform));
    CHECK_OK(spar_random_normal(&stream, UINT64_MAX - 3, 4, normal));
    for (int i = 0; i < 4; i++) CHECK(uniform[i] == (float)(bits[i] >> 8) * 0x1p-24f && fabsf(normal[i]) < 10);
    CHECK_FAILS(spar_random_bits(&stream, UINT64_MAX - 3, 5, bits), SPAR_ERROR_ARGUMENT, "5", "18446744073709551612");
    CHECK_FAILS(spar_random_uniform(&stream, UINT64_MAX, 2, uniform), SPAR_ERROR_ARGUMENT, "18446744073709551615");
    CHECK_FAILS(spar_random_normal(&stream, 1ull << 63, SIZE_MAX, normal), SPAR_ERROR_ARGUMENT, "ends");
    CHECK_OK(spar_random_normal(&stream, UINT64_MAX, 0, normal));
}

TEST_MAIN(TEST(known_answers_of_random123), TEST(uniform_values_are_the_upper_24_bits),
          TEST(normal_values_come_from_pairs_of_uniform_ones), TEST(every_instruction_set_draws_the_same_bits),
          TEST(elements_do_not_depend_on_how_many_are_asked_for), TEST(streams_that_differ_in_one_word_share_nothing),
          TEST(uniform_and_normal_moments), TEST(elements_do_not_repeat_where_the_block_outgrows_its_word),
          TEST(a_stream_ends_with_its_last_element), TEST(bad_arguments_are_refused))
