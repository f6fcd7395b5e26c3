// What passes declare: that it is what they do, and that the plan made from it puts nothing where something else is
// still read.
#include "graph/chain.h"
#include "graph/plan.h"
#include "support/compare.h"
#include "support/random_graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 5, GRAPHS = 300, MOST_USED = 256 };

static const example_network examples[] = {example_dense, example_convolutional, example_residual, example_depthwise,
                                           example_plain, example_large,         example_dropout,  example_whitened};
enum { EXAMPLES = sizeof examples / sizeof *examples };

// Steps whose passes differ.
static const struct {
    uint32_t forward, backward;
} steps[] = {
    {SPAR_FORWARD_TRAIN, SPAR_BACKWARD_WEIGHTS},
    {SPAR_FORWARD_TRAIN, SPAR_BACKWARD_WEIGHTS | SPAR_BACKWARD_INPUT},
    {SPAR_FORWARD_TRAIN | SPAR_FORWARD_MEASURE, SPAR_BACKWARD_INPUT},
    {0, SPAR_BACKWARD_INPUT},
    {SPAR_FORWARD_MEASURE, SPAR_BACKWARD_WEIGHTS | SPAR_BACKWARD_INPUT},
};
enum { STEPS = sizeof steps / sizeof *steps };

static void run_step(spar_network *network, const example_batch *batch, int step) {
    CHECK_OK(spar_forward(network, batch->images, batch->count, steps[step].forward));
    CHECK_OK(spar_backward(network, batch->labels, 1, steps[step].backward, NULL));
}

// A value or a gradient, where the plan has it.
typedef struct region {
    const float *start;
    int64_t floats;
    bool valid; // holds what was written last, as far as passes have been followed
} region;

typedef struct follower {
    const spar_network *network;
    region *regions; // 2 · value, + 1 for gradients
    int count;
    const char *wrong; // what was found first
} follower;

static int region_of(const spar_network *network, const spar_tensor *tensor, bool gradient) {
    return 2 * network->root[tensor - network->tensors] + gradient;
}

static int list_used(const spar_network *network, const spar_work *work, unsigned uses, int *list) {
    const spar_operation *operation = work->operation;
    int count = 0;
    if (uses & SPAR_INPUT_VALUE) list[count++] = region_of(network, operation->inputs[0], false);
    if (uses & SPAR_SECOND_VALUE) list[count++] = region_of(network, operation->inputs[1], false);
    if (uses & SPAR_OUTPUT_VALUE) list[count++] = region_of(network, operation->output, false);
    if (uses & SPAR_INPUT_GRADIENT) list[count++] = region_of(network, operation->inputs[0], true);
    if (uses & SPAR_SECOND_GRADIENT) list[count++] = region_of(network, operation->inputs[1], true);
    if (uses & SPAR_OUTPUT_GRADIENT) list[count++] = region_of(network, operation->output, true);
    return count;
}

// What is added to is read as well; where both inputs are one value, the second one's gradient is there first.
static unsigned reads_of(const spar_network *network, const spar_work *work) {
    const spar_operation *operation = work->operation;
    bool twice = operation->input_count > 1 &&
                 region_of(network, operation->inputs[0], true) == region_of(network, operation->inputs[1], true);
    return work->pass.reads | (operation->accumulates[0] && !twice ? work->pass.writes & SPAR_INPUT_GRADIENT : 0) |
           (operation->accumulates[1] ? work->pass.writes & SPAR_SECOND_GRADIENT : 0);
}

// Gradients that nobody wants are not written.
static unsigned writes_of(const spar_work *work) {
    return work->pass.writes & ~((work->operation->wanted[0] ? 0u : SPAR_INPUT_GRADIENT) |
                                 (work->operation->wanted[1] ? 0u : SPAR_SECOND_GRADIENT));
}

static bool overlap(const region *a, const region *b) {
    return a->floats > 0 && b->floats > 0 && a->start < b->start + b->floats && b->start < a->start + a->floats;
}

static void find(follower *f, bool wrong, const char *what) {
    if (wrong && f->wrong == NULL) f->wrong = what;
}

static void read_region(follower *f, int r) {
    find(f, !f->regions[r].valid, "a pass reads what was overwritten, or never written");
}

