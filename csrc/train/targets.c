// Targets that are no single class, and images mixed with them.
#include "runtime/status.h"

static spar_status check_share(const char *call, const char *what, float share) {
    if (share >= 0 && share <= 1) return SPAR_OK;
    return spar_fail(SPAR_ERROR_ARGUMENT, "%s: a %s of %g, not between 0 and 1", call, what, (double)share);
}

spar_status spar_smooth_labels(const int32_t *labels, int32_t count, int32_t classes, float smoothing, float *targets) {
    SPAR_REQUIRE_POINTER(labels);
    SPAR_REQUIRE_POINTER(targets);
    SPAR_TRY(check_share(__func__, "smoothing", smoothing));
    if (count < 1 || classes < 1) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "%s: %d labels of %d classes", __func__, count, classes);
    }
    for (int32_t n = 0; n < count; n++) {
        if (labels[n] >= 0 && labels[n] < classes) continue;
        return spar_fail(SPAR_ERROR_ARGUMENT, "%s: label %d of image %d is not a class: there are %d, from 0", __func__,
                         labels[n], n, classes);
    }
    float others = smoothing / (float)classes;
    for (int64_t n = 0; n < count; n++) {
        for (int32_t c = 0; c < classes; c++) targets[n * classes + c] = others;
        targets[n * classes + labels[n]] = 1 - smoothing + others;
    }
    return SPAR_OK;
}

spar_status spar_mix_rows(float *rows, int32_t count, int64_t size, const float *shares) {
    SPAR_REQUIRE_POINTER(rows);
    SPAR_REQUIRE_POINTER(shares);
    if (count < 1 || size < 1) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "%s: %d rows of %lld numbers", __func__, count, (long long)size);
    }
    for (int32_t n = 0; n < count; n++) SPAR_TRY(check_share(__func__, "share", shares[n]));
    for (int64_t n = 0, m = count - 1; n < m; n++, m--) {
        float *a = rows + n * size, *b = rows + m * size;
        for (int64_t i = 0; i < size; i++) {
            float x = a[i], y = b[i];
            a[i] = y + shares[n] * (x - y);
            b[i] = x + shares[m] * (y - x);
        }
    }
    return SPAR_OK;
}
