// Pooling of a row of outputs. Meanwhile the rows of the next are fetched.

// The columns of the image in the window of output x.
INLINE void pool_columns(const spar_pool_row *s, int x, int *begin, int *end) {
    int left = x * s->stride - s->padding, right = left + s->kernel_width;
    *begin = left < 0 ? 0 : left;
    *end = right > s->width ? s->width : right;
}

INLINE void pool_with(const spar_pool_row *s, const bool maximum) {
    for (int x = 0; x < s->out_width; x++) {
        int begin, end;
        pool_columns(s, x, &begin, &end);
        for (ptrdiff_t c = 0; c < s->channels; c += LANES) {
            vf result = vf_set1(maximum ? -INFINITY : 0);
            for (int y = 0; y < s->rows; y++) {
                for (int i = begin; i < end; i++) {
                    const float *in = s->in + y * s->row + i * s->pixel + c;
                    vf value = vf_load(in);
                    fetch_to_read(in + s->rows * s->row);
                    result = maximum ? vf_max(value, result) : result + value;
                }
            }
            vf_store(s->out + (ptrdiff_t)x * s->channels + c, maximum ? result : result * s->scale);
        }
    }
}

static void max_pool(const spar_pool_row *s) {
    pool_with(s, true);
}

static void average_pool(const spar_pool_row *s) {
    pool_with(s, false);
}

// Of equal inputs the first has the gradient.
INLINE void pool_backward_with(const spar_pool_row *s, const bool maximum) {
    for (int x = 0; x < s->out_width; x++) {
        int begin, end;
        pool_columns(s, x, &begin, &end);
        for (ptrdiff_t c = 0; c < s->channels; c += LANES) {
            ptrdiff_t out = (ptrdiff_t)x * s->channels + c;
            vf best = maximum ? vf_load(s->out + out) : vf_set1(0), d = vf_load(s->d + out);
            vi open = vi_set1(-1);
            if (!maximum) d *= s->scale;
            for (int y = 0; y < s->rows; y++) {
                for (int i = begin; i < end; i++) {
                    ptrdiff_t at = y * s->row + i * s->pixel + c;
                    vf share = d;
                    fetch_to_write(s->in_gradient + at + s->rows * s->row);
                    if (maximum) {
                        vi here = (vf_load(s->in + at) == best) & open;
                        open &= ~here;
                        fetch_to_read(s->in + at + s->rows * s->row);
                        share = (vf)((vi)d & here);
                    }
                    if (s->accumulate) share += vf_load(s->in_gradient + at);
                    vf_store(s->in_gradient + at, share);
                }
            }
        }
    }
}

static void max_pool_backward(const spar_pool_row *s) {
    pool_backward_with(s, true);
}

static void average_pool_backward(const spar_pool_row *s) {
    pool_backward_with(s, false);
}
