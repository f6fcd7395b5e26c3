// Compiles what stands between BEGIN and END for an instruction set, without flags for the file.
#define SPAR_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define SPAR_TARGET_BEGIN(features)                                                                                    \
    SPAR_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define SPAR_TARGET_END SPAR_PRAGMA(clang attribute pop)
#else
#define SPAR_TARGET_BEGIN(features) SPAR_PRAGMA(GCC push_options) SPAR_PRAGMA(GCC target(features))
#define SPAR_TARGET_END SPAR_PRAGMA(GCC pop_options)
#endif
