// Pooling of a row of outputs. Meanwhile the rows of the next are fetched.

// The columns of the image in the window of output x.
INLINE void pool_columns(const spar_pool_row *s, int x, int *begin, int *end) {
    int left = x * s->stride - s->padding, right = left + s->kernel_width;
    *begin = left < 0 ? 0 : left;
    *end = right > s->width ? s->width : right;
}

// Windows of side × side pixels beside each other, which are most, have constants for bounds; side = 0: any other.
INLINE bool windows_tile(const spar_pool_row *s, int side) {
    return s->kernel_width == side && s->rows == side && s->stride == side && s->padding == 0;
}

INLINE void pool_with(const spar_pool_row *s, const bool maximum, const int side) {
    for (int x = 0; x < s->out_width; x++) {
        int begin, end;
        pool_columns(s, x, &begin, &end);
        const int rows = side > 0 ? side : s->rows, columns = side > 0 ? side : end - begin;
        const float *window = s->in + (side > 0 ? x * side : begin) * s->pixel;
        for (ptrdiff_t c = 0; c < s->channels; c += LANES) {
            vf result = vf_set1(maximum ? -INFINITY : 0);
            vi unordered = vi_set1(0);
            for (int y = 0; y < rows; y++) {
                for (int i = 0; i < columns; i++) {
                    const float *in = window + y * s->row + i * s->pixel + c;
                    vf value = vf_load(in);
                    fetch_to_read(in + rows * s->row);
                    result = maximum ? vf_max(value, result) : result + value;
                    if (maximum) unordered |= vf_is_nan(value);
                }
            }
            vf_store(s->out + (ptrdiff_t)x * s->channels + c,
                     maximum ? (vf)((vi)result | unordered) : result * s->scale);
        }
    }
}

static void max_pool(const spar_pool_row *s) {
    if (windows_tile(s, 2)) {
        pool_with(s, true, 2);
    } else {
        pool_with(s, true, 0);
    }
}

static void average_pool(const spar_pool_row *s) {
    pool_with(s, false, 0);
}

// Of equal inputs the first has the gradient. So has the first where the maximum is NaN: nothing is below that.
INLINE void pool_backward_with(const spar_pool_row *s, const bool maximum, const int side, const bool accumulate) {
    for (int x = 0; x < s->out_width; x++) {
        int begin, end;
        pool_columns(s, x, &begin, &end);
        const int rows = side > 0 ? side : s->rows, columns = side > 0 ? side : end - begin;
        const ptrdiff_t window = (side > 0 ? x * side : begin) * s->pixel;
        for (ptrdiff_t c = 0; c < s->channels; c += LANES) {
            ptrdiff_t out = (ptrdiff_t)x * s->channels + c;
            vf best = maximum ? vf_load(s->out + out) : vf_set1(0), d = vf_load(s->d + out);
            vi open = vi_set1(-1);
            if (!maximum) d *= s->scale;
            for (int y = 0; y < rows; y++) {
                for (int i = 0; i < columns; i++) {
                    ptrdiff_t at = window + y * s->row + i * s->pixel + c;
                    vf share = d;
                    fetch_to_write(s->in_gradient + at + rows * s->row);
                    if (maximum) {
                        vi here = ~(vf_load(s->in + at) < best) & open;
                        open &= ~here;
                        fetch_to_read(s->in + at + rows * s->row);
                        share = (vf)((vi)d & here);
                    }
                    if (accumulate) share += vf_load(s->in_gradient + at);
                    vf_store(s->in_gradient + at, share);
                }
            }
        }
    }
}

static void max_pool_backward(const spar_pool_row *s) {
    if (windows_tile(s, 2) && !s->accumulate) {
        pool_backward_with(s, true, 2, false);
    } else {
        pool_backward_with(s, true, 0, s->accumulate);
    }
}

static void average_pool_backward(const spar_pool_row *s) {
    pool_backward_with(s, false, 0, s->accumulate);
}
