#define _DEFAULT_SOURCE // getentropy, flock

#include "io/replace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RANDOM_LETTERS = 6, MOST_TRIES = 100 };

static const char SUFFIX[] = ".partial";

static spar_status fail_with(int error) {
    return spar_fail(SPAR_ERROR_IO, "could not be written: %s", strerror(error));
}

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

// A name may have 255 bytes, with what is around it in that of the file beside.
static int beside_length(const char *name) {
    size_t most = NAME_MAX - (2 + RANDOM_LETTERS + strlen(SUFFIX)), length = strlen(name);
    return (int)(length < most ? length : most);
}

static int folder_length(const char *path) {
    return (int)(name_of(path) - path);
}

static int open_folder(const char *path) {
    char folder[4096];
    if (folder_length(path) == 0) return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int length = snprintf(folder, sizeof folder, "%.*s", folder_length(path), path);
    return length < (int)sizeof folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

// Is it .NAME.XXXXXX.partial, of the name or as much of it as fits? NULL: of any name.
static bool is_beside(const char *entry, const char *name) {
    size_t length = strlen(entry), around = 2 + RANDOM_LETTERS + strlen(SUFFIX);
    if (length < around || entry[0] != '.' || strcmp(entry + length - strlen(SUFFIX), SUFFIX) != 0) return false;
    size_t name_length = length - around;
    if (entry[1 + name_length] != '.') return false;
    return name == NULL || ((size_t)beside_length(name) == name_length && strncmp(entry + 1, name, name_length) == 0);
}

// Removes what dead processes left of this name. Takes over `folder`; false where it cannot be read.
static bool remove_leftovers(int folder, const char *name) {
    DIR *entries = folder < 0 ? NULL : fdopendir(folder);
    if (entries == NULL) {
        if (folder >= 0) close(folder);
        return false;
    }
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (!is_beside(entry->d_name, name)) continue;
        struct stat about;
        int file = openat(folder, entry->d_name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (file < 0) continue;
        bool plain = fstat(file, &about) == 0 && S_ISREG(about.st_mode);
        if (plain && flock(file, LOCK_EX | LOCK_NB) == 0) unlinkat(folder, entry->d_name, 0);
        close(file);
    }
    closedir(entries);
    return true;
}

static bool choose_name(spar_buffer *beside, const char *path) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    uint32_t numbers[RANDOM_LETTERS];
    char random[RANDOM_LETTERS + 1] = "";
    if (getentropy(numbers, sizeof numbers) != 0) return false;
    for (int i = 0; i < RANDOM_LETTERS; i++) random[i] = letters[numbers[i] % (sizeof letters - 1)];
    beside->length = 0;
    const char *name = name_of(path);
    spar_buffer_append(beside, "%.*s.%.*s.%s%s", folder_length(path), path, beside_length(name), name, random, SUFFIX);
    return !beside->failed;
}

// Between its making and its lock a file looks like a dead process's and may be removed.
static bool lock(int file) {
    struct stat about;
    while (flock(file, LOCK_EX) != 0 && errno == EINTR) continue; // where there are no locks nobody removes
    return fstat(file, &about) == 0 && about.st_nlink > 0;
}

static spar_status create(spar_replacement *replacement) {
    for (int i = 0; i < MOST_TRIES; i++) {
        if (!choose_name(&replacement->beside, replacement->path)) {
            return replacement->beside.failed ? SPAR_ERROR_MEMORY : fail_with(errno);
        }
        replacement->file = open(replacement->beside.data, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (replacement->file < 0 && errno != EEXIST) return fail_with(errno);
        if (replacement->file < 0) continue;
        if (lock(replacement->file)) return SPAR_OK;
        close(replacement->file);
    }
    return fail_with(EEXIST);
}

spar_status spar_replacement_begin(const char *path, spar_replacement *replacement) {
    struct stat about;
    *replacement = (spar_replacement){.file = -1, .path = path};
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode)) {
        const char *kind = S_ISDIR(about.st_mode) ? "a folder" : S_ISFIFO(about.st_mode) ? "a pipe" : "a device";
        return spar_fail(SPAR_ERROR_IO, "could not be written: it is %s, not a plain file", kind);
    }
    remove_leftovers(open_folder(path), name_of(path)); // whatever goes wrong, it is no reason not to write
    spar_status status = create(replacement);
    if (status != SPAR_OK) spar_buffer_free(&replacement->beside);
    return status;
}

spar_status spar_replacement_write(spar_replacement *replacement, const void *bytes, size_t count) {
    for (const char *from = bytes; count > 0;) {
        ssize_t written = write(replacement->file, from, count);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return fail_with(errno);
        from += written;
        count -= (size_t)written;
    }
    return SPAR_OK;
}

// After a crash the folder has the old file or the new one, each whole, so failing here would only confuse.
static void sync_folder(const char *path) {
    int folder = open_folder(path);
    if (folder < 0) return;
    fsync(folder);
    close(folder);
}

spar_status spar_replacement_end(spar_replacement *replacement, spar_status status) {
    bool whole = status == SPAR_OK;
    if (whole && (fsync(replacement->file) != 0 || rename(replacement->beside.data, replacement->path) != 0)) {
        status = fail_with(errno);
    }
    if (status == SPAR_OK) sync_folder(replacement->path);
    if (status != SPAR_OK) unlink(replacement->beside.data);
    close(replacement->file); // after the new name: until then the lock keeps the file
    spar_buffer_free(&replacement->beside);
    return status;
}

spar_status spar_replace_file(const char *path, const void *bytes, size_t count) {
    SPAR_REQUIRE_POINTER(path);
    if (count > 0) SPAR_REQUIRE_POINTER(bytes);
    spar_replacement replacement;
    spar_status status = spar_replacement_begin(path, &replacement);
    if (status == SPAR_OK) {
        status = spar_replacement_end(&replacement, spar_replacement_write(&replacement, bytes, count));
    }
    return status == SPAR_OK ? SPAR_OK : spar_fail_in(path, status);
}

spar_status spar_remove_leftovers(const char *folder) {
    SPAR_REQUIRE_POINTER(folder);
    if (remove_leftovers(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), NULL)) return SPAR_OK;
    return spar_fail(SPAR_ERROR_IO, "%.500s: could not be read: %s", folder, strerror(errno));
}
