#define _DEFAULT_SOURCE // mkdtemp
#include "temporary.h"
#include "check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[256];

void temporary_path(char path[TEMPORARY_PATH], const char *name) {
    if (folder[0] == 0) {
        const char *parent = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%s/sparring-test-XXXXXX", parent != NULL ? parent : "/tmp");
        if (mkdtemp(folder) == NULL) {
            printf("cannot make a folder like %s\n", folder);
            exit(99);
        }
        atexit(temporary_remove);
    }
    snprintf(path, TEMPORARY_PATH, "%s/%s", folder, name);
}

// Calls for every file of the folder and counts them.
static int for_each_file(int (*act)(const char *path)) {
    DIR *directory = folder[0] != 0 ? opendir(folder) : NULL;
    int count = 0;
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char path[TEMPORARY_PATH + 256];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (act != NULL) act(path);
        count++;
    }
    if (directory != NULL) closedir(directory);
    return count;
}

void temporary_remove(void) {
    for_each_file(remove);
    if (folder[0] != 0) rmdir(folder);
    folder[0] = 0;
}

int temporary_count(void) {
    return for_each_file(NULL);
}

unsigned char *temporary_read(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return NULL;
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = check_allocate(*size + 1);
    if (fread(bytes, 1, *size, file) != *size) {
        free(bytes);
        bytes = NULL;
    }
    fclose(file);
    return bytes;
}

bool temporary_write(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    if (file == NULL) return false;
    bool written = fwrite(bytes, 1, size, file) == size;
    return (fclose(file) == 0) && written;
}
