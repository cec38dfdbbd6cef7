/* SPDX-License-Identifier: MIT */
/*
 * The main of a fuzz target where libFuzzer is not: runs the committed corpus
 * once, and the empty input, so that every compiler and sanitizer of the
 * ordinary test run sees it.
 *
 *   fuzz_x [FILE OR FOLDER ...]      default: $srcdir/fuzz/corpus/x
 *
 * A target that finds its property broken aborts, which fails the test; so
 * does a corpus without a file in it.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Noreturn void die(const char *what, const char *path)
{
    fprintf(stderr, "replay: %s: %s\n", path, what);
    exit(EXIT_FAILURE);
}

/* From memory of just that size, so that a sanitizer sees one byte too far. */
static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    long size;
    uint8_t *data;

    if (file == NULL || fseek(file, 0, SEEK_END) != 0 ||
        (size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET) != 0)
        die("cannot be read", path);
    data = malloc(size > 0 ? (size_t)size : 1);
    if (data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size)
        die("cannot be read", path);
    fclose(file);
    fprintf(stderr, "replay: %s\n", path);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
}

/* Returns how many inputs it ran. */
static unsigned replay_folder(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    unsigned count = 0;
    char name[4096];

    if (folder == NULL)
        die("cannot be opened", path);
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        replay_file(name);
        count++;
    }
    closedir(folder);
    return count;
}

static unsigned replay(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        die("is not there", path);
    if (S_ISDIR(st.st_mode))
        return replay_folder(path);
    replay_file(path);
    return 1;
}

/* The corpus of the program's name: fuzz_head, lt-fuzz_head. */
static unsigned replay_default(const char *program)
{
    const char *name = strstr(program, "fuzz_");
    const char *srcdir = getenv("srcdir");
    char path[4096];

    for (const char *next = name; next != NULL; next = strstr(next, "fuzz_")) {
        name = next + strlen("fuzz_");
        next = name;
    }
    if (name == NULL)
        die("is not named fuzz_x", program);
    snprintf(path, sizeof(path), "%s/fuzz/corpus/%s",
             srcdir != NULL ? srcdir : ".", name);
    return replay(path);
}

int main(int argc, char **argv)
{
    unsigned count = 0;

    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    if (argc < 2)
        count = replay_default(argv[0]);
    for (int i = 1; i < argc; i++)
        count += replay(argv[i]);
    if (count == 0)
        die("holds no input", argv[0]);
    printf("%u inputs replayed\n", count);
    return EXIT_SUCCESS;
}
