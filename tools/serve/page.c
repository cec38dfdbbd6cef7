/* SPDX-License-Identifier: MIT */
/*
 * A compressed file is kept (GZIP_BYTES in all workers' one table, by path,
 * size and time of modification), so that each version of a file is compressed
 * once: a small one where it is asked for, a larger one on a thread of the
 * pool.
 *
 * Its tag is its own.  Ranges, and conditions that are not If-None-Match, get
 * the file itself from the library.
 */
#include "tools/serve/page.h"

#include "tools/serve/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    GZIP_MIN = 1024,        /* smaller ones gain nothing */
    GZIP_MAX = 16 << 20,    /* larger ones go as they are */
    GZIP_INLINE = 64 << 10, /* up to here it takes a millisecond or two */
    GZIP_SLOTS = 256,
    GZIP_BYTES = 64 << 20,
    PAGE_MAX = 4 << 20 /* of HTML that gets a script */
};

/* ---- what was compressed ---- */

/* Shared: the table has one reference, and each answer under way. */
struct packed {
    unsigned refs; /* under `lock` */
    char *path;
    uint64_t size;
    int64_t modified_ns;
    struct flare_str bytes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct packed *slots[GZIP_SLOTS];
static size_t slots_bytes;

static void packed_free(struct packed *p)
{
    flare_coding_free(p->bytes, NULL);
    free(p->path);
    free(p);
}

static void packed_unref(struct packed *p)
{
    unsigned refs;

    pthread_mutex_lock(&lock);
    refs = --p->refs;
    pthread_mutex_unlock(&lock);
    if (refs == 0)
        packed_free(p);
}

static void packed_free_fn(void *ctx, void *block)
{
    (void)block;
    packed_unref(ctx);
}

static size_t slot_of(const char *path)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (; *path != '\0'; path++)
        hash = (hash ^ (unsigned char)*path) * 16777619u;
    return hash % GZIP_SLOTS;
}

/* Under `lock`.  Gives what is to be freed once it is released. */
static struct packed *slot_clear(size_t slot)
{
    struct packed *p = slots[slot];

    if (p == NULL)
        return NULL;
    slots[slot] = NULL;
    slots_bytes -= p->bytes.len;
    return --p->refs == 0 ? p : NULL;
}

static int64_t modified_of(const struct stat *facts)
{
    return (int64_t)facts->st_mtim.tv_sec * 1000000000 + facts->st_mtim.tv_nsec;
}

static struct packed *packed_find(const char *path, const struct stat *facts)
{
    struct packed *p;

    pthread_mutex_lock(&lock);
    p = slots[slot_of(path)];
    if (p != NULL && strcmp(p->path, path) == 0 &&
        p->size == (uint64_t)facts->st_size &&
        p->modified_ns == modified_of(facts))
        p->refs++;
    else
        p = NULL;
    pthread_mutex_unlock(&lock);
    return p;
}

static void packed_keep(struct packed *p)
{
    size_t slot = slot_of(p->path);
    struct packed *old;

    pthread_mutex_lock(&lock);
    old = slot_clear(slot);
    if (slots_bytes + p->bytes.len <= GZIP_BYTES) {
        slots[slot] = p;
        slots_bytes += p->bytes.len;
        p->refs++;
    }
    pthread_mutex_unlock(&lock);
    if (old != NULL)
        packed_free(old);
}

void page_fini(void)
{
    for (size_t i = 0; i < GZIP_SLOTS; i++) {
        struct packed *p = slot_clear(i);

        if (p != NULL)
            packed_free(p);
    }
}

/* ---- reading ---- */

/* All of the file, `size` bytes of it, in memory of malloc; NULL. */
static char *read_whole(int fd, size_t size)
{
    char *bytes = malloc(size + 1);
    size_t len = 0;

    while (bytes != NULL && len < size) {
        ssize_t n = pread(fd, bytes + len, size - len, (off_t)len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            free(bytes); /* it has become shorter */
            return NULL;
        }
        len += (size_t)n;
    }
    return bytes;
}

/* ---- compressing ---- */

/* One request that waits for a file to be compressed. */
struct job {
    struct packed *packed;
    int fd;
    int rc;
};

static void job_work(void *ctx)
{
    struct job *j = ctx;
    size_t size = (size_t)j->packed->size;
    char *bytes = read_whole(j->fd, size);

    j->rc = -EIO;
    if (bytes != NULL)
        j->rc = flare_encode(&j->packed->bytes, FLARE_CODING_GZIP,
                             (struct flare_str){bytes, size}, NULL);
    free(bytes);
    if (j->rc == 0)
        packed_keep(j->packed);
}

