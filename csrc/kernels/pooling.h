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

INLINE void max_pool_with(const spar_pool_row *s, const int side) {
    for (int x = 0; x < s->out_width; x++) {
        int begin, end;
        pool_columns(s, x, &begin, &end);
        const int rows = side > 0 ? side : s->rows, columns = side > 0 ? side : end - begin;
        const float *window = s->in + (side > 0 ? x * side : begin) * s->pixel;
        for (ptrdiff_t c = 0; c < s->channels; c += LANES) {
            vf result = vf_set1(-INFINITY);
            vi unordered = vi_set1(0);
            for (int y = 0; y < rows; y++) {
                for (int i = 0; i < columns; i++) {
                    const float *in = window + y * s->row + i * s->pixel + c;
                    vf value = vf_load(in);
                    fetch_to_read(in + rows * s->row);
                    result = vf_max(value, result);
                    unordered |= vf_is_nan(value);
                }
            }
            vf_store(s->out + (ptrdiff_t)x * s->channels + c, (vf)((vi)result | unordered));
        }
    }
}

static void max_pool(const spar_pool_row *s) {
    if (windows_tile(s, 2)) {
        max_pool_with(s, 2);
    } else {
        max_pool_with(s, 0);
    }
}

// The sum of so many lines and columns of pixels, one after the other.
INLINE vf pool_sum(const spar_pool_row *s, const float *window, const int lines, const int columns) {
    vf sum = vf_set1(0);
    for (int y = 0; y < lines; y++) {
        for (int i = 0; i < columns; i++) {
            const float *in = window + y * s->row + i * s->pixel;
            fetch_to_read(in + s->rows * s->row);
            sum += vf_load(in);
        }
    }
    return sum;
}

// Windows may have millions of pixels, which one sum would soon be too large for: no sum has more terms than this, but
// that of a line's pieces and the last one, which have at most 256.
enum { POOL_TERMS = 64 };

INLINE int pool_least(int a, int b) {
    return a < b ? a : b;
}

static vf pool_sum_of_many(const spar_pool_row *s, const float *window, int columns) {
    const int lines = columns < POOL_TERMS ? POOL_TERMS / columns : 1;
    vf whole = vf_set1(0);
    for (int first = 0; first < s->rows; first += POOL_TERMS * lines) {
        vf part = vf_set1(0);
        for (int y = first; y < pool_least(first + POOL_TERMS * lines, s->rows); y += lines) {
            vf line = vf_set1(0);
            for (int i = 0; i < columns; i += POOL_TERMS) {
                const float *piece = window + y * s->row + i * s->pixel;
                line += pool_sum(s, piece, pool_least(lines, s->rows - y), pool_least(POOL_TERMS, columns - i));
            }
            part += line;
        }
        whole += part;
    }
    return whole;
}

INLINE void average_pool_with(const spar_pool_row *s, const bool many) {
    for (int x = 0; x < s->out_width; x++) {
        int begin, end;
        pool_columns(s, x, &begin, &end);
        const int rows = s->rows, columns = end - begin;
        const float *window = s->in + begin * s->pixel;
        for (ptrdiff_t c = 0; c < s->channels; c += LANES) {
            vf sum = many ? pool_sum_of_many(s, window + c, columns) : pool_sum(s, window + c, rows, columns);
            vf_store(s->out + (ptrdiff_t)x * s->channels + c, sum * s->scale);
        }
    }
}

static void average_pool(const spar_pool_row *s) {
    if (s->rows * s->kernel_width > POOL_TERMS) {
        average_pool_with(s, true);
    } else {
        average_pool_with(s, false);
    }
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
