// Networks on several threads of a program at once, and in a forked child, compute the bits they compute alone.
#define _POSIX_C_SOURCE 200809L

#include "support/check.h"
#include "support/model_files.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEPS = 3, POINTS = 40, DIMENSIONS = 6, MOST_RESULTS = 1 << 16, THREADS = 2 };

// What one thread of the program does; nothing is checked before all have ended.
typedef struct work {
    example_network example;
    const char *method;
    float *results;
    size_t count;
    spar_status status; // of the first call that failed
} work;

static bool goes_on(work *w, spar_status status) {
    if (w->status == SPAR_OK) w->status = status;
    return w->status == SPAR_OK;
}

static spar_network *make(const work *w, int threads) {
    oracle *o = w->example(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, threads, 3);
    oracle_destroy(o);
    return network;
}

static void train_and_attack(work *w, spar_network *network) {
    spar_network_info info = {.struct_size = sizeof info};
    if (!goes_on(w, spar_network_get_info(network, &info))) return;
    size_t pixels = (size_t)(info.input_shape[0] * info.input_shape[1] * info.input_shape[2]);
    float *images = malloc(EXAMPLE_BATCH * pixels * sizeof *images);
    int32_t labels[EXAMPLE_BATCH];
    uint64_t state = 11;
    for (size_t i = 0; i < EXAMPLE_BATCH * pixels; i++) images[i] = (float)example_uniform(&state);
    for (int n = 0; n < EXAMPLE_BATCH; n++) labels[n] = n % info.classes;
    spar_method method = {.struct_size = sizeof method};
    spar_sgd sgd = spar_sgd_defaults();
    sgd.learning_rate = 0.01f;
    goes_on(w, spar_method_preset(w->method, 0.05f, &method));
    goes_on(w, spar_network_set_method(network, &method));
    for (int step = 0; step < STEPS; step++) {
        spar_loss_result loss = {.struct_size = sizeof loss};
        goes_on(w, spar_train_step(network, &sgd, images, labels, EXAMPLE_BATCH, &loss));
        w->results[w->count++] = (float)loss.loss;
    }
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_PGD);
    attack.iterations = 2;
    goes_on(w, spar_attack_images(network, &attack, images, labels, EXAMPLE_BATCH, w->results + w->count));
    w->count += EXAMPLE_BATCH * pixels;
    double values[MOST_RESULTS / 1024] = {0};
    goes_on(w, spar_jacobian_singular_values(network, images, 2, NULL, NULL, values));
    for (int i = 0; i < info.classes; i++) w->results[w->count++] = (float)values[i];
    free(images);
}

static void embed(work *w) {
    float points[POINTS * DIMENSIONS];
    uint64_t state = 13;
    for (int i = 0; i < POINTS * DIMENSIONS; i++) points[i] = (float)example_uniform(&state);
    spar_tsne_options options = spar_tsne_defaults();
    options.perplexity = 5;
    options.threads = THREADS;
    spar_tsne *tsne = NULL;
    if (!goes_on(w, spar_tsne_create(points, POINTS, DIMENSIONS, &options, &tsne))) return;
    goes_on(w, spar_tsne_iterate(tsne, 5, NULL));
    goes_on(w, spar_tsne_embedding(tsne, w->results + w->count));
    w->count += 2 * (size_t)POINTS;
    spar_tsne_destroy(tsne);
}

static void *run(void *context) {
    work *w = context;
    spar_network *network = make(w, THREADS);
    train_and_attack(w, network);
    spar_network_destroy(network);
    embed(w);
    return NULL;
}

static const work works[] = {
    {.example = example_convolutional, .method = "anl"},       {.example = example_residual, .method = "layerwise"},
    {.example = example_depthwise, .method = "gaussian"},      {.example = example_dense, .method = "fgs-inter"},
    {.example = example_dropout, .method = "layerwise-joint"}, {.example = example_convolutional, .method = "random"}};

enum { WORKS = sizeof works / sizeof *works };

static work copy_of(int i) {
    work w = works[i];
    w.results = check_allocate(MOST_RESULTS * sizeof *w.results);
    return w;
}

static void check_same(const char *where, const work *alone, const work *together) {
    check_that(alone->status == SPAR_OK && together->status == SPAR_OK && alone->count == together->count &&
                   memcmp(alone->results, together->results, alone->count * sizeof *alone->results) == 0,
               __FILE__, __LINE__, "%s by %s: statuses %d and %d, or other bits", where, alone->method,
               (int)alone->status, (int)together->status);
}

static void networks_on_several_threads_compute_what_they_compute_alone(void) {
    work alone[WORKS], together[WORKS];
    pthread_t threads[WORKS];
    for (int i = 0; i < WORKS; i++) {
        alone[i] = copy_of(i);
        together[i] = copy_of(i);
        run(&alone[i]);
    }
    for (int i = 0; i < WORKS; i++) CHECK(pthread_create(&threads[i], NULL, run, &together[i]) == 0);
    for (int i = 0; i < WORKS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    for (int i = 0; i < WORKS; i++) {
        check_same("together", &alone[i], &together[i]);
        free(alone[i].results);
        free(together[i].results);
    }
}

// A child that hangs is ended, and did not succeed.
static bool child_computes(const work *expected, spar_network *inherited) {
    work w = copy_of(0);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(60);
        if (inherited == NULL) {
            run(&w);
        } else {
            train_and_attack(&w, inherited);
        }
        bool same = w.status == SPAR_OK && w.count == expected->count &&
                    memcmp(w.results, expected->results, w.count * sizeof *w.results) == 0;
        _exit(same ? 0 : 1);
    }
    int status = -1;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    free(w.results);
    return status == 0;
}

// A child of a build by gcc hangs in its first loop on more than one thread; it goes on with one.
static void a_forked_child_computes_what_its_parent_computes(void) {
#ifdef __clang__
    const int threads = THREADS;
#else
    const int threads = 1;
#endif
    work whole = copy_of(0), expected = copy_of(0);
    run(&whole); // from here on the parent has worker threads
    spar_network *network = make(&expected, threads), *inherited = make(&expected, threads);
    train_and_attack(&expected, network);
    CHECK(child_computes(&expected, inherited));
    if (threads > 1) CHECK(child_computes(&whole, NULL));
    spar_network_destroy(network);
    spar_network_destroy(inherited);
    free(whole.results);
    free(expected.results);
}

TEST_MAIN(TEST(networks_on_several_threads_compute_what_they_compute_alone),
          TEST(a_forked_child_computes_what_its_parent_computes))
