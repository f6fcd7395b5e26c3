// A small test harness: named tests, checks that print their numbers, one summary line.
#ifndef CHECK_H
#define CHECK_H

#include "sparring.h"

typedef struct check_test {
    const char *name;
    void (*run)(void);
} check_test;

// Runs the tests, prints every failed check and "N passed, N failed". Returns the number of failed tests.
int check_run(const check_test *tests, int count);

#define TEST(function)                                                                                                 \
    { #function, function }
#define TEST_MAIN(...)                                                                                                 \
    int main(void) {                                                                                                   \
        static const check_test tests[] = {__VA_ARGS__};                                                               \
        return check_run(tests, (int)(sizeof tests / sizeof tests[0]));                                                \
    }

// Counts a check of the running test and prints the message when it failed. Returns `passed`.
__attribute__((format(printf, 4, 5))) bool check_that(bool passed, const char *file, int line, const char *format, ...);

// `call` returned `status`, and the sentence of the failure contains each of the fragments.
bool check_failure(const char *file, int line, const char *call, spar_status actual, spar_status expected,
                   const char *const *fragments);

// |actual − expected| ≤ tolerance · max(floor, max |expected|) for every element.
bool check_close(const char *file, int line, const char *label, const double *actual, const double *expected,
                 size_t count, double tolerance, double floor);

#define CHECK(condition) check_that((condition), __FILE__, __LINE__, "%s", #condition)
#define CHECK_EQUAL(actual, expected)                                                                                  \
    check_that((long long)(actual) == (long long)(expected), __FILE__, __LINE__, "%s is %lld, expected %lld", #actual, \
               (long long)(actual), (long long)(expected))
#define CHECK_NEAR(actual, expected, tolerance)                                                                        \
    check_that(fabs((double)(actual) - (double)(expected)) <= (tolerance), __FILE__, __LINE__,                         \
               "%s is %.9g, expected %.9g within %.3g", #actual, (double)(actual), (double)(expected),                 \
               (double)(tolerance))
#define CHECK_OK(call) check_that((call) == SPAR_OK, __FILE__, __LINE__, "%s: %s", #call, spar_last_error())
#define CHECK_FAILS(call, status, ...)                                                                                 \
    check_failure(__FILE__, __LINE__, #call, (call), (status), (const char *const[]){__VA_ARGS__, NULL})
#define CHECK_CLOSE(label, actual, expected, count, tolerance, floor)                                                  \
    check_close(__FILE__, __LINE__, (label), (actual), (expected), (count), (tolerance), (floor))

// How many times as long work may take where a sanitizer watches it.
#if defined(__has_feature)
#define CHECK_SLOWNESS (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ? 10 : 1)
#else
#define CHECK_SLOWNESS 1
#endif

// Ends the program when a test cannot go on.
void *check_allocate(size_t bytes);

#endif
