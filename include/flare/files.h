/* SPDX-License-Identifier: MIT */
/*
 * Static files: a handler that answers GET and HEAD from one directory.
 *
 *     flare_files *files;
 *     int rc = flare_files_open(&files, &(struct flare_files_config){
 *         .root = "/srv/www",
 *     }, &err);
 *
 *     struct flare_handler h = flare_files_handler(files);
 *
 *     flare_router_get(router, "/static", h.fn, h.ctx);
 *     flare_router_get(router, "/static/" "*path", h.fn, h.ctx);
 *
 * or as flare_server_config.handler, for a server of nothing but files.
 *
 * No path leaves the root, whatever is in it: it is decoded once, checked
 * segment by segment, and then resolved by the kernel below the root's
 * descriptor.  Only regular files are sent.  docs/files.md has the rules.
 *
 * Opening and reading happen on the loop: a file is taken to be in the page
 * cache, and a slow file system holds up its worker's other connections.
 */
#ifndef FLARE_FILES_H
#define FLARE_FILES_H

#include <flare/handler.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a directory without an index is. */
enum flare_files_listing {
    FLARE_FILES_LISTING_NONE, /* a 404 */
    FLARE_FILES_LISTING_HTML,
    FLARE_FILES_LISTING_JSON,
    FLARE_FILES_LISTING_AUTO /* JSON if Accept likes it better, else HTML */
};

enum { FLARE_FILES_INDEX_MAX = 4 };

/* The Content-Type of names that end in ".extension", in any case. */
struct flare_files_type {
    const char *extension; /* without the dot */
    const char *type;
};

/*
 * Zero means the default, in brackets.  Strings and lists are borrowed until
 * flare_files_close.
 */
struct flare_files_config {
    /* The directory; required.  Opened once: if the name comes to mean another
     * directory, this one is still served. */
    const char *root;
    /* What a directory is answered with, the first that is there; up to the
     * first NULL; "" alone: nothing ["index.html"]. */
    const char *index[FLARE_FILES_INDEX_MAX + 1];
    enum flare_files_listing listing; /* [NONE] */
    /* Entries of one listing, past which it is cut and says so; 1 to
     * 100 000 [10 000]. */
    uint32_t listing_max;
    /* A file below the root that answers for paths that are not there, if
     * their last segment has no dot and the client takes HTML: for
     * applications that route in the browser [none]. */
    const char *fallback;
    /* Sends name.br or name.gz for name, if it is there and the client takes
     * it; for types that are worth compressing [no]. */
    bool precompressed;
    /* The Cache-Control of files; not of listings and of the fallback, which
     * have "no-cache" [none]. */
    const char *cache_control;
    /* Before the library's own table. */
    const struct flare_files_type *types;
    size_t type_count;
    bool no_etag; /* Last-Modified alone */
    /* Names that begin with a dot are there; else only "/.well-known" [no]. */
    bool dotfiles;
    /* Links are followed, if they stay below the root; without openat2 (before
     * Linux 5.6) never [no]. */
    bool symlinks;
    /* Contents of files up to 64 KiB are kept and looked after again when
     * cache_ms have passed: bytes per worker, up to 1 GiB;
     * FLARE_FILES_UNCACHED: every request asks the file system [4 MiB]. */
    uint32_t cache_bytes_max;
    uint32_t cache_ms; /* 1 to 86 400 000 [1000] */

    struct flare_allocator allocator; /* all NULL: malloc */
};

#define FLARE_FILES_UNCACHED UINT32_MAX

typedef struct flare_files flare_files;

/*
 * flare_files_open(out, config, err): opens the root.  Gives files
 * (flare_files_close) that any number of servers may use.  `err` may be NULL.
 *
 * Returns 0; FLARE_E_BAD_CONFIG; -ENOENT, -ENOTDIR, -EACCES and the like for
 * the root; -ENOMEM.  Thread: any.
 */
#define flare_files_open(...)                                                  \
    flare_files_open_sized(sizeof(struct flare_files_config), __VA_ARGS__)

/* flare_files_open, and how large the caller's configuration is. */
FLARE_API FLARE_MUST_USE int flare_files_open_sized(
    size_t config_size, flare_files **out,
    const struct flare_files_config *config, struct flare_error *err);

/*
 * The handler: below a route that ends in a rest, it answers for that rest; on
 * a route without one, for the root itself; without routes, for the path.
 * Borrows `files`.  Thread: any.
 */
FLARE_API struct flare_handler flare_files_handler(flare_files *files);

/*
 * Answers GET or HEAD with the file `path`, relative to the root, "a/b.css", as
 * the handler would: conditions, ranges and all.  `path` is not decoded; it
 * may come from a peer.  Thread: owner loop.
 *
 * Returns as flare_res_file; FLARE_E_NOT_FOUND for what is no such file or is
 * not served; FLARE_E_METHOD_NOT_ALLOWED.
 */
FLARE_API FLARE_MUST_USE int flare_files_send(flare_files *files,
                                              flare_req *req, flare_res *res,
                                              struct flare_str path);

/* After the servers that use them are freed.  Accepts NULL.  Thread: any. */
FLARE_API void flare_files_close(flare_files *files);

#ifdef __cplusplus
}
#endif
#endif
