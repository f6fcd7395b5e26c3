// Saving puts a whole file in the place of another or leaves it, whatever else is in the folder.
#define _DEFAULT_SOURCE // symlink, mkfifo, flock
#include "io/replace.h"
#include "support/check.h"
#include "support/model_files.h"
#include "support/temporary.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SEED = 55 };

static bool holds(const char *path, const char *text) {
    size_t size = 0;
    unsigned char *bytes = temporary_read(path, &size);
    bool same = bytes != NULL && size == strlen(text) && memcmp(bytes, text, size) == 0;
    free(bytes);
    return same;
}

static bool exists(const char *path) {
    struct stat about;
    return lstat(path, &about) == 0;
}

static void links_at_guessable_names_are_not_followed(void) {
    char path[TEMPORARY_PATH], victim[TEMPORARY_PATH], guessed[TEMPORARY_PATH];
    spar_network *network = model_create_tiny();
    temporary_path(path, "links.safetensors");
    temporary_path(victim, "victim");
    CHECK(temporary_write(victim, "mine", 4));
    snprintf(guessed, sizeof guessed, "%.400s.%ld.partial", path, (long)getpid());
    CHECK(symlink(victim, guessed) == 0);
    temporary_path(guessed, ".links.safetensors.aaaaaa.partial");
    CHECK(symlink(victim, guessed) == 0);
    CHECK_OK(spar_network_save(network, path, false, NULL, 0));
    CHECK(holds(victim, "mine"));
    spar_network_destroy(network);
}

static void the_longest_names_are_written_too(void) {
    spar_network *network = model_create_tiny();
    char name[256] = "", path[TEMPORARY_PATH];
    for (size_t length = 235; length <= 255; length++) {
        memset(name, 'n', length);
        name[length] = 0;
        temporary_path(path, name);
        int files = temporary_count();
        CHECK_OK(spar_network_save(network, path, false, NULL, 0));
        CHECK_OK(spar_network_save(network, path, false, NULL, 0));
        CHECK_EQUAL(temporary_count(), files + 1);
        unlink(path);
    }
    spar_network_destroy(network);
}