static void write_region(follower *f, int r) {
    for (int i = 0; i < f->count; i++) {
        if (i != r && overlap(&f->regions[i], &f->regions[r])) f->regions[i].valid = false;
    }
    f->regions[r].valid = true;
}

// The passes `truth` has run, first to last before end, as a chain of the plan.
static void follow_chain(follower *f, const spar_network *truth, int first, int end) {
    int used[MOST_USED], count = 0;
    for (int w = first; w < end && count < MOST_USED - 12; w++) {
        const spar_work *work = &truth->works[w], *planned = &f->network->works[w];
        if (!work->active) continue;
        count += list_used(truth, work, reads_of(truth, work) | writes_of(work), used + count);
        for (int v = first; v < w; v++) {
            const spar_work *other = &truth->works[v];
            if (!other->active) continue;
            int64_t apart = planned->workspace_offset - f->network->works[v].workspace_offset;
            find(f, apart < other->pass.workspace && -apart < work->pass.workspace, "passes share workspace");
            bool sums = other->operation == work->operation && other->pass.writes & work->pass.reads & SPAR_SUMS;
            find(f, sums, "a pass reads sums of its own chain");
        }
    }
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < i; j++) {
            const region *a = &f->regions[used[i]], *b = &f->regions[used[j]];
            find(f, overlap(a, b) && (a->start != b->start || a->floats != b->floats), "a chain's buffers overlap");
        }
    }
    for (int w = first; w < end; w++) {
        const spar_work *work = &truth->works[w];
        int list[6];
        if (!work->active) continue;
        int reads = list_used(truth, work, reads_of(truth, work), list);
        for (int i = 0; i < reads; i++) read_region(f, list[i]);
        int writes = list_used(truth, work, writes_of(work), list);
        while (writes-- > 0) write_region(f, list[writes]); // what is in place is written last
    }
}

static void follow_loss(follower *f, int output) {
    read_region(f, output);
    write_region(f, output + 1);
}

// Follows the passes that `truth` ran in its last step through the memory of `plan`, whose network is the same. Returns
// what is wrong with that, NULL if nothing.
static const char *follow(const spar_network *plan, const spar_network *truth) {
    int values = plan->graph->count, output = region_of(plan, &plan->tensors[plan->output], false);
    follower f = {.network = plan, .regions = check_allocate(2 * values * sizeof(region)), .count = 2 * values};
    for (int r = 0; r < f.count; r++) {
        const spar_tensor *tensor = &plan->tensors[r / 2];
        f.regions[r].start = r % 2 ? tensor->gradient : tensor->data;
        if (plan->root[r / 2] != r / 2 || f.regions[r].start == NULL) continue;
        f.regions[r].floats = spar_sample_floats(tensor) * plan->options.batch_size;
    }
    write_region(&f, 0);
    int first_backward = 0;
    while (first_backward < truth->work_count && !spar_is_backward(&truth->works[first_backward])) first_backward++;
    for (int w = 0, end; w < truth->work_count; w = end) {
        for (end = w + 1; end < truth->work_count && plan->works[end].chain == plan->works[w].chain;) end++;
        if (w == first_backward) follow_loss(&f, output);
        follow_chain(&f, truth, w, end);
    }
    if (first_backward == truth->work_count) follow_loss(&f, output);
    read_region(&f, output);
    if (truth->has_input_gradient) read_region(&f, 1);
    free(f.regions);
    return f.wrong;
}

static void check_plan(const oracle *o, uint64_t seed) {
    char text[1000];
    spar_network *network = oracle_engine(o, 2, SEED);
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, seed);
    const char *wrong = NULL;
    for (int step = 0; step < STEPS && wrong == NULL; step++) {
        run_step(network, &batch, step);
        wrong = follow(network, network);
        if (wrong == NULL) continue;
        random_graph_describe(o, text, sizeof text);
        fprintf(stderr, "graph %llu (%s), step %d: %s\n", (unsigned long long)seed, text, step, wrong);
        CHECK(wrong == NULL);
    }
    example_batch_destroy(&batch);
    spar_network_destroy(network);
}

static void no_pass_reads_what_was_overwritten(void) {
    for (int e = 0; e < EXAMPLES; e++) {
        oracle *o = examples[e](EXAMPLE_BATCH);
        check_plan(o, 0);
        oracle_destroy(o);
    }
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        uint64_t state = seed;
        oracle *o = random_graph(&state, EXAMPLE_BATCH);
        check_plan(o, seed);
        oracle_destroy(o);
    }
}

