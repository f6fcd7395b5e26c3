#define _DEFAULT_SOURCE // getentropy, flock

#include "io/replace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

static int folder_length(const char *path) {
    return (int)(name_of(path) - path);
}

static int open_folder(const char *path) {
    char folder[4096];
    if (folder_length(path) == 0) return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int length = snprintf(folder, sizeof folder, "%.*s", folder_length(path), path);
    return length < (int)sizeof folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

static bool is_beside(const char *entry, const char *name) {
    size_t length = strlen(name);
    return entry[0] == '.' && strncmp(entry + 1, name, length) == 0 && entry[1 + length] == '.' &&
           strlen(entry) == 2 + length + RANDOM_LETTERS + strlen(SUFFIX) &&
           strcmp(entry + 2 + length + RANDOM_LETTERS, SUFFIX) == 0;
}

// Removes what dead processes left. Whatever goes wrong, it is no reason not to write.
static void remove_leftovers(const char *path) {
    int folder = open_folder(path);
    DIR *entries = folder < 0 ? NULL : fdopendir(folder);
    if (entries == NULL) {
        if (folder >= 0) close(folder);
        return;
    }
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (!is_beside(entry->d_name, name_of(path))) continue;
        struct stat about;
        int file = openat(folder, entry->d_name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (file < 0) continue;
        bool plain = fstat(file, &about) == 0 && S_ISREG(about.st_mode);
        if (plain && flock(file, LOCK_EX | LOCK_NB) == 0) unlinkat(folder, entry->d_name, 0);
        close(file);
    }
    closedir(entries);
}

static bool choose_name(spar_buffer *beside, const char *path) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    uint32_t numbers[RANDOM_LETTERS];
    char random[RANDOM_LETTERS + 1] = "";
    if (getentropy(numbers, sizeof numbers) != 0) return false;
    for (int i = 0; i < RANDOM_LETTERS; i++) random[i] = letters[numbers[i] % (sizeof letters - 1)];
    beside->length = 0;
    spar_buffer_append(beside, "%.*s.%s.%s%s", folder_length(path), path, name_of(path), random, SUFFIX);
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
        return spar_fail(SPAR_ERROR_IO, "could not be written: there is something else than a plain file");
    }
    remove_leftovers(path);
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

spar_status spar_replacement_commit(spar_replacement *replacement) {
    if (fsync(replacement->file) != 0 || rename(replacement->beside.data, replacement->path) != 0) {
        spar_status status = fail_with(errno);
        spar_replacement_abandon(replacement);
        return status;
    }
    close(replacement->file); // after the new name: until then the lock keeps the file
    sync_folder(replacement->path);
    spar_buffer_free(&replacement->beside);
    return SPAR_OK;
}

void spar_replacement_abandon(spar_replacement *replacement) {
    unlink(replacement->beside.data);
    close(replacement->file);
    spar_buffer_free(&replacement->beside);
}
