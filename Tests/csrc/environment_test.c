// Variables of the environment that make no sense are refused with a sentence, where OpenMP would end the program.
#define _POSIX_C_SOURCE 200809L

#include "support/check.h"
#include "support/examples.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static spar_status create(void) {
    spar_graph *graph = NULL;
    CHECK_OK(spar_graph_create(&graph));
    spar_dense_params dense = example_dense_params("fc", 2);
    spar_network *network = NULL;
    spar_status status =
        spar_network_create(graph, spar_dense(graph, spar_input(graph, 3, 1, 1), &dense), NULL, &network);
    CHECK((network != NULL) == (status == SPAR_OK));
    spar_network_destroy(network);
    spar_graph_destroy(graph);
    return status;
}

static spar_status embed(void) {
    static const float points[] = {0, 1, 3, 4, 7, 9, 2, 5};
    spar_tsne_options options = spar_tsne_defaults();
    options.perplexity = 1.5;
    spar_tsne *tsne = NULL;
    spar_status status = spar_tsne_create(points, 4, 2, &options, &tsne);
    spar_tsne_destroy(tsne);
    return status;
}

static spar_status ask(void) {
    spar_system_info info = {.struct_size = sizeof info};
    return spar_system(&info);
}

static spar_status measure(void) {
    spar_machine machine = {.struct_size = sizeof machine};
    return spar_measure_machine(1, &machine);
}

static spar_status (*const calls[])(void) = {create, embed, ask, measure};

enum { CALLS = sizeof calls / sizeof *calls };

// Runs first: OpenMP reads its variables, and looks for the mark of its process, when it is first used.
static void what_a_killed_process_of_the_same_number_left_does_no_harm(void) {
    char path[64];
    snprintf(path, sizeof path, "/dev/shm/__KMP_REGISTERED_LIB_%d_%d", (int)getpid(), (int)getuid());
    FILE *mark = fopen(path, "w");
    CHECK(mark == NULL || fclose(mark) == 0); // null on a system without such files
    setenv("OMP_NUM_THREADS", "2", 1);
    spar_system_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_system(&info));
    CHECK_EQUAL(info.threads, 2);
    struct stat file;
    CHECK(stat(path, &file) != 0 || file.st_size > 0);
}

static void numbers_of_threads_that_are_none_are_refused(void) {
    static const char *const wrong[] = {
        "abc", "", "0", "-1", "3x", "1.5", "+2", "4 2", "4,", ",4", "2,0", "99999999999999999999", "4097"};
    static const char *const right[] = {"2", " 3 ", "2,1", "4096"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        setenv("OMP_NUM_THREADS", wrong[i], 1);
        for (int c = 0; c < CALLS; c++) {
            CHECK_FAILS(calls[c](), SPAR_ERROR_ARGUMENT, "OMP_NUM_THREADS is", wrong[i], "4096");
        }
    }
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        setenv("OMP_NUM_THREADS", right[i], 1);
        for (int c = 0; c < CALLS; c++) CHECK_OK(calls[c]());
    }
    unsetenv("OMP_NUM_THREADS");
}

static void unknown_instruction_sets_are_refused_with_the_list(void) {
    const char *own = getenv("SPARRING_ISA");
    char *kept = own == NULL ? NULL : strdup(own);
    setenv("SPARRING_ISA", "avx3", 1);
    for (int c = 0; c < CALLS; c++) {
        CHECK_FAILS(calls[c](), SPAR_ERROR_ARGUMENT, "SPARRING_ISA is \"avx3\"", "generic", "avx2", "avx512");
    }
    spar_network *network = NULL;
    CHECK_FAILS(spar_network_load("any", NULL, &network), SPAR_ERROR_ARGUMENT, "SPARRING_ISA is \"avx3\"");
    static const char *const known[] = {"", "generic", "avx2", "avx512"};
    for (int i = 0; i < 4; i++) {
        setenv("SPARRING_ISA", known[i], 1);
        for (int c = 0; c < CALLS; c++) CHECK_OK(calls[c]());
    }
    unsetenv("SPARRING_ISA");
    if (kept != NULL) setenv("SPARRING_ISA", kept, 1);
    free(kept);
}

static void *ask_for_the_name(void *info) {
    CHECK_OK(spar_system(info));
    return NULL;
}

static void the_processors_name_outlives_the_thread_that_asked(void) {
    spar_system_info info = {.struct_size = sizeof info}, own = {.struct_size = sizeof own};
    pthread_attr_t attributes;
    pthread_t thread;
    // Large enough that the system takes the thread's memory back when it ends.
    CHECK(pthread_attr_init(&attributes) == 0 && pthread_attr_setstacksize(&attributes, (size_t)64 << 20) == 0);
    CHECK(pthread_create(&thread, &attributes, ask_for_the_name, &info) == 0 && pthread_join(thread, NULL) == 0);
    pthread_attr_destroy(&attributes);
    CHECK_OK(spar_system(&own));
    CHECK(strcmp(info.cpu_name, own.cpu_name) == 0);
}

TEST_MAIN(TEST(what_a_killed_process_of_the_same_number_left_does_no_harm),
          TEST(numbers_of_threads_that_are_none_are_refused), TEST(unknown_instruction_sets_are_refused_with_the_list),
          TEST(the_processors_name_outlives_the_thread_that_asked))
