// What t-SNE does with every pair of points.

static float squared_distance(const float *a, const float *b, int64_t n) {
    vf sum = vf_set1(0);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vf difference = vf_load(a + i) - vf_load(b + i);
        sum = vf_fma(difference, difference, sum);
    }
    float tail = 0;
    for (; i < n; i++) tail += (a[i] - b[i]) * (a[i] - b[i]);
    return vf_sum(sum) + tail;
}

static void embedding_row(float x, float y, const float *xs, const float *ys, const float *probabilities, int64_t n,
                          spar_embedding_sums *sums) {
    int64_t i = 0;
    while (i + LANES <= n) {
        int64_t last = n - i < 1024 ? n : i + 1024; // floats are summed over few points
        vf attraction_x = vf_set1(0), attraction_y = attraction_x, repulsion_x = attraction_x,
           repulsion_y = attraction_x, weight = attraction_x;
        for (; i + LANES <= last; i += LANES) {
            vf dx = x - vf_load(xs + i), dy = y - vf_load(ys + i);
            vf w = 1.0f / vf_fma(dx, dx, vf_fma(dy, dy, vf_set1(1)));
            vf pull = vf_load(probabilities + i) * w, push = w * w;
            attraction_x = vf_fma(pull, dx, attraction_x), attraction_y = vf_fma(pull, dy, attraction_y);
            repulsion_x = vf_fma(push, dx, repulsion_x), repulsion_y = vf_fma(push, dy, repulsion_y);
            weight += w;
        }
        sums->attraction[0] += vf_sum(attraction_x), sums->attraction[1] += vf_sum(attraction_y);
        sums->repulsion[0] += vf_sum(repulsion_x), sums->repulsion[1] += vf_sum(repulsion_y);
        sums->weight += vf_sum(weight);
    }
    for (; i < n; i++) {
        float dx = x - xs[i], dy = y - ys[i], w = 1 / (1 + dx * dx + dy * dy);
        sums->attraction[0] += probabilities[i] * w * dx, sums->attraction[1] += probabilities[i] * w * dy;
        sums->repulsion[0] += w * w * dx, sums->repulsion[1] += w * w * dy;
        sums->weight += w;
    }
}
