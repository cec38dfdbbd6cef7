/* SPDX-License-Identifier: MIT */
/*
 * The public object, and which file answers a request: the one named, a
 * directory's index, a variant that was compressed before, or the fallback.
 */
#include "http/files.h"

#include "base/alloc.h"
#include "base/log.h"
#include "http/chars.h"
#include "http/mime.h"

#include <errno.h>
#include <string.h>

enum {
    FILES_LISTING_DEFAULT = 10000,
    FILES_LISTING_MAX = 100000,
    FILES_CACHE_DEFAULT = 4 << 20,
    FILES_CACHE_MAX = 1 << 30,
    FILES_CACHE_MS_DEFAULT = 1000,
    FILES_CACHE_MS_MAX = 86400000,
    FILES_TYPE_MAX = 256 /* what flare_res_file takes */
};

#define FILES_NO_CACHE "no-cache"

/* ---- opening ---- */

static bool files_is_value(const char *text)
{
    for (; *text != '\0'; text++)
        if (!flare__char_is(*text, FLARE__CHAR_VALUE))
            return false;
    return true;
}

static bool files_is_name(const char *name)
{
    struct flare__files_path path;

    return flare__files_path_from(&path, NULL, flare_str(name)) == 0 &&
           !path.is_directory;
}

static int files_check_names(const struct flare_files_config *c,
                             struct flare_error *err)
{
    for (int i = 0; i < FLARE_FILES_INDEX_MAX && c->index[i] != NULL; i++)
        if (c->index[i][0] != '\0' && !files_is_name(c->index[i]))
            return flare__error(err, FLARE_E_BAD_CONFIG,
                                "files: index '%s' is no name below the root",
                                c->index[i]);
    if (c->index[FLARE_FILES_INDEX_MAX] != NULL)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "files: more than %d names of an index",
                            FLARE_FILES_INDEX_MAX);
    if (c->fallback != NULL && !files_is_name(c->fallback))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "files: fallback '%s' is no name below the root",
                            c->fallback);
    if (c->cache_control != NULL && !files_is_value(c->cache_control))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "files: cache_control is no field value");
    for (size_t i = 0; i < c->type_count; i++)
        if (strlen(c->types[i].type) > FILES_TYPE_MAX ||
            !files_is_value(c->types[i].type))
            return flare__error(err, FLARE_E_BAD_CONFIG,
                                "files: the type of '%s' is no field value",
                                c->types[i].extension);
    return 0;
}

static int files_check(struct flare_files_config *c, struct flare_error *err)
{
    if (c->root == NULL)
        return flare__error(err, FLARE_E_BAD_CONFIG, "files: root is required");
    if (c->index[0] == NULL)
        c->index[0] = "index.html";
    if (c->listing_max == 0)
        c->listing_max = FILES_LISTING_DEFAULT;
    if (c->cache_bytes_max == 0)
        c->cache_bytes_max = FILES_CACHE_DEFAULT;
    if (c->cache_ms == 0)
        c->cache_ms = FILES_CACHE_MS_DEFAULT;
    if (c->listing > FLARE_FILES_LISTING_AUTO)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "files: listing is none of its values");
    if (c->listing_max > FILES_LISTING_MAX)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "files: listing_max is above %d",
                            FILES_LISTING_MAX);
    if (c->cache_bytes_max > FILES_CACHE_MAX &&
        c->cache_bytes_max != FLARE_FILES_UNCACHED)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "files: cache_bytes_max is above 1 GiB");
    if (c->cache_ms > FILES_CACHE_MS_MAX)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "files: cache_ms is above %d", FILES_CACHE_MS_MAX);
    if ((c->allocator.alloc_fn == NULL) != (c->allocator.free_fn == NULL) ||
        (c->allocator.alloc_fn == NULL) != (c->allocator.realloc_fn == NULL))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "files: an allocator has all three or none");
    return files_check_names(c, err);
}

int flare_files_open_sized(size_t config_size, flare_files **out,
                           const struct flare_files_config *config,
                           struct flare_error *err)
{
    struct flare_files_config c = {.root = NULL};
    flare_files *files;
    int rc;

    if (config_size > sizeof(c))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "files: built for a newer flare than this %s",
                            FLARE_VERSION);
    memcpy(&c, config, config_size);
    rc = files_check(&c, err);
    if (rc < 0)
        return rc;
    if (c.allocator.alloc_fn == NULL)
        c.allocator = flare__allocator_default;
    files = flare__calloc(&c.allocator, 1, sizeof(*files));
    if (files == NULL)
        return flare__error(err, -ENOMEM, "files: out of memory");
    files->config = c;
    files->al = c.allocator;
    rc = flare__root_open(&files->root, c.root, c.symlinks);
    if (rc < 0) {
        flare__free(&c.allocator, files);
        return flare__error(err, rc, "files: root '%s': %s", c.root,
                            flare_strerror(rc));
    }
    *out = files;
    return 0;
}

