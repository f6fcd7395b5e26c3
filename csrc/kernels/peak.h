// The most that the processor's multipliers do, to which others are compared.

// Independent sums enough for two multipliers of a latency of five cycles each, and for registers to hold them.
enum { PEAK_SUMS = 12 };

static int64_t multiply_adds(int64_t rounds, float *sum) {
    vf sums[PEAK_SUMS], x = vf_set1(*sum), y = x;
    UNROLL for (int i = 0; i < PEAK_SUMS; i++) sums[i] = x + (float)i;
    for (int64_t round = 0; round < rounds; round++) {
        UNROLL for (int i = 0; i < PEAK_SUMS; i++) sums[i] = vf_fma(sums[i], x, y);
    }
    UNROLL for (int i = 0; i < PEAK_SUMS; i++) x += sums[i];
    *sum = vf_sum(x);
    return rounds * PEAK_SUMS * LANES;
}
