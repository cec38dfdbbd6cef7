/* SPDX-License-Identifier: MIT */
/*
 * See alloc_sites.h.  A place is a line with a call; the return address of a
 * call of several lines may belong to any of them, so a failure counts for the
 * last call at or before its line, as far as CALL_LINES_MAX back.
 */
#include "tests/support/alloc_sites.h"

#include "base/alloc.h"

#include <glob.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SITES_MAX = 512, PLACES_MAX = 512, CALL_LINES_MAX = 6 };

struct place {
    char file[96]; /* "src/net/loop.c" */
    int line;
    bool is_failed;
};

void *__real_flare__alloc(const struct flare_allocator *al, size_t size);
void *__real_flare__calloc(const struct flare_allocator *al, size_t count,
                           size_t size);
void *__real_flare__realloc(const struct flare_allocator *al, void *block,
                            size_t size);
void *__wrap_flare__alloc(const struct flare_allocator *al, size_t size);
void *__wrap_flare__calloc(const struct flare_allocator *al, size_t count,
                           size_t size);
void *__wrap_flare__realloc(const struct flare_allocator *al, void *block,
                            size_t size);

extern const char __executable_start[]; /* of the linker */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *failed[SITES_MAX]; /* return addresses */
static int failed_count;
static struct place places[PLACES_MAX];
static int place_count;

static void *note(void *block, const char *from)
{
    int i = 0;

    if (block != NULL)
        return block;
    pthread_mutex_lock(&lock);
    while (i < failed_count && failed[i] != from)
        i++;
    if (i == failed_count && failed_count < SITES_MAX)
        failed[failed_count++] = from;
    pthread_mutex_unlock(&lock);
    return NULL;
}

void *__wrap_flare__alloc(const struct flare_allocator *al, size_t size)
{
    return note(__real_flare__alloc(al, size), __builtin_return_address(0));
}

void *__wrap_flare__calloc(const struct flare_allocator *al, size_t count,
                           size_t size)
{
    return note(__real_flare__calloc(al, count, size),
                __builtin_return_address(0));
}

void *__wrap_flare__realloc(const struct flare_allocator *al, void *block,
                            size_t size)
{
    return note(__real_flare__realloc(al, block, size),
                __builtin_return_address(0));
}

/* ---- the sources ---- */

static void places_of_file(const char *path, const char *file)
{
    FILE *in = fopen(path, "r");
    char text[512];

    for (int line = 1; in != NULL && fgets(text, sizeof(text), in); line++) {
        if (strstr(text, "flare__alloc(") == NULL &&
            strstr(text, "flare__calloc(") == NULL &&
            strstr(text, "flare__realloc(") == NULL)
            continue;
        if (place_count == PLACES_MAX)
            abort();
        (void)snprintf(places[place_count].file, sizeof(places[0].file), "%s",
                       file);
        places[place_count++].line = line;
    }
    if (in != NULL)
        fclose(in);
}

