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

static double softmax_cross_entropy(const float *z, int classes, int label, double factor, float *d) {
    double highest = z[0], sum = 0;
    for (int c = 1; c < classes; c++) highest = z[c] > highest ? z[c] : highest;
    for (int c = 0; c < classes; c++) sum += exp(z[c] - highest);
    for (int c = 0; c < classes && d != NULL; c++) {
        d[c] = (float)(factor * (exp(z[c] - highest) / sum - (c == label)));
    }
    return highest + log(sum) - z[label];
}

static double logistic_cross_entropy(const float *z, int classes, int label, double factor, float *d) {
    double loss = 0;
    for (int c = 0; c < classes; c++) {
        // log(1 + e^z) − t·z, without overflow.
        double x = z[c], e = exp(-fabs(x)), target = c == label;
        loss += (x > 0 ? x : 0) + log1p(e) - target * x;
        if (d != NULL) d[c] = (float)(factor * ((x > 0 ? 1 : e) / (1 + e) - target));
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
