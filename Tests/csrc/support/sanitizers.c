// What sanitizers read in the programs they watch (SPARRING_SANITIZE); in others nothing calls these.

const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);
const char *__tsan_default_options(void);

// An allocation that cannot be had is NULL, as it is to users.
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1:detect_stack_use_after_return=1";
}

// LLVM's OpenMP library does not free all of a team of threads, nor the C library a locale's path.
const char *__lsan_default_suppressions(void) {
    return "leak:libomp.so\nleak:argz_add_sep";
}

// OpenBLAS and LLVM's OpenMP library are not compiled for it.
const char *__tsan_default_options(void) {
    return "ignore_noninstrumented_modules=1:allocator_may_return_null=1";
}