// What passes say too little or too much.
typedef struct damage {
    const char *name;
    spar_pass_kind kind;
    unsigned unread, unwritten;
    bool in_place, no_workspace;
} damage;

static const damage damages[] = {
    {"the forward pass does not read its second input", SPAR_PASS_FORWARD, .unread = SPAR_SECOND_VALUE},
    {"the forward pass does not read its input", SPAR_PASS_FORWARD, .unread = SPAR_INPUT_VALUE},
    {"the forward pass does not read sums", SPAR_PASS_FORWARD, .unread = SPAR_SUMS},
    {"the forward pass does not write sums", SPAR_PASS_FORWARD, .unwritten = SPAR_SUMS},
    {"every forward pass may be in place", SPAR_PASS_FORWARD, .in_place = true},
    {"the gradient of weights does not read the input", SPAR_PASS_WEIGHTS, .unread = SPAR_INPUT_VALUE},
    {"the gradient of weights takes no workspace", SPAR_PASS_WEIGHTS, .no_workspace = true},
    {"the backward pass does not read the input", SPAR_PASS_DATA, .unread = SPAR_INPUT_VALUE},
    {"the backward pass does not read the output", SPAR_PASS_DATA, .unread = SPAR_OUTPUT_VALUE},
    {"the backward pass does not read sums", SPAR_PASS_DATA, .unread = SPAR_SUMS},
    {"the backward pass does not write its second input's gradient", SPAR_PASS_DATA, .unwritten = SPAR_SECOND_GRADIENT},
    {"every backward pass may be in place", SPAR_PASS_DATA, .in_place = true},
};
static const damage *damaging;
static spar_network *undamaged, *damaged;

static int damaged_passes(const spar_operation *operation, spar_pass_kind kind, spar_pass *passes) {
    const spar_operation *original = &undamaged->operations[operation - damaged->operations];
    int count = original->layer->passes(original, kind, passes);
    for (int p = 0; p < count && kind == damaging->kind; p++) {
        passes[p].reads &= ~damaging->unread;
        passes[p].writes &= ~damaging->unwritten;
        passes[p].in_place = passes[p].in_place || damaging->in_place;
        if (damaging->no_workspace) passes[p].workspace = 0;
    }
    return count;
}

static void plan_with_damage(void) {
    static spar_layer layers[64];
    CHECK(damaged->operation_count <= 64);
    for (int s = 0; s < damaged->operation_count; s++) {
        layers[s] = *damaged->operations[s].layer;
        layers[s].passes = damaged_passes;
        damaged->operations[s].layer = &layers[s];
    }
    spar_release(damaged->works);
    spar_release(damaged->arena);
    spar_release(damaged->workspace);
    damaged->work_count = 0;
    CHECK_OK(spar_plan_passes(damaged));
    CHECK_OK(spar_plan_memory(damaged));
}

// Returns whether following a step finds something wrong.
static bool finds_damage(const oracle *o) {
    bool found = false;
    undamaged = oracle_engine(o, 2, SEED);
    damaged = oracle_engine(o, 2, SEED);
    plan_with_damage();
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
    for (int step = 0; step < STEPS; step++) {
        run_step(undamaged, &batch, step);
        found = found || follow(damaged, undamaged) != NULL;
    }
    example_batch_destroy(&batch);
    spar_network_destroy(undamaged);
    spar_network_destroy(damaged);
    return found;
}

static void a_pass_that_declares_too_little_is_found(void) {
    for (size_t d = 0; d < sizeof damages / sizeof *damages; d++) {
        damaging = &damages[d];
        int found = 0;
        for (int e = 0; e < EXAMPLES; e++) {
            oracle *o = examples[e](EXAMPLE_BATCH);
            found += finds_damage(o);
            oracle_destroy(o);
        }
        for (uint64_t seed = 1; seed <= 100 && found == 0; seed++) {
            uint64_t state = seed;
            oracle *o = random_graph(&state, EXAMPLE_BATCH);
            found += finds_damage(o);
            oracle_destroy(o);
        }
        if (found == 0) fprintf(stderr, "%s: not found\n", damages[d].name);
        CHECK(found > 0);
    }
}

TEST_MAIN(TEST(no_pass_reads_what_was_overwritten), TEST(a_pass_that_declares_too_little_is_found))
