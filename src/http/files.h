/* SPDX-License-Identifier: MIT */
/*
 * Static files, as the files_*.c see them:
 *
 *   files.c        the public object, and which file answers a request
 *   files_path.c   from a request's path to a name below the root
 *   files_cache.c  contents that a worker keeps
 *   files_send.c   a file's answer: fields, conditions, ranges
 *   files_list.c   a directory's answer
 */
#ifndef FLARE__HTTP_FILES_H
#define FLARE__HTTP_FILES_H

#include <flare/files.h>

#include "http/accept.h"
#include "http/http.h"
#include "net/file.h"

#include <stdatomic.h>

enum {
    FLARE__FILES_PATH_MAX = 4096,         /* with its NUL: PATH_MAX */
    FLARE__FILES_SUFFIX_MAX = 4,          /* ".gz" */
    FLARE__FILES_ETAG_MAX = 56,           /* three numbers of 16 digits */
    FLARE__FILES_LINES_MAX = 120,         /* ETag and Last-Modified */
    FLARE__FILES_CONTENT_MAX = 64 * 1024, /* of one file that is kept */
    FLARE__FILES_SHARDS = 256             /* workers that can have a cache */
};

/* A name below the root, decoded and checked. */
struct flare__files_path {
    uint32_t len;
    bool is_directory; /* "" or a slash at its end, which is not in it */
    char text[FLARE__FILES_PATH_MAX]; /* and a NUL */
};

/* What an answer says of a file's state: whole lines of a head. */
struct flare__files_validators {
    uint8_t etag_at;  /* the tag alone, in `lines` */
    uint8_t etag_len; /* 0: none */
    uint8_t len;
    char lines[FLARE__FILES_LINES_MAX];
};

struct flare__files_cache;
struct flare__files_entry;

/*
 * A regular file in hand: `content` and its validators, which `entry` of the
 * cache lends until flare__files_drop, or a descriptor to be read from.
 */
struct flare__files_file {
    struct flare__file_facts facts;
    int fd;                                           /* -1: none */
    struct flare__files_entry *entry;                 /* NULL: none */
    const struct flare__files_validators *validators; /* NULL: none */
    const char *content;                              /* NULL: none */
};

/* A worker's cache.  The first request of a loop takes a place for it. */
struct flare__files_shard {
    _Atomic(const flare_loop *) loop;
    struct flare__files_cache *cache; /* touched on that loop only */
};

struct flare_files {
    struct flare_files_config config; /* defaults filled in */
    struct flare_allocator al;
    struct flare__root root;
    struct flare__files_shard shards[FLARE__FILES_SHARDS];
};

/* ---- files_path.c ---- */

/*
 * The name below the root that the request's path means: of a route that ends
 * in a rest, that; of another route, the root; without routes, the whole.
 *
 * Decoded once, segment by segment, so that %2F never separates.  Returns 0;
 * FLARE_E_BAD_INPUT for what percent.h refuses; FLARE_E_NOT_FOUND for an empty
 * segment, ".", "..", one with '/' in it, one with a dot in front that is not
 * served, and what is too long.
 */
FLARE_MUST_USE
int flare__files_path_of(struct flare__files_path *path,
                         const struct flare_files *files,
                         const struct flare_req *req);

/* The same for a text that is not encoded and has no slash in front; `files` is
 * NULL if it is not a peer's: names with a dot in front are right then. */
FLARE_MUST_USE
int flare__files_path_from(struct flare__files_path *path,
                           const struct flare_files *files,
                           struct flare_str text);

/* Appends a name, a '/' before it if need be.  False: too long. */
bool flare__files_path_join(struct flare__files_path *path,
                            struct flare_str name);

/* Whether a segment of this name may be served. */
bool flare__files_name_is_served(const struct flare_files *files,
                                 struct flare_str name);

/* ---- files_cache.c ---- */

/* The cache of the request's worker; NULL: there is none. */
struct flare__files_cache *flare__files_cache_of(struct flare_files *files,
                                                 const flare_req *req);
void flare__files_cache_free(struct flare__files_cache *cache);

/*
 * A regular file below the root.  `is_derived` says that the library made up
 * the name, so that its absence may be remembered too: a peer cannot fill the
 * cache with names.
 *
 * Returns 0, and the caller drops the file; FLARE_E_NOT_FOUND; -EISDIR, with
 * file->fd of the directory, to be closed; -ENOMEM and the like.
 */
FLARE_MUST_USE
int flare__files_get(struct flare_files *files, struct flare__files_cache *c,
                     const flare_loop *loop, struct flare_str path,
                     bool is_derived, struct flare__files_file *file);

/* Done with what flare__files_get gave. */
void flare__files_drop(struct flare__files_file *file);

/*
 * Done with the entry; a flare_free_fn, for a body that is given.  On the
 * worker's loop, or once that has ended.
 */
void flare__files_unlend(void *entry, void *content);

/* ---- files_send.c ---- */

/* What is to be sent, and what the answer says about it. */
struct flare__files_answer {
    struct flare__files_file file;
    struct flare_str type;
    enum flare__coding coding;
    bool has_variants; /* Vary: Accept-Encoding */
    const char *cache_control;
};

/* The values of the request's fields of that name. */
struct flare__values flare__files_values(struct flare_req *req,
                                         const char *name,
                                         struct flare_str *first);

/* Answers; takes the file on success. */
FLARE_MUST_USE
int flare__files_answer(const struct flare_files *files, flare_req *req,
                        flare_res *res, struct flare__files_answer *answer);

/* Writes a file's entity tag; its length. */
size_t flare__files_etag(char out[FLARE__FILES_ETAG_MAX],
                         const struct flare__file_facts *facts);

/* Writes what the answers of `files` say of that state of a file. */
void flare__files_validate(struct flare__files_validators *v,
                           const struct flare_files *files,
                           const struct flare__file_facts *facts);

/* ---- files_list.c ---- */

/* Answers with the entries of directory `fd`; takes it on success. */
FLARE_MUST_USE
int flare__files_list(const struct flare_files *files, flare_req *req,
                      flare_res *res, const struct flare__files_path *path,
                      int fd);

#endif