void flare_files_close(flare_files *files)
{
    struct flare_allocator al;

    if (files == NULL)
        return;
    for (int i = 0; i < FLARE__FILES_SHARDS; i++)
        flare__files_cache_free(files->shards[i].cache);
    flare__root_close(&files->root);
    al = files->al;
    flare__free(&al, files);
}

/* ---- one file ---- */

/* One request's way through the files. */
struct files_visit {
    flare_files *files;
    struct flare__files_cache *cache;
    flare_req *req;
    flare_res *res;
    const char *cache_control;
};

static int visit_get(const struct files_visit *v,
                     const struct flare__files_path *path, bool is_derived,
                     struct flare__files_file *file)
{
    return flare__files_get(v->files, v->cache, v->req->http->loop,
                            (struct flare_str){path->text, path->len},
                            is_derived, file);
}

static struct flare_str files_type(const struct flare_files *files,
                                   const struct flare__files_path *path)
{
    const struct flare_files_config *c = &files->config;
    struct flare_str text = {path->text, path->len};

    for (size_t i = 0; i < c->type_count; i++) {
        struct flare_str ext = flare_str(c->types[i].extension);
        struct flare_str end;

        if (text.len <= ext.len + 1)
            continue;
        end = (struct flare_str){text.ptr + text.len - ext.len, ext.len};
        if (end.ptr[-1] == '.' && end.ptr[-2] != '/' &&
            flare_str_equal_nocase(end, ext))
            return flare_str(c->types[i].type);
    }
    return flare__mime_of_path(text);
}

/* Looks for the file compressed with `coding`.  As flare__files_get. */
static int visit_variant(const struct files_visit *v,
                         struct flare__files_path *path,
                         enum flare__coding coding,
                         struct flare__files_file *file)
{
    uint32_t len = path->len;
    int rc;

    memcpy(path->text + len, coding == FLARE__CODING_BR ? ".br" : ".gz", 4);
    path->len += 3;
    rc = visit_get(v, path, /* is_derived = */ true, file);
    path->len = len;
    path->text[len] = '\0';
    if (rc == -EISDIR) {
        flare__file_close(file->fd);
        rc = FLARE_E_NOT_FOUND;
    }
    return rc;
}

/* Puts the best variant there is into `answer`, which has the file itself. */
static int visit_negotiate(const struct files_visit *v,
                           struct flare__files_path *path,
                           struct flare__files_answer *answer)
{
    enum flare__coding offered[] = {FLARE__CODING_BR, FLARE__CODING_GZIP};
    struct flare__files_file file;
    struct flare_str first;
    struct flare__values accept =
        flare__files_values(v->req, "Accept-Encoding", &first);

    for (size_t count = 2;;) {
        enum flare__coding coding =
            flare__accept_coding(accept, offered, count);
        int rc;

        if (coding == FLARE__CODING_IDENTITY || coding == FLARE__CODING_NONE)
            break;
        rc = visit_variant(v, path, coding, &file);
        if (rc == 0) {
            flare__files_drop(&answer->file);
            answer->file = file;
            answer->coding = coding;
            return 0;
        }
        if (rc != FLARE_E_NOT_FOUND && rc != FLARE_E_FORBIDDEN)
            return rc;
        if (coding == offered[0])
            offered[0] = offered[1];
        count--;
    }
    return 0;
}

/* Answers with `file` of that path; drops it on failure. */
static int visit_send(const struct files_visit *v,
                      struct flare__files_path *path,
                      const struct flare__files_file *file)
{
    struct flare__files_answer answer = {
        .file = *file,
        .type = files_type(v->files, path),
        .coding = FLARE__CODING_IDENTITY,
        .cache_control = v->cache_control,
    };
    int rc = 0;

    if (v->files->config.precompressed &&
        flare__mime_is_compressible(answer.type)) {
        answer.has_variants = true;
        rc = visit_negotiate(v, path, &answer);
    }
    if (rc == 0)
        rc = flare__files_answer(v->files, v->req, v->res, &answer);
    if (rc < 0)
        flare__files_drop(&answer.file);
    return rc;
}

/* ---- directories ---- */

static int visit_index(const struct files_visit *v,
                       const struct flare__files_path *directory,
                       const char *name)
{
    struct flare__files_path path = *directory;
    struct flare__files_file file;
    int rc;

    if (name[0] == '\0' || !flare__files_path_join(&path, flare_str(name)))
        return FLARE_E_NOT_FOUND;
    rc = visit_get(v, &path, /* is_derived = */ false, &file);
    if (rc == -EISDIR) {
        flare__file_close(file.fd);
        return FLARE_E_NOT_FOUND;
    }
    return rc < 0 ? rc : visit_send(v, &path, &file);
}

