// t-SNE against its definition in double precision, and what it must keep of the points.
#include "support/check.h"
#include "support/examples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CLUSTERS = 3, COUNT = 117, DIMENSIONS = 19 };

// Clusters of unit deviation (uniform), their centers some ten deviations apart.
static void draw_clusters(float *points) {
    uint64_t state = 5;
    double centers[CLUSTERS][DIMENSIONS];
    for (int k = 0; k < CLUSTERS * DIMENSIONS; k++)
        centers[k / DIMENSIONS][k % DIMENSIONS] = 6 * example_uniform(&state);
    for (int i = 0; i < COUNT; i++) {
        for (int d = 0; d < DIMENSIONS; d++) {
            points[i * DIMENSIONS + d] = (float)(centers[i % CLUSTERS][d] + 3.46 * (example_uniform(&state) - 0.5));
        }
    }
}

static double squared_distance(const float *a, const float *b, int count) {
    double sum = 0;
    for (int k = 0; k < count; k++) sum += ((double)a[k] - b[k]) * ((double)a[k] - b[k]);
    return sum;
}

// p_j|i at the precision whose Shannon entropy is log(perplexity).
static void oracle_conditional(const float *points, int i, double perplexity, double *p) {
    double low = 0, high = 1e6;
    for (int step = 0; step < 200; step++) {
        double precision = (low + high) / 2, sum = 0, entropy = 0;
        for (int j = 0; j < COUNT; j++) {
            const float *a = points + i * DIMENSIONS, *b = points + j * DIMENSIONS;
            p[j] = j == i ? 0 : exp(-precision * squared_distance(a, b, DIMENSIONS));
            sum += p[j];
        }
        for (int j = 0; j < COUNT && sum > 0; j++) {
            p[j] /= sum;
            if (p[j] > 0) entropy -= p[j] * log(p[j]);
        }
        *(sum > 0 && entropy > log(perplexity) ? &low : &high) = precision;
    }
}

static double *oracle_probabilities(const float *points, double perplexity) {
    double *p = check_allocate(COUNT * COUNT * sizeof *p), *joint = check_allocate(COUNT * COUNT * sizeof *joint);
    for (int i = 0; i < COUNT; i++) oracle_conditional(points, i, perplexity, p + i * COUNT);
    for (int i = 0; i < COUNT; i++) {
        for (int j = 0; j < COUNT; j++) joint[i * COUNT + j] = (p[i * COUNT + j] + p[j * COUNT + i]) / (2 * COUNT);
    }
    free(p);
    return joint;
}

static double oracle_divergence(const double *p, const double *embedding) {
    double total = 0, divergence = 0;
    double *w = check_allocate(COUNT * COUNT * sizeof *w);
    for (int i = 0; i < COUNT * COUNT; i++) {
        const double *a = embedding + i / COUNT * 2, *b = embedding + i % COUNT * 2;
        w[i] = 1 / (1 + (a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]));
        if (i / COUNT != i % COUNT) total += w[i];
    }
    for (int i = 0; i < COUNT * COUNT; i++) {
        if (p[i] > 0) divergence += p[i] * log(p[i] / (w[i] / total));
    }
    free(w);
    return divergence;
}

static spar_tsne *create(const spar_tsne_options *options) {
    float points[COUNT * DIMENSIONS];
    spar_tsne *tsne = NULL;
    draw_clusters(points);
    CHECK_OK(spar_tsne_create(points, COUNT, DIMENSIONS, options, &tsne));
    return tsne;
}

static void read(const spar_tsne *tsne, double *embedding) {
    float floats[2 * COUNT];
    CHECK_OK(spar_tsne_embedding(tsne, floats));
    for (int i = 0; i < 2 * COUNT; i++) embedding[i] = floats[i];
}

static void the_divergence_is_that_of_neighborhoods_of_the_perplexity(void) {
    float points[COUNT * DIMENSIONS];
    double embedding[2 * COUNT], divergence;
    draw_clusters(points);
    for (double perplexity = 3; perplexity < 60; perplexity *= 2.5) {
        spar_tsne_options options = spar_tsne_defaults();
        options.perplexity = perplexity;
        spar_tsne *tsne = create(&options);
        double *p = oracle_probabilities(points, perplexity);
        for (int round = 0; round < 3; round++) {
            CHECK_OK(spar_tsne_iterate(tsne, round * 150, &divergence));
            read(tsne, embedding);
            CHECK_NEAR(divergence, oracle_divergence(p, embedding), 2e-5);
        }
        free(p);
        spar_tsne_destroy(tsne);
    }
}