static void places_of_folder(const char *srcdir, const char *folder)
{
    char pattern[512];
    glob_t found;

    (void)snprintf(pattern, sizeof(pattern), "%s/%s/*.c", srcdir, folder);
    if (glob(pattern, 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        places_of_file(found.gl_pathv[i],
                       found.gl_pathv[i] + strlen(srcdir) + 1);
    globfree(&found);
}

/* "/a/b/src/net/loop.c:31": false if there is no line number in it. */
static bool place_mark(char *text)
{
    char *colon = strrchr(text, ':');
    int line = colon == NULL ? 0 : (int)strtol(colon + 1, NULL, 10);
    struct place *best = NULL;

    if (line <= 0)
        return false;
    *colon = '\0';
    for (int i = 0; i < place_count; i++) {
        struct place *p = &places[i];
        size_t len = strlen(p->file);
        size_t have = strlen(text);

        if (have < len || strcmp(text + have - len, p->file) != 0)
            continue;
        if (p->line <= line && p->line > line - CALL_LINES_MAX)
            best = p;
    }
    if (best != NULL)
        best->is_failed = true;
    return true;
}

static bool failures_mark(void)
{
    char command[SITES_MAX * 20 + 64];
    char text[512];
    int len = snprintf(command, sizeof(command), "addr2line -e /proc/%ld/exe",
                       (long)getpid());
    bool is_known = false;
    FILE *out;

    for (int i = 0; i < failed_count; i++)
        len += snprintf(command + len, sizeof(command) - (size_t)len, " 0x%zx",
                        (size_t)(failed[i] - __executable_start) - 1);
    out = popen(command, "r");
    while (out != NULL && fgets(text, sizeof(text), out) != NULL)
        is_known |= place_mark(text);
    if (out != NULL)
        (void)pclose(out);
    return is_known;
}

/* Modules whose allocations the suite of another one fails. */
static const struct {
    const char *file;
    const char *suite;
} elsewhere[] = {
    {"src/http/call.c", "http/test_client_torture"},
    {"src/http/call_recv.c", "http/test_client_torture"},
    {"src/http/client.c", "http/test_client_torture"},
    {"src/http/client_conn.c", "http/test_client_torture"},
    {"src/http/conn_peer.c", "http/test_torture_answers"},
    {"src/http/files_list.c", "http/test_torture_answers"},
    {"src/http/jar_table.c", "http/test_jar"},
    {"src/http/mw_compress.c", "http/test_mw_rules"},
    {"src/http/mw_log_file.c", "http/test_mw_options"},
    {"src/http/mw_metrics.c", "http/test_torture_answers"},
    {"src/http/mw_rate_limit.c", "http/test_mw_options"},
    {"src/http/res_filter.c", "http/test_mw_rules"},
    {"src/http/sse.c", "http/test_torture_answers"},
    {"src/net/lines.c", "http/test_mw_options"},
    {"src/net/takeover.c", "net/test_handoff"},
};

static bool suite_has_faults(FILE *in)
{
    static const char *const words[] = {"fault_each(", "fault_init(",
                                        "FAULT_ONCE", "FAULT_FROM"};
    char text[512];
    bool is_found = false;

    while (in != NULL && fgets(text, sizeof(text), in) != NULL)
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
            is_found |= strstr(text, words[i]) != NULL;
    return is_found;
}

static FILE *suite_elsewhere(const char *srcdir, const struct place *p)
{
    char path[512];

    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
        if (strcmp(elsewhere[i].file, p->file) != 0)
            continue;
        (void)snprintf(path, sizeof(path), "%s/tests/%s.c", srcdir,
                       elsewhere[i].suite);
        return fopen(path, "r");
    }
    return NULL;
}

/*
 * Whether a suite fails the allocations of the place's module: that of its
 * file, of the file's first word ("files" for files_cache.c), or one above.
 */
static bool place_has_suite(const char *srcdir, const struct place *p)
{
    char stem[96];
    char path[512];
    bool is_found;
    FILE *in = suite_elsewhere(srcdir, p);

    (void)snprintf(stem, sizeof(stem), "%s", p->file + strlen("src/"));
    *strrchr(stem, '.') = '\0';
    while (in == NULL) {
        char *word = strchr(stem, '/') + 1;
        char *end = strrchr(word, '_');

        (void)snprintf(path, sizeof(path), "%s/tests/%.*s/test_%s.c", srcdir,
                       (int)(word - stem) - 1, stem, word);
        in = fopen(path, "r");
        if (end == NULL)
            break;
        *end = '\0';
    }
    is_found = suite_has_faults(in);
    if (in != NULL)
        (void)fclose(in);
    return is_found;
}

bool alloc_sites_check(const char *srcdir, struct alloc_sites_report *report)
{
    place_count = 0;
    places_of_folder(srcdir, "src/net");
    places_of_folder(srcdir, "src/http");
    if (place_count == 0 || !failures_mark())
        return false;
    *report = (struct alloc_sites_report){.places = place_count};
    for (int i = 0; i < place_count; i++) {
        bool is_failed =
            places[i].is_failed || place_has_suite(srcdir, &places[i]);

        report->failed += is_failed;
        if (!is_failed)
            fprintf(stderr, "alloc sites: %s:%d never failed\n", places[i].file,
                    places[i].line);
    }
    return true;
}
