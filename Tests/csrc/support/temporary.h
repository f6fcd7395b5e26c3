// A folder for the files of a test.
#ifndef TEMPORARY_H
#define TEMPORARY_H

#include <stdbool.h>
#include <stddef.h>

enum { TEMPORARY_PATH = 512 };

// Path of `name` in this program's own folder, which is made at the first call and removed by `temporary_remove`.
void temporary_path(char path[TEMPORARY_PATH], const char *name);
void temporary_remove(void);

// Number of files in the folder.
int temporary_count(void);

// The bytes of a file, to be freed; NULL when it cannot be read.
unsigned char *temporary_read(const char *path, size_t *size);
bool temporary_write(const char *path, const void *bytes, size_t size);

#endif