// The first move is −rate·0.8·gradient.
static void the_first_move_is_along_the_gradient_of_the_divergence(void) {
    float points[COUNT * DIMENSIONS];
    double before[2 * COUNT], after[2 * COUNT], expected[2 * COUNT], mean[2] = {0, 0};
    spar_tsne_options options = spar_tsne_defaults();
    options.exaggeration = 1;
    options.learning_rate = 1e5;
    options.start = SPAR_TSNE_START_RANDOM;
    draw_clusters(points);
    spar_tsne *tsne = create(&options);
    double *p = oracle_probabilities(points, options.perplexity);
    read(tsne, before);
    CHECK_OK(spar_tsne_iterate(tsne, 1, NULL));
    read(tsne, after);
    for (int i = 0; i < 2 * COUNT; i++) {
        const double step = 1e-3;
        double kept = before[i];
        before[i] = kept + step;
        double above = oracle_divergence(p, before);
        before[i] = kept - step;
        double below = oracle_divergence(p, before);
        before[i] = kept;
        expected[i] = kept - 0.8 * options.learning_rate * (above - below) / (2 * step);
        mean[i % 2] += expected[i] / COUNT;
    }
    for (int i = 0; i < 2 * COUNT; i++) expected[i] -= mean[i % 2];
    CHECK_CLOSE("embedding after one iteration", after, expected, 2 * COUNT, 1e-3, 0);
    free(p);
    spar_tsne_destroy(tsne);
}

static void clusters_stay_together_and_the_divergence_falls(void) {
    for (int start = SPAR_TSNE_START_PRINCIPAL; start <= SPAR_TSNE_START_RANDOM; start++) {
        spar_tsne_options options = spar_tsne_defaults();
        options.perplexity = 10;
        options.start = (spar_tsne_start)start;
        spar_tsne *tsne = create(&options);
        double first, middle, last, embedding[2 * COUNT];
        CHECK_OK(spar_tsne_iterate(tsne, 0, &first));
        CHECK_OK(spar_tsne_iterate(tsne, 300, &middle));
        CHECK_OK(spar_tsne_iterate(tsne, 700, &last));
        check_that(last < middle && middle < first, __FILE__, __LINE__, "divergences %g, %g, %g", first, middle, last);
        read(tsne, embedding);
        double sums[2] = {0, 0};
        for (int i = 0; i < COUNT; i++) {
            int nearest = -1;
            double least = INFINITY;
            for (int j = 0; j < COUNT; j++) {
                double distance =
                    hypot(embedding[2 * i] - embedding[2 * j], embedding[2 * i + 1] - embedding[2 * j + 1]);
                if (j == i || distance >= least) continue;
                least = distance;
                nearest = j;
            }
            check_that(nearest % CLUSTERS == i % CLUSTERS, __FILE__, __LINE__, "point %d lies beside %d", i, nearest);
            sums[0] += embedding[2 * i], sums[1] += embedding[2 * i + 1];
        }
        CHECK_NEAR(sums[0], 0, 1e-3);
        CHECK_NEAR(sums[1], 0, 1e-3);
        spar_tsne_destroy(tsne);
    }
}

// The spread of the start along both axes is that of the points along their principal directions.
static void the_principal_start_has_the_variances_of_the_points(void) {
    for (int tall = 0; tall < 2; tall++) {
        int count = tall ? 24 : 8, dimensions = tall ? 8 : 24;
        float points[24 * 8] = {0}, embedding[2 * 24];
        for (int i = 0; i < count; i++) { // deviations 4 and 1 along two axes, uncorrelated
            points[i * dimensions + 2] = 9 + (i % 2 ? 4.0f : -4.0f);
            points[i * dimensions + 4] = 5 + (i / 2 % 2 ? 1.0f : -1.0f);
        }
        spar_tsne_options options = spar_tsne_defaults();
        options.perplexity = 2;
        spar_tsne *tsne = NULL;
        CHECK_OK(spar_tsne_create(points, count, dimensions, &options, &tsne));
        CHECK_OK(spar_tsne_embedding(tsne, embedding));
        for (int i = 0; i < count; i++) {
            CHECK_NEAR(embedding[2 * i], copysign(1e-4, i % 2 ? -embedding[0] : embedding[0]), 1e-9);
            CHECK_NEAR(embedding[2 * i + 1], copysign(0.25e-4, i / 2 % 2 ? -embedding[1] : embedding[1]), 1e-9);
        }
        spar_tsne_destroy(tsne);
    }
}

