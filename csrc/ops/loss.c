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

static double squared_error(const float *z, int classes, int label, double factor, float *d) {
    double loss = 0;
    for (int c = 0; c < classes; c++) {
        double difference = (double)z[c] - (c == label);
        loss += difference * difference / 2;
        if (d != NULL) d[c] = (float)(factor * difference);
    }
    return loss;
}

static double image_loss(spar_loss loss, const float *z, int classes, int label, double factor, float *d) {
    switch (loss) {
    case SPAR_LOSS_LOGISTIC_CROSS_ENTROPY:
        return logistic_cross_entropy(z, classes, label, factor, d);
    case SPAR_LOSS_SQUARED_ERROR:
        return squared_error(z, classes, label, factor, d);
    default:
        return softmax_cross_entropy(z, classes, label, factor, d);
    }
}

double spar_loss_of_image(spar_loss loss, const float *z, int classes, int label) {
    return image_loss(loss, z, classes, label, 0, NULL);
}

int spar_class_of(const float *z, int classes) {
    int best = 0;
    for (int c = 1; c < classes; c++) best = z[c] > z[best] ? c : best;
    return best;
}

void spar_loss_of(spar_loss loss, const spar_tensor *output, const int32_t *labels, int count, float scale,
                  spar_loss_result *result) {
    int classes = output->extent.channels;
    double total = 0;
    int correct = 0;
    for (int n = 0; n < count; n++) {
        const float *z = output->data + n * output->stride;
        float *d = scale == 0 ? NULL : output->gradient + n * output->stride;
        if (d != NULL) memset(d, 0, (size_t)output->stride * sizeof *d);
        total += image_loss(loss, z, classes, labels[n], (double)scale / count, d);
        correct += spar_class_of(z, classes) == labels[n];
    }
    *result = (spar_loss_result){.loss = total / count, .correct = correct, .count = count};
}