// A child begins to write `path` and is killed.
static void die_writing(const char *path) {
    pid_t child = fork();
    if (child == 0) {
        spar_replacement replacement;
        bool begun = spar_replacement_begin(path, &replacement) == SPAR_OK &&
                     spar_replacement_write(&replacement, "half", 4) == SPAR_OK;
        if (begun) raise(SIGKILL);
        _exit(1);
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

static void what_dead_processes_left_is_removed_and_the_living_go_on(void) {
    char path[TEMPORARY_PATH], other[TEMPORARY_PATH];
    spar_network *network = model_create_tiny(), *loaded = NULL;
    spar_replacement living;
    temporary_path(path, "left.safetensors");
    temporary_path(other, "left.safetensors.2"); // its leftovers are not left.safetensors's
    int files = temporary_count();
    die_writing(path);
    die_writing(path);
    die_writing(other);
    CHECK_EQUAL(temporary_count(), files + 2); // the second took away what the first left
    CHECK_OK(spar_replacement_begin(path, &living));
    CHECK_OK(spar_replacement_write(&living, "late", 4));
    CHECK_EQUAL(temporary_count(), files + 2);
    CHECK_OK(spar_network_save(network, path, false, NULL, 0));
    CHECK_OK(model_load(path, &loaded));
    CHECK_EQUAL(temporary_count(), files + 3); // the file, what is being written, and the other's
    CHECK_OK(spar_replacement_end(&living, SPAR_OK));
    CHECK(holds(path, "late"));
    CHECK_OK(spar_network_save(network, other, false, NULL, 0));
    CHECK_EQUAL(temporary_count(), files + 2);
    spar_network_destroy(network);
    spar_network_destroy(loaded);
}

static void the_mode_is_that_of_the_umask(void) {
    char path[TEMPORARY_PATH];
    struct stat about;
    spar_network *network = model_create_tiny();
    temporary_path(path, "mode.safetensors");
    mode_t before = umask(027);
    CHECK_OK(spar_network_save(network, path, false, NULL, 0));
    CHECK(stat(path, &about) == 0 && (about.st_mode & 0777) == 0640);
    umask(022);
    CHECK_OK(spar_network_save(network, path, false, NULL, 0));
    CHECK(stat(path, &about) == 0 && (about.st_mode & 0777) == 0644);
    umask(before);
    spar_network_destroy(network);
}

static void a_full_disk_leaves_the_old_file_alone(void) {
    char path[TEMPORARY_PATH];
    spar_network *network = model_create(example_plain, SEED);
    temporary_path(path, "full.safetensors");
    CHECK(temporary_write(path, "old", 3));
    int files = temporary_count();
    struct rlimit before, small;
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    for (rlim_t bytes = 0; bytes < 4096; bytes += 512) {
        small = (struct rlimit){bytes, before.rlim_max};
        CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
        CHECK_FAILS(spar_network_save(network, path, false, NULL, 0), SPAR_ERROR_IO, path);
        CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
        CHECK(holds(path, "old"));
        CHECK_EQUAL(temporary_count(), files);
    }
    signal(SIGXFSZ, handler);
    spar_network_destroy(network);
}

// Every call on a path that is no plain file comes back, fails, and leaves what is there.
static void check_refused(const char *path) {
    spar_network *network = model_create_tiny(), *loaded = NULL;
    size_t needed;
    struct stat before, after;
    CHECK(stat(path, &before) == 0);
    alarm(20);
    CHECK_FAILS(model_load(path, &loaded), SPAR_ERROR_IO, path);
    CHECK_FAILS(spar_network_load_parameters(network, path), SPAR_ERROR_IO, path);
    CHECK_FAILS(spar_file_metadata(path, "key", NULL, 0, &needed), SPAR_ERROR_IO, path);
    CHECK_FAILS(spar_network_save(network, path, false, NULL, 0), SPAR_ERROR_IO, path);
    alarm(0);
    CHECK(stat(path, &after) == 0 && before.st_ino == after.st_ino && before.st_mode == after.st_mode);
    spar_network_destroy(network);
}

static void fifos_folders_and_devices_are_refused_and_stay(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "fifo.safetensors");
    CHECK(mkfifo(path, 0600) == 0);
    check_refused(path);
    temporary_path(path, "link.safetensors"); // to no plain file
    CHECK(symlink("fifo.safetensors", path) == 0);
    check_refused(path);
    CHECK(unlink(path) == 0);
    temporary_path(path, "folder.safetensors");
    CHECK(mkdir(path, 0700) == 0);
    check_refused(path);
    check_refused("/dev/zero");
    temporary_path(path, ".fifo2.safetensors.aaaaaa.partial"); // where a leftover would be
    CHECK(mkfifo(path, 0600) == 0);
    char target[TEMPORARY_PATH];
    temporary_path(target, "fifo2.safetensors");
    spar_network *network = model_create_tiny();
    alarm(20);
    CHECK_OK(spar_network_save(network, target, false, NULL, 0));
    alarm(0);
    CHECK(exists(path));
    spar_network_destroy(network);
}

static void any_bytes_replace_a_file(void) {
    char path[TEMPORARY_PATH], folder[TEMPORARY_PATH];
    temporary_path(path, "bytes");
    temporary_path(folder, "");
    CHECK_OK(spar_replace_file(path, "a longer text", 13));
    CHECK(holds(path, "a longer text"));
    CHECK_OK(spar_replace_file(path, "short", 5));
    CHECK(holds(path, "short"));
    CHECK_OK(spar_replace_file(path, NULL, 0));
    CHECK(holds(path, ""));
    CHECK_FAILS(spar_replace_file(path, NULL, 1), SPAR_ERROR_ARGUMENT, "bytes is NULL");
    CHECK_FAILS(spar_replace_file(NULL, "a", 1), SPAR_ERROR_ARGUMENT, "path is NULL");
    CHECK_FAILS(spar_replace_file(folder, "a", 1), SPAR_ERROR_IO, folder, "it is a folder");
    CHECK_FAILS(spar_replace_file("/dev/zero", "a", 1), SPAR_ERROR_IO, "/dev/zero", "it is a device");
    temporary_path(path, "no/such/folder");
    CHECK_FAILS(spar_replace_file(path, "a", 1), SPAR_ERROR_IO, path);
}

static void leftovers_of_all_names_are_removed_from_a_folder(void) {
    char path[TEMPORARY_PATH], folder[TEMPORARY_PATH];
    spar_replacement living;
    temporary_path(folder, "");
    int files = temporary_count();
    temporary_path(path, "one");
    die_writing(path);
    temporary_path(path, "another.one");
    die_writing(path);
    temporary_path(path, "living");
    CHECK_OK(spar_replacement_begin(path, &living));
    CHECK_EQUAL(temporary_count(), files + 3);
    CHECK_OK(spar_remove_leftovers(folder));
    CHECK_EQUAL(temporary_count(), files + 1);
    spar_status status = spar_replacement_end(&living, SPAR_ERROR_ARGUMENT);
    CHECK_EQUAL(status, SPAR_ERROR_ARGUMENT);
    CHECK_EQUAL(temporary_count(), files);
    CHECK(!exists(path));
    temporary_path(path, "absent");
    CHECK_FAILS(spar_remove_leftovers(path), SPAR_ERROR_IO, path, "No such file");
    CHECK_FAILS(spar_remove_leftovers(NULL), SPAR_ERROR_ARGUMENT, "NULL");
}

static void a_link_to_a_file_is_replaced_and_the_file_stays(void) {
    char path[TEMPORARY_PATH], target[TEMPORARY_PATH];
    spar_network *network = model_create_tiny(), *loaded = NULL;
    temporary_path(target, "target");
    temporary_path(path, "linked.safetensors");
    CHECK(temporary_write(target, "mine", 4));
    CHECK(symlink("target", path) == 0);
    CHECK_OK(spar_network_save(network, path, false, NULL, 0));
    CHECK(holds(target, "mine"));
    CHECK_OK(model_load(path, &loaded));
    spar_network_destroy(network);
    spar_network_destroy(loaded);
}

TEST_MAIN(TEST(the_longest_names_are_written_too), TEST(links_at_guessable_names_are_not_followed),
          TEST(what_dead_processes_left_is_removed_and_the_living_go_on), TEST(the_mode_is_that_of_the_umask),
          TEST(a_full_disk_leaves_the_old_file_alone), TEST(fifos_folders_and_devices_are_refused_and_stay),
          TEST(a_link_to_a_file_is_replaced_and_the_file_stays), TEST(any_bytes_replace_a_file),
          TEST(leftovers_of_all_names_are_removed_from_a_folder))
