// Random draws: Philox 4x32-10 (Salmon et al. 2011) and Box–Muller, LANES / 2 blocks of the generator at once. The
// operations are those of single precision, one after another, so that all instruction sets draw the same bits.

// Words of blocks, one to a lane of 64 bits; what is above their 32 bits counts for nothing.
enum { DRAWN_BLOCKS = LANES / 2, DRAWN_VECTORS = LANES == 16 ? 4 : 2 }; // at once, in registers
typedef struct drawn_words {
    vw words[4];
} drawn_words;

INLINE vw vw_set1(uint64_t x) {
    return x - (vw){0};
}

// The chains of multiplications of some vectors of blocks go side by side.
INLINE void philox(const spar_counter *counter, uint32_t block, drawn_words *drawn, const int vectors) {
    const vw multiplier0 = vw_set1(0xD2511F53u), multiplier2 = vw_set1(0xCD9E8D57u);
    uint32_t key0 = counter->key[0], key1 = counter->key[1];
    vw lanes = vw_set1(0);
    for (int lane = 0; lane < DRAWN_BLOCKS; lane++) lanes[lane] = (uint64_t)lane;
    UNROLL for (int v = 0; v < vectors; v++) {
        vw *c = drawn[v].words;
        c[0] = lanes + (block + (uint64_t)(v * DRAWN_BLOCKS));
        UNROLL for (int i = 1; i < 4; i++) c[i] = vw_set1(counter->words[i - 1]);
    }
    for (int round = 0; round < 10; round++, key0 += 0x9E3779B9u, key1 += 0xBB67AE85u) {
        UNROLL for (int v = 0; v < vectors; v++) {
            vw *c = drawn[v].words;
            vw product0 = vw_products(c[0], multiplier0), product2 = vw_products(c[2], multiplier2);
            c[0] = product2 >> 32 ^ c[1] ^ vw_set1(key0);
            c[1] = product2;
            c[2] = product0 >> 32 ^ c[3] ^ vw_set1(key1);
            c[3] = product0;
        }
    }
}

// Lanes of 32 bits: first's, then second's, of every block.
INLINE vw beside(vw first, vw second) {
    return (first & 0xffffffffu) | second << 32;
}

// Pairs of every block: first's, then second's.
INLINE void store_blocks(vw first, vw second, void *to) {
    vw low = vw_low(first, second), high = vw_high(first, second);
    memcpy(to, &low, sizeof low);
    memcpy((char *)to + sizeof low, &high, sizeof high);
}

#if defined(__clang__)
#pragma clang fp contract(off)
#endif

INLINE vf uniform_of(vw bits) {
    return __builtin_convertvector((vi)((vu)bits >> 8), vf) * 0x1p-24f;
}

// ln x for 0 < x ≤ 1, to about 1e-7 (Cephes).
INLINE vf log_of(vf x) {
    vi mantissa = (vi)x, below = (mantissa & 0x7fffff) < 0x3504f3; // mantissa below √2
    vf exponent = __builtin_convertvector((mantissa >> 23) - 126 + below, vf);
    mantissa = (mantissa & 0x7fffff) | (0x3f000000 + (below & 1 << 23));
    vf t = (vf)mantissa - 1, square = t * t, p = vf_set1(7.0376836292e-2f);
    p = p * t - 1.1514610310e-1f;
    p = p * t + 1.1676998740e-1f;
    p = p * t - 1.2420140846e-1f;
    p = p * t + 1.4249322787e-1f;
    p = p * t - 1.6668057665e-1f;
    p = p * t + 2.0000714765e-1f;
    p = p * t - 2.4999993993e-1f;
    p = p * t + 3.3333331174e-1f;
    p = p * t * square + exponent * -2.12194440e-4f - 0.5f * square;
    return t + p + exponent * 0.693359375f;
}

// cos 2πu and sin 2πu for 0 ≤ u < 1: the series around the nearest quarter of a turn.
INLINE void turn(vf u, vf *cosine, vf *sine) {
    vi quarter = __builtin_convertvector(4 * u + 0.5f, vi);
    vf r = (4 * u - __builtin_convertvector(quarter, vf)) * 1.57079632679f, square = r * r;
    vf s = ((-1.9515295891e-4f * square + 8.3321608736e-3f) * square - 1.6666654611e-1f) * square * r + r;
    vf c =
        ((2.443315711809948e-5f * square - 1.388731625493765e-3f) * square + 4.166664568298827e-2f) * square * square -
        0.5f * square + 1;
    vi odd = (quarter & 1) != 0;
    vf across = vf_select(odd, s, c), along = vf_select(odd, c, s);
    *cosine = vf_select(((quarter + 1) & 2) != 0, -across, across);
    *sine = vf_select((quarter & 2) != 0, -along, along);
}

// Box–Muller; 1 − u keeps the logarithm's argument above zero.
INLINE void store_normals(const drawn_words *drawn, void *to) {
    const vw *words = drawn->words;
    vf radius = vf_sqrt(-2.0f * log_of(1.0f - uniform_of(beside(words[0], words[2])))), cosine, sine;
    turn(uniform_of(beside(words[1], words[3])), &cosine, &sine);
    vw first = (vw)(radius * cosine), second = (vw)(radius * sine);
    store_blocks(beside(first, second), first >> 32 | (second & 0xffffffff00000000u), to);
}

INLINE void store_uniforms(const drawn_words *drawn, void *to) {
    const vw *words = drawn->words;
    store_blocks((vw)uniform_of(beside(words[0], words[1])), (vw)uniform_of(beside(words[2], words[3])), to);
}

#if defined(__clang__)
#pragma clang fp contract(on)
#endif

INLINE void store_bits(const drawn_words *drawn, void *to) {
    const vw *words = drawn->words;
    store_blocks(beside(words[0], words[1]), beside(words[2], words[3]), to);
}

#define DRAW(NAME, STORE)                                                                                              \
    INLINE void NAME##_some(const spar_counter *counter, int64_t block, char *to, const int vectors) {                 \
        drawn_words drawn[DRAWN_VECTORS];                                                                              \
        philox(counter, (uint32_t)block, drawn, vectors);                                                              \
        UNROLL for (int v = 0; v < vectors; v++) STORE(&drawn[v], to + v * 8 * LANES);                                 \
    }                                                                                                                  \
    static void NAME(const spar_counter *counter, uint32_t block, int64_t blocks, void *to) {                          \
        int64_t b = 0;                                                                                                 \
        for (; b + DRAWN_VECTORS * DRAWN_BLOCKS <= blocks; b += DRAWN_VECTORS * DRAWN_BLOCKS) {                        \
            NAME##_some(counter, block + b, (char *)to + 16 * b, DRAWN_VECTORS);                                       \
        }                                                                                                              \
        for (; b < blocks; b += DRAWN_BLOCKS) NAME##_some(counter, block + b, (char *)to + 16 * b, 1);                 \
    }

DRAW(draw_bits, store_bits)
DRAW(draw_uniforms, store_uniforms)
DRAW(draw_normals, store_normals)
