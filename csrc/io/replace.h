// A file that is written beside another and takes its place when it is whole.
//
// The file beside NAME is .NAME.XXXXXX.partial, new and locked (flock) by who writes it. One that nobody has locked
// belongs to a process that died, and is removed by the next who writes NAME.
#ifndef SPAR_IO_REPLACE_H
#define SPAR_IO_REPLACE_H

#include "io/buffer.h"
#include "runtime/status.h"

typedef struct spar_replacement {
    int file;
    const char *path;
    spar_buffer beside; // its path
} spar_replacement;

// Fails where `path` is something else than a plain file. Sentences do not say which file it is. After a success the
// last call has to follow.
spar_status spar_replacement_begin(const char *path, spar_replacement *replacement);
spar_status spar_replacement_write(spar_replacement *replacement, const void *bytes, size_t count);

// After SPAR_OK the file takes its place, and is on the disk under its name when this returns SPAR_OK. After a failure,
// whose status this returns, or where it fails itself, what was there stays.
spar_status spar_replacement_end(spar_replacement *replacement, spar_status status);

#endif