static struct flare_str type_of(const char *path)
{
    static const char *const types[][2] = {
        {"html", "text/html; charset=utf-8"},
        {"htm", "text/html; charset=utf-8"},
        {"css", "text/css; charset=utf-8"},
        {"js", "text/javascript; charset=utf-8"},
        {"mjs", "text/javascript; charset=utf-8"},
        {"json", "application/json"},
        {"map", "application/json"},
        {"webmanifest", "application/manifest+json"},
        {"svg", "image/svg+xml"},
        {"xml", "text/xml; charset=utf-8"},
        {"txt", "text/plain; charset=utf-8"},
        {"md", "text/markdown; charset=utf-8"},
        {"csv", "text/csv; charset=utf-8"},
        {"wasm", "application/wasm"},
    };
    const char *dot = strrchr(path, '.');

    if (dot == NULL || strchr(dot, '/') != NULL || dot == path ||
        dot[-1] == '/')
        return (struct flare_str){NULL, 0};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (flare_str_equal_nocase(flare_str(dot + 1), flare_str(types[i][0])))
            return flare_str(types[i][1]);
    return (struct flare_str){NULL, 0};
}

static int say_vary(flare_res *res)
{
    return flare_res_header(res, "Vary", FLARE_STR("Accept-Encoding"));
}

/* Takes a reference. */
static int packed_answer(flare_req *req, flare_res *res, struct packed *p)
{
    struct flare_str match = flare_req_header(req, "If-None-Match");
    char tag[64];
    int rc;

    snprintf(tag, sizeof(tag), "W/\"%" PRIx64 "-%" PRIx64 "-gz\"",
             (uint64_t)p->modified_ns, p->size);
    rc = flare_res_header(res, "ETag", flare_str(tag));
    if (rc == 0 && serve.precompressed)
        rc = say_vary(res); /* without it gzip_send has */
    if (rc == 0 && serve.cache_control != NULL)
        rc = flare_res_header(res, "Cache-Control",
                              flare_str(serve.cache_control));
    if (rc == 0 && match.ptr != NULL &&
        (text_has(match, tag) || flare_str_equal(match, FLARE_STR("*"))))
        rc = flare_res_empty(res, 304);
    else if (rc == 0)
        rc = flare_res_header(res, "Content-Encoding", FLARE_STR("gzip"));
    if (rc == 0 && flare_res_status(res) == 0) {
        rc = flare_res_give(res, 200, type_of(p->path), p->bytes,
                            packed_free_fn, p);
        if (rc == 0)
            return rc;
    }
    packed_unref(p);
    return rc;
}

/* Both NULL: nobody waits. */
static void job_done(flare_req *req, flare_res *res, void *ctx)
{
    struct job *j = ctx;
    int rc = j->rc;

    (void)close(j->fd); /* nothing was written to it */
    if (res == NULL || rc < 0)
        packed_unref(j->packed);
    else
        rc = packed_answer(req, res, j->packed);
    if (res != NULL && rc < 0 && flare_res_status(res) == 0)
        (void)!flare_res_text(res, 500, "cannot be read\n"); /* or gone */
    free(j);
}

/* Takes `fd`. */
static int packed_make(flare_req *req, flare_res *res, const char *path, int fd,
                       const struct stat *facts)
{
    struct job *j = calloc(1, sizeof(*j));
    struct packed *p = calloc(1, sizeof(*p));
    int rc = -ENOMEM;

    if (p != NULL)
        p->path = strdup(path);
    if (j == NULL || p == NULL || p->path == NULL) {
        (void)close(fd); /* nothing was written to it */
        free(j);
        if (p != NULL)
            packed_free(p);
        return rc;
    }
    p->refs = 1;
    p->size = (uint64_t)facts->st_size;
    p->modified_ns = modified_of(facts);
    j->packed = p;
    j->fd = fd;
    if (facts->st_size > GZIP_INLINE) {
        rc = flare_offload(res, job_work, job_done, j);
        if (rc == 0)
            return FLARE_LATER;
    } else {
        job_work(j);
        rc = j->rc;
    }
    (void)close(fd); /* nothing was written to it */
    free(j);
    if (rc == 0)
        return packed_answer(req, res, p);
    packed_unref(p);
    return rc;
}

/* Whether gzip is named and its weight is not zero. */
static bool takes_gzip(const flare_req *req)
{
    struct flare_str accept = flare_req_header(req, "Accept-Encoding");

    for (size_t i = 0; i + 4 <= accept.len; i++) {
        struct flare_str rest = {accept.ptr + i, accept.len - i};
        const char *end;

        if (!text_has((struct flare_str){rest.ptr, 4}, "gzip") ||
            (i > 0 && strchr(", \t", rest.ptr[-1]) == NULL))
            continue;
        end = memchr(rest.ptr, ',', rest.len);
        if (end != NULL)
            rest.len = (size_t)(end - rest.ptr);
        for (size_t q = 4; q + 2 < rest.len; q++)
            if (rest.ptr[q] == 'q' && rest.ptr[q + 1] == '=')
                return strtod((char[6]){rest.ptr[q + 2],
                                        q + 3 < rest.len ? rest.ptr[q + 3] : 0,
                                        q + 4 < rest.len ? rest.ptr[q + 4] : 0},
                              NULL) > 0;
        return true;
    }
    return false;
}

