#include "check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PRINTED_FAILURES = 20 }; // of one test

static int failed_checks;

bool check_that(bool passed, const char *file, int line, const char *format, ...) {
    if (passed) return true;
    if (failed_checks++ < PRINTED_FAILURES) {
        printf("  %s:%d: ", file, line);
        va_list arguments;
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        printf("\n");
    }
    return false;
}

bool check_failure(const char *file, int line, const char *call, spar_status actual, spar_status expected,
                   const char *const *fragments) {
    if (!check_that(actual == expected, file, line, "%s returned %d, expected %d; last error: %s", call, (int)actual,
                    (int)expected, spar_last_error())) {
        return false;
    }
    bool passed = true;
    for (; *fragments != NULL; fragments++) {
        passed &= check_that(strstr(spar_last_error(), *fragments) != NULL, file, line,
                             "%s: the sentence \"%s\" lacks \"%s\"", call, spar_last_error(), *fragments);
    }
    return passed;
}

bool check_close(const char *file, int line, const char *label, const double *actual, const double *expected,
                 size_t count, double tolerance, double floor) {
    double scale = floor;
    for (size_t i = 0; i < count; i++) scale = fmax(scale, fabs(expected[i]));
    size_t worst = 0;
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        double difference = fabs(actual[i] - expected[i]);
        if (!(difference <= largest)) { // NaN counts as the largest
            worst = i;
            largest = isnan(difference) ? INFINITY : difference;
        }
    }
    return check_that(largest <= tolerance * scale, file, line,
                      "%s: element %zu of %zu is %.9g, expected %.9g; off by %.2e of %.4g, allowed %.0e", label, worst,
                      count, actual[worst], expected[worst], largest / scale, scale, tolerance);
}

void *check_allocate(size_t bytes) {
    void *memory = calloc(bytes > 0 ? bytes : 1, 1);
    if (memory == NULL) {
        printf("out of memory: %zu bytes\n", bytes);
        exit(99);
    }
    return memory;
}

int check_run(const check_test *tests, int count) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    int failed = 0;
    for (int i = 0; i < count; i++) {
        failed_checks = 0;
        tests[i].run();
        if (failed_checks > 0) {
            failed++;
            printf("FAILED %s: %d checks\n", tests[i].name, failed_checks);
        }
    }
    printf("%d passed, %d failed\n", count - failed, failed);
    return failed;
}
