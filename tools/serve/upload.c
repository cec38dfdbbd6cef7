/* SPDX-License-Identifier: MIT */
/*
 * Writing blocks the worker as reading does.  What is cut off leaves nothing:
 * the hidden file is removed when the request ends.
 *
 * A form of another site's page could be sent here by a browser: a POST whose
 * Origin is not this host is refused.  A PUT from there is asked about before.
 */
#include "tools/serve/upload.h"

#include "tools/serve/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif

struct upload {
    int dir; /* where it comes to lie */
    int fd;  /* of the hidden file; -1: none */
    char hidden[64];
    char name[256];
    bool has_replaced;
    size_t stored; /* files of the form */
    flare_multipart *form;
};

static int refused(int rc)
{
    switch (rc) {
    case -ENOENT:
    case -ENOTDIR:
    case -ELOOP:
        return FLARE_E_NOT_FOUND;
    case -EACCES:
    case -EPERM:
    case -EROFS:
        return FLARE_E_FORBIDDEN;
    case -EEXIST:
    case -EISDIR:
    case -ENOTEMPTY:
        return FLARE_E_CONFLICT;
    default:
        return rc;
    }
}

static int file_begin(struct upload *u, struct flare_str name)
{
    static atomic_uint count;

    if (!root_is_served(name))
        return FLARE_E_BAD_INPUT;
    snprintf(u->name, sizeof(u->name), "%.*s", FLARE_STR_ARG(name));
    if (!serve.overwrite &&
        faccessat(u->dir, u->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return FLARE_E_CONFLICT; /* before the body has come in vain */
    snprintf(u->hidden, sizeof(u->hidden), ".flare-upload-%ld-%u",
             (long)getpid(), atomic_fetch_add(&count, 1));
    u->fd = openat(u->dir, u->hidden,
                   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    return u->fd < 0 ? refused(-errno) : 0;
}

static int file_write(struct upload *u, struct flare_str bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(u->fd, bytes.ptr, bytes.len);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            bytes.ptr += n, bytes.len -= (size_t)n;
    }
    return 0;
}

static int rename_new(int dir, const char *from, const char *to)
{
#ifdef SYS_renameat2
    if (syscall(SYS_renameat2, dir, from, dir, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != ENOSYS && errno != EINVAL)
        return -errno;
#endif
    if (linkat(dir, from, dir, to, 0) < 0) /* what has no such flag */
        return -errno;
    (void)unlinkat(dir, from, 0); /* it has the other name already */
    return 0;
}

static int file_end(struct upload *u)
{
    int rc = close(u->fd) < 0 ? -errno : 0; /* NFS tells of a full disk here */

    u->fd = -1;
    if (rc == 0 && serve.overwrite) {
        struct stat facts;

        u->has_replaced =
            fstatat(u->dir, u->name, &facts, AT_SYMLINK_NOFOLLOW) == 0;
        if (u->has_replaced && !S_ISREG(facts.st_mode))
            rc = -EEXIST;
        else if (renameat(u->dir, u->hidden, u->dir, u->name) < 0)
            rc = -errno;
    } else if (rc == 0) {
        rc = rename_new(u->dir, u->hidden, u->name);
    }
    if (rc < 0)
        (void)unlinkat(u->dir, u->hidden, 0); /* nothing else to be done */
    else
        u->stored++;
    return refused(rc);
}

static void upload_on_done(flare_req *req, flare_res *res,
                           const struct flare_outcome *outcome, void *ctx)
{
    struct upload *u = ctx;

    (void)req, (void)res, (void)outcome;
    if (u->fd >= 0) {
        (void)close(u->fd); /* it goes away */
        (void)unlinkat(u->dir, u->hidden, 0);
    }
    if (u->dir >= 0)
        (void)close(u->dir); /* nothing was written to it */
}

/* Opens the directory `path`; the upload lives as long as the request. */
static int upload_begin(struct upload **out, flare_req *req, flare_res *res,
                        const char *path)
{
    struct upload *u = flare_req_alloc(req, sizeof(*u));
    int rc;

    if (u == NULL)
        return -ENOMEM;
    memset(u, 0, sizeof(*u));
    u->fd = -1;
    u->dir = root_open(path, O_RDONLY | O_DIRECTORY);
    if (u->dir < 0)
        return refused(u->dir);
    rc = flare_res_on_done(res, upload_on_done, u);
    if (rc < 0)
        (void)close(u->dir); /* nothing was written to it */
    *out = u;
    return rc;
}

/* ---- PUT ---- */

static int on_put(flare_req *req, flare_res *res, struct flare_str piece,
                  bool is_last, void *ctx)
{
    struct upload *u = ctx;
    int rc = file_write(u, piece);

    if (rc < 0 || !is_last)
        return rc;
    rc = file_end(u);
    if (rc == 0 && !u->has_replaced)
        rc = flare_res_header(res, "Location", flare_req_path(req));
    if (rc < 0)
        return rc;
    return u->has_replaced ? flare_res_empty(res, 204)
                           : flare_res_text(res, 201, "stored\n");
}

int upload_put(flare_req *req, flare_res *res)
{
    struct flare_str name;
    struct root_path path;
    struct upload *u;
    char *slash;
    int rc = root_path_of(&path, req);

    if (rc == 0 && (path.is_directory || path.len == 0))
        rc = FLARE_E_CONFLICT; /* a file is stored, not a directory */
    if (rc == 0 && flare_req_header(req, "Content-Range").ptr != NULL)
        rc = FLARE_E_BAD_INPUT; /* RFC 9110 section 14.5: no part of a file */
    if (rc < 0)
        return rc;
    slash = strrchr(path.text, '/');
    name = flare_str(slash != NULL ? slash + 1 : path.text);
    if (slash != NULL)
        *slash = '\0';
    rc = upload_begin(&u, req, res, slash != NULL ? path.text : "");
    if (rc == 0)
        rc = file_begin(u, name);
    if (rc == 0)
        rc = flare_req_read(req, on_put, u);
    return rc < 0 ? rc : FLARE_LATER;
}

/* ---- POST ---- */

static int form_event(struct upload *u, int event, const struct flare_part *p)
{
    struct flare_str name;

    switch (event) {
    case FLARE_MULTIPART_PART:
        if (p->filename.ptr == NULL || p->filename.len == 0)
            return 0; /* a field that is no file */
        name = flare_filename_safe(p->filename);
        return name.ptr != NULL ? file_begin(u, name) : FLARE_E_BAD_INPUT;
    case FLARE_MULTIPART_DATA:
        return u->fd >= 0 ? file_write(u, p->body) : 0;
    case FLARE_MULTIPART_PART_END:
        return u->fd >= 0 ? file_end(u) : 0;
    default:
        return 0;
    }
}

static int on_post(flare_req *req, flare_res *res, struct flare_str piece,
                   bool is_last, void *ctx)
{
    struct upload *u = ctx;
    struct flare_part part;
    int rc = 0, event;

    flare_multipart_feed(u->form, piece, is_last);
    while (rc == 0 && (event = flare_multipart_read(u->form, &part)) != 0) {
        if (event < 0)
            return event;
        rc = form_event(u, event, &part);
        if (event == FLARE_MULTIPART_END)
            break;
    }
    if (rc < 0 || !is_last)
        return rc;
    if (u->stored == 0)
        return FLARE_E_BAD_INPUT;
    rc = flare_res_header(res, "Location", flare_req_path(req));
    return rc < 0 ? rc : flare_res_text(res, 303, "stored\n");
}

static bool is_of_here(const flare_req *req)
{
    struct flare_str origin = flare_req_header(req, "Origin");
    struct flare_str host = flare_req_host(req);
    const char *slashes;

    if (origin.ptr == NULL)
        return true; /* no browser */
    if (origin.len < host.len + 3)
        return false;
    slashes = origin.ptr + origin.len - host.len - 3;
    return memcmp(slashes, "://", 3) == 0 &&
           flare_str_equal_nocase((struct flare_str){slashes + 3, host.len},
                                  host);
}

int upload_post(flare_req *req, flare_res *res)
{
    struct root_path path;
    struct upload *u;
    int rc = root_path_of(&path, req);

    if (rc == 0 && !path.is_directory)
        rc = FLARE_E_METHOD_NOT_ALLOWED;
    if (rc == 0 && !is_of_here(req))
        rc = FLARE_E_FORBIDDEN;
    if (rc == 0)
        rc = upload_begin(&u, req, res, path.text);
    if (rc == 0)
        rc = flare_req_multipart(req, &u->form);
    if (rc == 0)
        rc = flare_req_read(req, on_post, u);
    return rc < 0 ? rc : FLARE_LATER;
}