static bool is_plain(const flare_req *req)
{
    return flare_req_header(req, "Range").ptr == NULL &&
           flare_req_header(req, "If-Match").ptr == NULL &&
           flare_req_header(req, "If-Unmodified-Since").ptr == NULL &&
           (flare_req_header(req, "If-Modified-Since").ptr == NULL ||
            flare_req_header(req, "If-None-Match").ptr != NULL);
}

static bool has_variant(const char *path)
{
    static const char *const ends[] = {".br", ".gz"};
    char name[SERVE_PATH_BYTES + 4];
    struct stat facts;

    for (int i = 0; serve.precompressed && i < 2; i++) {
        int fd;

        snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        fd = root_open_file(name, &facts);
        if (fd >= 0) {
            (void)close(fd); /* nothing was written to it */
            return true;
        }
    }
    return false;
}

static int gzip_send(flare_req *req, flare_res *res, const char *path)
{
    struct packed *p;
    struct stat facts;
    int fd, rc;

    if (type_of(path).ptr == NULL || has_variant(path))
        return FLARE_E_NOT_FOUND;
    rc = serve.precompressed ? 0 : say_vary(res); /* or the library does */
    if (rc < 0 || !takes_gzip(req) || !is_plain(req))
        return rc < 0 ? rc : FLARE_E_NOT_FOUND;
    fd = root_open_file(path, &facts);
    if (fd < 0)
        return FLARE_E_NOT_FOUND; /* the library says what it is */
    p = packed_find(path, &facts);
    if (p == NULL && facts.st_size >= GZIP_MIN && facts.st_size <= GZIP_MAX)
        return packed_make(req, res, path, fd, &facts);
    (void)close(fd); /* nothing was written to it */
    return p != NULL ? packed_answer(req, res, p) : FLARE_E_NOT_FOUND;
}

/* ---- live ---- */

static int live_send(flare_res *res, const char *path, int status)
{
    static const char script[] =
        "<script src=\"" SERVE_LIVE_SCRIPT "\"></script>";
    struct text t = {.ptr = NULL};
    struct stat facts;
    size_t size, at;
    char *bytes;
    int fd = root_open_file(path, &facts);

    if (fd < 0)
        return FLARE_E_NOT_FOUND;
    size = (size_t)facts.st_size;
    bytes = size <= PAGE_MAX ? read_whole(fd, size) : NULL;
    (void)close(fd); /* nothing was written to it */
    if (bytes == NULL)
        return FLARE_E_NOT_FOUND;
    for (at = size; at > 0; at--)
        if (size - at >= 7 &&
            text_has((struct flare_str){bytes + at, 7}, "</body>"))
            break;
    if (at == 0)
        at = size;
    text_put_bytes(&t, (struct flare_str){bytes, at});
    text_put(&t, serve.live ? script : "");
    text_put_bytes(&t, (struct flare_str){bytes + at, size - at});
    free(bytes);
    if (flare_res_header(res, "Cache-Control", FLARE_STR("no-store")) < 0)
        t.has_failed = true;
    return text_give(&t, res, status, FLARE_STR("text/html; charset=utf-8"));
}

int page_fallback(flare_req *req, flare_res *res, const struct root_path *path)
{
    const char *last = strrchr(path->text, '/');
    int fd;

    if (!serve.live || !serve.spa || strchr(last ? last : path->text, '.') ||
        !text_has(flare_req_header(req, "Accept"), "text/html"))
        return FLARE_E_NOT_FOUND;
    fd = root_open(path->text, O_RDONLY);
    if (fd >= 0) {
        (void)close(fd); /* nothing was written to it */
        return FLARE_E_NOT_FOUND;
    }
    return live_send(res, serve.spa_page, 200);
}

int page_not_found(flare_res *res)
{
    return live_send(res, serve.page_404, 404);
}

/* ---- both ---- */

static int file_send(flare_req *req, flare_res *res, const char *path)
{
    if (serve.live && text_has(type_of(path), "text/html"))
        return live_send(res, path, 200);
    return serve.gzip ? gzip_send(req, res, path) : FLARE_E_NOT_FOUND;
}

int page_send(flare_req *req, flare_res *res, const struct root_path *path)
{
    char name[SERVE_PATH_BYTES + 256];
    int rc = FLARE_E_NOT_FOUND;

    if (!path->is_directory)
        return file_send(req, res, path->text);
    for (int i = 0; serve.index[i] != NULL && rc == FLARE_E_NOT_FOUND; i++) {
        struct stat facts;
        int fd;

        snprintf(name, sizeof(name), "%s%s%s", path->text,
                 path->len > 0 ? "/" : "", serve.index[i]);
        fd = root_open_file(name, &facts);
        if (fd < 0)
            continue;
        (void)close(fd); /* nothing was written to it */
        return file_send(req, res, name);
    }
    return rc;
}
