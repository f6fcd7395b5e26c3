// Different objects in several threads at a time: each computes what it computes alone, and an error's sentence is its
// own thread's.
#include "support/check.h"
#include "support/examples.h"
#include "support/temporary.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 4, STEPS = 3, SIZE = 12, IMAGES = 30 };

typedef struct worker {
    int number;
    char path[TEMPORARY_PATH];
    spar_status failed; // the first status that is not SPAR_OK
    uint64_t digest;
} worker;

static bool works(worker *w, spar_status status) {
    if (status != SPAR_OK && w->failed == SPAR_OK) w->failed = status;
    return status == SPAR_OK;
}

static void add(worker *w, const void *data, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) w->digest = (w->digest ^ ((const unsigned char *)data)[i]) * 0x100000001b3u;
}

// Trains by a method, attacks, saves and loads.
static void train(worker *w) {
    static const example_network examples[WORKERS] = {example_convolutional, example_residual, example_dense,
                                                      example_depthwise};
    static const char *const methods[WORKERS] = {"anl", "layerwise", "backprop", "gaussian"};
    oracle *o = examples[w->number](EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 2, 5), *loaded = NULL;
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, 7);
    size_t bytes = (size_t)batch.count * (size_t)o->layers[0].size * sizeof(float);
    float *attacked = check_allocate(bytes);
    spar_method method = {.struct_size = sizeof method};
    spar_sgd sgd = spar_sgd_defaults();
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_PGD);
    attack.iterations = 3;
    works(w, spar_method_preset(methods[w->number], 0.1f, &method));
    works(w, spar_network_set_method(network, &method));
    for (int i = 0; i < STEPS; i++) {
        works(w, spar_train_step(network, &sgd, batch.images, batch.labels, batch.count, NULL));
    }
    works(w, spar_attack_images(network, &attack, batch.images, batch.labels, batch.count, attacked));
    add(w, attacked, bytes);
    works(w, spar_network_save(network, w->path, true, NULL, 0));
    if (works(w, spar_network_load(w->path, NULL, &loaded))) {
        works(w, spar_attack_images(loaded, &attack, batch.images, batch.labels, batch.count, attacked));
        add(w, attacked, bytes);
    }
    spar_network_destroy(loaded);
    spar_network_destroy(network);
    free(attacked);
    example_batch_destroy(&batch);
    oracle_destroy(o);
}

// Whitening and t-SNE, which use LAPACK, and resizing.
static void analyze(worker *w) {
    float images[IMAGES * SIZE], mean[SIZE], matrix[SIZE * SIZE], embedding[2 * IMAGES];
    uint64_t state = (uint64_t)w->number;
    for (int i = 0; i < IMAGES * SIZE; i++) images[i] = (float)example_uniform(&state);
    spar_zca *zca = NULL;
    works(w, spar_zca_create(SIZE, &zca));
    works(w, spar_zca_add(zca, images, IMAGES));
    if (works(w, spar_zca_finish(zca, 0.1f, mean, matrix))) add(w, matrix, sizeof matrix);
    spar_zca_destroy(zca);

    spar_tsne_options options = spar_tsne_defaults();
    options.perplexity = 5;
    options.threads = 2;
    spar_tsne *tsne = NULL;
    if (works(w, spar_tsne_create(images, IMAGES, SIZE, &options, &tsne))) {
        works(w, spar_tsne_iterate(tsne, 20, NULL));
        works(w, spar_tsne_embedding(tsne, embedding));
        add(w, embedding, sizeof embedding);
    }
    spar_tsne_destroy(tsne);

    unsigned char source[20 * 30 * 3], target[7 * 9 * 3];
    for (size_t i = 0; i < sizeof source; i++) source[i] = (unsigned char)(example_uniform(&state) * 256);
    works(w, spar_resize_image(source, 30 * 3, 3, 20, 30, 7, 9, target));
    add(w, target, sizeof target);
}

static void *work(void *context) {
    worker *w = context;
    train(w);
    analyze(w);
    return NULL;
}

static worker create_worker(int number) {
    char name[32];
    worker w = {.number = number};
    snprintf(name, sizeof name, "%d.safetensors", number);
    temporary_path(w.path, name);
    return w;
}

// All workers, each in a thread of its own.
static void run_together(worker workers[WORKERS], void *(*run)(void *)) {
    pthread_t threads[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        if (pthread_create(&threads[i], NULL, run, &workers[i]) != 0) exit(99);
    }
    for (int i = 0; i < WORKERS; i++) {
        if (pthread_join(threads[i], NULL) != 0) exit(99);
        CHECK_EQUAL(workers[i].failed, SPAR_OK);
    }
}

static void objects_in_several_threads_compute_what_they_compute_alone(void) {
    worker workers[WORKERS];
    for (int i = 0; i < WORKERS; i++) workers[i] = create_worker(i);
    run_together(workers, work);
    for (int i = 0; i < WORKERS; i++) {
        worker alone = create_worker(i);
        work(&alone);
        check_that(workers[i].digest == alone.digest, __FILE__, __LINE__, "thread %d computed something else", i);
    }
}

static void *fail_often(void *context) {
    worker *w = context;
    char name[32];
    snprintf(name, sizeof name, "method %d", w->number);
    for (int i = 0; i < 200; i++) {
        spar_method method = {.struct_size = sizeof method};
        const char *const *names = spar_method_names();
        bool told = spar_method_preset(name, 1, &method) != SPAR_OK && strstr(spar_last_error(), name) != NULL;
        if (!told || strcmp(names[0], "backprop") != 0) w->failed = SPAR_ERROR_STATE;
    }
    return NULL;
}

static void the_sentence_of_an_error_is_its_threads_own(void) {
    worker workers[WORKERS];
    for (int i = 0; i < WORKERS; i++) workers[i] = create_worker(i);
    run_together(workers, fail_often);
}

TEST_MAIN(TEST(objects_in_several_threads_compute_what_they_compute_alone),
          TEST(the_sentence_of_an_error_is_its_threads_own))
