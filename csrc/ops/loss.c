#include "ops/loss.h"

#include <math.h>
#include <string.h>

spar_status spar_check_labels(const int32_t *labels, int count, int classes) {
    for (int n = 0; n < count; n++) {
        if (labels[n] < 0 || labels[n] >= classes) {
            return spar_fail(SPAR_ERROR_ARGUMENT, "label %d of image %d is not a class: the network has %d, from 0",
                             labels[n], n, classes);
        }
    }
    return SPAR_OK;
}

// Each returns one sample's loss and, where d is not NULL, writes factor · its gradient.

// p − 1 of the label would be rounding where the image is sure of it, so it is minus the sum of the other p; and the
// loss log(1 + x), x being that sum over p of the label.
static double softmax_cross_entropy(const float *z, int classes, int label, double factor, float *d) {
    double highest = z[0], others = 0;
    for (int c = 1; c < classes; c++) highest = z[c] > highest ? z[c] : highest;
    for (int c = 0; c < classes; c++) others += c == label ? 0 : exp(z[c] - highest);
    double own = exp(z[label] - highest), sum = others + own;
    for (int c = 0; c < classes && d != NULL; c++) {
        d[c] = (float)(factor * (c == label ? -others / sum : exp(z[c] - highest) / sum));
    }
    return own == 1 ? log1p(others) : highest + log(sum) - z[label];
}

// log(1 + e^−x) of the label's x, log(1 + e^x) of the others', without overflow or a difference that cancels.
static double logistic_cross_entropy(const float *z, int classes, int label, double factor, float *d) {
    double loss = 0;
    for (int c = 0; c < classes; c++) {
        double x = c == label ? -(double)z[c] : z[c], e = exp(-fabs(x)), slope = (x > 0 ? 1 : e) / (1 + e);
        loss += (x > 0 ? x : 0) + log1p(e);
        if (d != NULL) d[c] = (float)(factor * (c == label ? -slope : slope));
    }
    return loss;
}

// Against the targets, or the label where they are NULL.
static double squared_error(const float *z, int classes, const float *targets, int label, double factor, float *d) {
    double loss = 0;
    for (int c = 0; c < classes; c++) {
        double difference = z[c] - (targets == NULL ? (double)(c == label) : (double)targets[c]);
        loss += difference * difference / 2;
        if (d != NULL) d[c] = (float)(factor * difference);
    }
    return loss;
}

double spar_loss_of_label(spar_loss loss, const float *z, int classes, int label, double factor, float *d) {
    switch (loss) {
    case SPAR_LOSS_LOGISTIC_CROSS_ENTROPY:
        return logistic_cross_entropy(z, classes, label, factor, d);
    case SPAR_LOSS_SQUARED_ERROR:
        return squared_error(z, classes, NULL, label, factor, d);
    default:
        return softmax_cross_entropy(z, classes, label, factor, d);
    }
}

int spar_class_of(const float *z, int classes) {
    int best = 0;
    for (int c = 1; c < classes; c++) best = z[c] > z[best] ? c : best;
    return best;
}

spar_status spar_check_targets(spar_loss loss, const float *targets, int count, int classes) {
    for (int64_t n = 0; n < count; n++) {
        double sum = 0;
        for (int c = 0; c < classes; c++) {
            float t = targets[n * classes + c];
            sum += t;
            if (isfinite(t) && (loss == SPAR_LOSS_SQUARED_ERROR || (t >= 0 && t <= 1))) continue;
            return spar_fail(isfinite(t) ? SPAR_ERROR_ARGUMENT : SPAR_ERROR_NON_FINITE,
                             "the target of class %d for image %lld is %g", c, (long long)n, (double)t);
        }
        if (loss != SPAR_LOSS_SOFTMAX_CROSS_ENTROPY || fabs(sum - 1) <= 1e-3) continue;
        return spar_fail(SPAR_ERROR_ARGUMENT, "the targets of image %lld sum to %g, not to 1", (long long)n, sum);
    }
    return SPAR_OK;
}

// The best class's p is 1 minus the others', and its gradient a difference of sums without it, so that neither cancels.
static double softmax_of_targets(const float *z, int classes, const float *targets, double factor, float *d) {
    int best = spar_class_of(z, classes);
    double others = 0, rest = 0, loss = 0;
    for (int c = 0; c < classes; c++) {
        if (c == best) continue;
        others += exp((double)z[c] - z[best]);
        rest += targets[c];
        loss += targets[c] * ((double)z[best] - z[c]);
    }
    double whole = rest + targets[best], share = whole / (1 + others);
    for (int c = 0; c < classes && d != NULL; c++) {
        double slope = c == best ? rest - share * others : share * exp((double)z[c] - z[best]) - targets[c];
        d[c] = (float)(factor * slope);
    }
    return loss + whole * log1p(others);
}

static double logistic_of_targets(const float *z, int classes, const float *targets, double factor, float *d) {
    double loss = 0;
    for (int c = 0; c < classes; c++) {
        double x = z[c], t = targets[c], e = exp(-fabs(x)), small = e / (1 + e);
        loss += (x > 0 ? (1 - t) * x : -t * x) + log1p(e);
        if (d != NULL) d[c] = (float)(factor * (x > 0 ? 1 - t - small : small - t));
    }
    return loss;
}

double spar_loss_of_targets(spar_loss loss, const float *z, int classes, const float *targets, double factor,
                            float *d) {
    switch (loss) {
    case SPAR_LOSS_LOGISTIC_CROSS_ENTROPY:
        return logistic_of_targets(z, classes, targets, factor, d);
    case SPAR_LOSS_SQUARED_ERROR:
        return squared_error(z, classes, targets, 0, factor, d);
    default:
        return softmax_of_targets(z, classes, targets, factor, d);
    }
}

static double log_sum_of(const float *z, int classes) {
    double highest = z[spar_class_of(z, classes)], sum = 0;
    for (int c = 0; c < classes; c++) sum += exp(z[c] - highest);
    return highest + log(sum);
}

double spar_divergence(const float *z, const float *other, int classes, bool by_other, double factor, float *d) {
    double whole = log_sum_of(z, classes), other_whole = log_sum_of(other, classes), divergence = 0;
    for (int c = 0; c < classes; c++) {
        double log_p = z[c] - whole, log_q = other[c] - other_whole;
        divergence += exp(log_p) * (log_p - log_q);
    }
    for (int c = 0; c < classes && d != NULL; c++) {
        double log_p = z[c] - whole, log_q = other[c] - other_whole, p = exp(log_p);
        d[c] += (float)(factor * (by_other ? exp(log_q) - p : p * (log_p - log_q - divergence)));
    }
    return divergence;
}

double spar_targeted_logit_ratio(const float *z, int classes, int label, int target, float *d) {
    int order[4] = {0}, found = 0; // classes of the largest outputs so far
    for (int c = 0; c < classes; c++) {
        int place = found < 4 ? found++ : 4;
        for (; place > 0 && z[c] > z[order[place - 1]]; place--) {
            if (place < 4) order[place] = order[place - 1];
        }
        if (place < 4) order[place] = c;
        d[c] = 0;
    }
    double gain = (double)z[target] - z[label];
    double width = z[order[0]] - 0.5 * ((double)z[order[2]] + z[order[3]]) + 1e-12, ratio = gain / width;
    double slopes[] = {1 / width, -1 / width, -ratio / width, ratio / (2 * width), ratio / (2 * width)};
    const int places[] = {target, label, order[0], order[2], order[3]};
    for (int i = 0; i < 5; i++) d[places[i]] += (float)slopes[i];
    return ratio;
}