static int visit_directory(const struct files_visit *v,
                           const struct flare__files_path *path)
{
    const struct flare_files_config *c = &v->files->config;
    struct flare__files_file file;
    int rc;

    for (int i = 0; i < FLARE_FILES_INDEX_MAX && c->index[i] != NULL; i++) {
        rc = visit_index(v, path, c->index[i]);
        if (rc != FLARE_E_NOT_FOUND)
            return rc;
    }
    if (c->listing == FLARE_FILES_LISTING_NONE)
        return FLARE_E_NOT_FOUND;
    rc = visit_get(v, path, /* is_derived = */ false, &file);
    if (rc == -EISDIR) {
        rc = flare__files_list(v->files, v->req, v->res, path, file.fd);
        if (rc < 0)
            flare__file_close(file.fd);
    } else if (rc == 0) {
        flare__files_drop(&file); /* a file with a slash behind it */
        rc = FLARE_E_NOT_FOUND;
    }
    return rc;
}

/* ---- requests ---- */

/* 1 << method. */
enum {
    FILES_METHODS = 1 << FLARE_METHOD_GET | 1 << FLARE_METHOD_HEAD |
                    1 << FLARE_METHOD_OPTIONS
};

static int visit_begin(struct files_visit *v, flare_files *files,
                       flare_req *req, flare_res *res)
{
    enum flare_method method = flare_req_method(req);

    if (method != FLARE_METHOD_GET && method != FLARE_METHOD_HEAD) {
        req->match.allowed = FILES_METHODS;
        return FLARE_E_METHOD_NOT_ALLOWED;
    }
    *v = (struct files_visit){
        .files = files,
        .cache = flare__files_cache_of(files, req),
        .req = req,
        .res = res,
        .cache_control = files->config.cache_control,
    };
    return 0;
}

/* Whether a path that is not there may be one of the application's. */
static bool visit_may_fall_back(const struct files_visit *v,
                                const struct flare__files_path *path)
{
    struct flare_str first;

    for (uint32_t i = path->len; i > 0 && path->text[i - 1] != '/'; i--)
        if (path->text[i - 1] == '.')
            return false;
    return flare__accept_weight(flare__files_values(v->req, "Accept", &first),
                                FLARE_STR("text/html")) > 0;
}

static int visit_fallback(struct files_visit *v)
{
    struct flare__files_path path;
    struct flare__files_file file;
    int rc = flare__files_path_from(&path, NULL,
                                    flare_str(v->files->config.fallback));

    if (rc == 0)
        rc = visit_get(v, &path, /* is_derived = */ false, &file);
    if (rc == -EISDIR) {
        flare__file_close(file.fd);
        rc = FLARE_E_NOT_FOUND;
    }
    v->cache_control = FILES_NO_CACHE;
    return rc < 0 ? rc : visit_send(v, &path, &file);
}

static int visit_path(const struct files_visit *v,
                      struct flare__files_path *path)
{
    struct flare__files_file file;
    int rc;

    if (path->is_directory)
        return visit_directory(v, path);
    rc = visit_get(v, path, /* is_derived = */ false, &file);
    if (rc != -EISDIR)
        return rc < 0 ? rc : visit_send(v, path, &file);
    flare__file_close(file.fd);
    return flare__router_redirect(v->req, v->res);
}

static int on_files(flare_req *req, flare_res *res)
{
    struct flare__files_path path;
    struct files_visit v;
    int rc = flare_req_method(req) == FLARE_METHOD_OPTIONS;

    if (rc != 0) {
        rc = flare_res_header(res, "Allow", FLARE_STR("GET, HEAD, OPTIONS"));
        return rc < 0 ? rc : flare_res_empty(res, 204);
    }
    rc = visit_begin(&v, flare_req_ctx(req), req, res);
    if (rc == 0)
        rc = flare__files_path_of(&path, v.files, req);
    if (rc < 0)
        return rc;
    rc = visit_path(&v, &path);
    if (rc == FLARE_E_NOT_FOUND && v.files->config.fallback != NULL &&
        visit_may_fall_back(&v, &path))
        rc = visit_fallback(&v);
    return rc;
}

struct flare_handler flare_files_handler(flare_files *files)
{
    return (struct flare_handler){on_files, files};
}

int flare_files_send(flare_files *files, flare_req *req, flare_res *res,
                     struct flare_str path)
{
    struct flare__files_path name;
    struct flare__files_file file;
    struct files_visit v;
    int rc = visit_begin(&v, files, req, res);

    if (rc == 0)
        rc = flare__files_path_from(&name, files, path);
    if (rc < 0)
        return rc;
    if (name.is_directory)
        return FLARE_E_NOT_FOUND;
    rc = visit_get(&v, &name, /* is_derived = */ false, &file);
    if (rc == -EISDIR) {
        flare__file_close(file.fd);
        return FLARE_E_NOT_FOUND;
    }
    return rc < 0 ? rc : visit_send(&v, &name, &file);
}