static void any_number_of_threads_and_any_portions_give_the_same_bits(void) {
    float embeddings[4][2 * COUNT];
    for (int run = 0; run < 4; run++) {
        spar_tsne_options options = spar_tsne_defaults();
        options.threads = run % 3 + 1;
        spar_tsne *tsne = create(&options);
        for (int done = 0; done < 300; done += run == 3 ? 75 : 300) {
            double divergence;
            CHECK_OK(spar_tsne_iterate(tsne, run == 3 ? 75 : 300, run == 3 ? &divergence : NULL));
        }
        CHECK_OK(spar_tsne_embedding(tsne, embeddings[run]));
        check_that(memcmp(embeddings[run], embeddings[0], sizeof embeddings[0]) == 0, __FILE__, __LINE__, "run %d",
                   run);
        spar_tsne_destroy(tsne);
    }
}

static void the_seed_draws_the_random_start(void) {
    float embeddings[3][2 * COUNT];
    for (int run = 0; run < 3; run++) {
        spar_tsne_options options = spar_tsne_defaults();
        options.start = SPAR_TSNE_START_RANDOM;
        options.seed = run == 2 ? 9 : 8;
        spar_tsne *tsne = create(&options);
        CHECK_OK(spar_tsne_embedding(tsne, embeddings[run]));
        spar_tsne_destroy(tsne);
    }
    CHECK(memcmp(embeddings[0], embeddings[1], sizeof embeddings[0]) == 0);
    CHECK(memcmp(embeddings[0], embeddings[2], sizeof embeddings[0]) != 0);
}

static void check_finite(const float *points, int count, int dimensions) {
    float embedding[2 * COUNT];
    spar_tsne_options options = spar_tsne_defaults();
    options.perplexity = 5;
    spar_tsne *tsne = NULL;
    double divergence = NAN;
    CHECK_OK(spar_tsne_create(points, count, dimensions, &options, &tsne));
    CHECK_OK(spar_tsne_iterate(tsne, 300, &divergence));
    CHECK_OK(spar_tsne_embedding(tsne, embedding));
    CHECK(isfinite(divergence));
    for (int i = 0; i < 2 * count; i++) CHECK(isfinite(embedding[i]));
    spar_tsne_destroy(tsne);
}

static void points_without_structure_are_embedded_too(void) {
    float points[COUNT * 2] = {0};
    check_finite(points, COUNT, 2); // all equal
    for (int i = 0; i < COUNT; i++) points[i] = (float)(i % 3);
    check_finite(points, COUNT, 1); // many equal, on a line
    for (int i = 0; i < COUNT * 2; i++) points[i] = (float)(1e14 * sin(i));
    check_finite(points, COUNT, 2); // far apart
    for (int i = 0; i < COUNT * 2; i++) points[i] = (float)(1 + 1e-6 * sin(i));
    check_finite(points, COUNT, 2); // close together
}

static void what_cannot_be_done_is_refused(void) {
    float points[COUNT * DIMENSIONS], embedding[2 * COUNT];
    spar_tsne *tsne = NULL;
    draw_clusters(points);
    CHECK_FAILS(spar_tsne_create(NULL, COUNT, DIMENSIONS, NULL, &tsne), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(spar_tsne_create(points, COUNT, DIMENSIONS, NULL, NULL), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(spar_tsne_create(points, 0, DIMENSIONS, NULL, &tsne), SPAR_ERROR_ARGUMENT, "0 points");
    CHECK_FAILS(spar_tsne_create(points, COUNT, 0, NULL, &tsne), SPAR_ERROR_ARGUMENT, "0 dimensions");
    CHECK_FAILS(spar_tsne_create(points, 31, DIMENSIONS, NULL, &tsne), SPAR_ERROR_ARGUMENT, "perplexity", "30", "31");
    const spar_tsne_options defaults = spar_tsne_defaults();
    spar_tsne_options wrong[8] = {defaults, defaults, defaults, defaults, defaults, defaults, defaults, defaults};
    wrong[0].perplexity = NAN;
    wrong[1].perplexity = 1;
    wrong[2].learning_rate = -1;
    wrong[3].learning_rate = INFINITY;
    wrong[4].exaggeration = 0.5;
    wrong[5].exaggerated_iterations = -1;
    wrong[6].start = (spar_tsne_start)2;
    wrong[7].threads = -1;
    for (int i = 0; i < 8; i++) {
        CHECK_FAILS(spar_tsne_create(points, COUNT, DIMENSIONS, &wrong[i], &tsne), SPAR_ERROR_ARGUMENT, "tsne: ");
    }
    points[2 * DIMENSIONS + 3] = NAN;
    CHECK_FAILS(spar_tsne_create(points, COUNT, DIMENSIONS, NULL, &tsne), SPAR_ERROR_NON_FINITE, "value 3 of point 2");
    CHECK(tsne == NULL);
    CHECK_FAILS(spar_tsne_iterate(NULL, 1, NULL), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(spar_tsne_embedding(NULL, embedding), SPAR_ERROR_ARGUMENT, "NULL");
    tsne = create(NULL);
    CHECK_FAILS(spar_tsne_iterate(tsne, -1, NULL), SPAR_ERROR_ARGUMENT, "-1");
    CHECK_FAILS(spar_tsne_embedding(tsne, NULL), SPAR_ERROR_ARGUMENT, "NULL");
    spar_tsne_destroy(tsne);
    spar_tsne_destroy(NULL);
}

static bool count_down(void *context, double done) {
    CHECK(done >= 0 && done < 1);
    return (*(int *)context)-- > 0;
}

static void a_caller_can_stop_it_and_go_on(void) {
    float points[COUNT * DIMENSIONS], whole[2 * COUNT], resumed[2 * COUNT];
    int left = 0;
    spar_tsne_options options = spar_tsne_defaults();
    options.proceed = count_down;
    options.context = &left;
    spar_tsne *tsne = NULL;
    draw_clusters(points);
    CHECK_FAILS(spar_tsne_create(points, COUNT, DIMENSIONS, &options, &tsne), SPAR_ERROR_CANCELLED, "tsne");
    CHECK(tsne == NULL);
    left = INT32_MAX;
    tsne = create(&options);
    left = 30;
    CHECK_FAILS(spar_tsne_iterate(tsne, 100, NULL), SPAR_ERROR_CANCELLED, "30 %");
    left = INT32_MAX;
    CHECK_OK(spar_tsne_iterate(tsne, 70, NULL));
    CHECK_OK(spar_tsne_embedding(tsne, resumed));
    spar_tsne_destroy(tsne);
    tsne = create(NULL);
    CHECK_OK(spar_tsne_iterate(tsne, 100, NULL));
    CHECK_OK(spar_tsne_embedding(tsne, whole));
    CHECK(memcmp(whole, resumed, sizeof whole) == 0);
    spar_tsne_destroy(tsne);
}

static void an_embedding_that_leaves_the_plane_is_refused(void) {
    static const double rates[] = {1e300, 1e45, 1e150};
    for (int i = 0; i < 3; i++) {
        spar_tsne_options options = spar_tsne_defaults();
        options.perplexity = 5;
        options.learning_rate = rates[i];
        double divergence = 7;
        spar_tsne *tsne = create(&options);
        CHECK_FAILS(spar_tsne_iterate(tsne, 50, &divergence), SPAR_ERROR_NON_FINITE, "learning rate", "iterations");
        CHECK(divergence == 7);
        spar_tsne_destroy(tsne);
    }
}

TEST_MAIN(TEST(an_embedding_that_leaves_the_plane_is_refused),
          TEST(the_divergence_is_that_of_neighborhoods_of_the_perplexity),
          TEST(the_first_move_is_along_the_gradient_of_the_divergence),
          TEST(clusters_stay_together_and_the_divergence_falls),
          TEST(the_principal_start_has_the_variances_of_the_points),
          TEST(any_number_of_threads_and_any_portions_give_the_same_bits), TEST(the_seed_draws_the_random_start),
          TEST(points_without_structure_are_embedded_too), TEST(what_cannot_be_done_is_refused),
          TEST(a_caller_can_stop_it_and_go_on))
