/* SPDX-License-Identifier: MIT */
/*
 * From a request's path to a name below the root: FAILURES U01, U02, U06.
 *
 * What the kernel would be asked is checked here although it resolves nothing
 * above the root anyway: neither a ".." nor a spelling that another server in
 * front reads otherwise gets that far.
 */
#include "http/files.h"

#include "http/percent.h"

#include <string.h>

static bool path_is_dots(struct flare_str segment)
{
    return segment.len <= 2 && segment.ptr[0] == '.' &&
           segment.ptr[segment.len - 1] == '.';
}

bool flare__files_name_is_served(const struct flare_files *files,
                                 struct flare_str name)
{
    return name.len > 0 && !path_is_dots(name) &&
           memchr(name.ptr, '/', name.len) == NULL &&
           (name.ptr[0] != '.' || files == NULL || files->config.dotfiles);
}

/* RFC 8615: meant to be found by strangers. */
static bool path_is_well_known(const struct flare__files_path *path,
                               struct flare_str name)
{
    return path->len == 0 && flare_str_equal(name, FLARE_STR(".well-known"));
}

bool flare__files_path_join(struct flare__files_path *path,
                            struct flare_str name)
{
    uint32_t at = path->len;

    if (at > 0)
        path->text[at++] = '/'; /* fits: room for a suffix was kept */
    if (name.len > FLARE__FILES_PATH_MAX - FLARE__FILES_SUFFIX_MAX - 2 - at ||
        at > FLARE__FILES_PATH_MAX - FLARE__FILES_SUFFIX_MAX - 2)
        return false;
    memcpy(path->text + at, name.ptr, name.len);
    path->len = at + (uint32_t)name.len;
    path->text[path->len] = '\0';
    return true;
}

static int path_add(struct flare__files_path *path,
                    const struct flare_files *files, struct flare_str segment,
                    bool is_encoded)
{
    char decoded[FLARE__FILES_PATH_MAX];

    if (is_encoded) {
        int len = flare__percent_decode(decoded, sizeof(decoded), segment);

        if (len < 0)
            return len == FLARE_E_BAD_INPUT ? len : FLARE_E_NOT_FOUND;
        segment = (struct flare_str){decoded, (size_t)len};
    }
    if (!flare__files_name_is_served(files, segment) &&
        !path_is_well_known(path, segment))
        return FLARE_E_NOT_FOUND;
    return flare__files_path_join(path, segment) ? 0 : FLARE_E_NOT_FOUND;
}

static int path_read(struct flare__files_path *path,
                     const struct flare_files *files, struct flare_str text,
                     bool is_encoded)
{
    path->len = 0;
    path->text[0] = '\0';
    path->is_directory = text.len == 0;
    while (text.len > 0) {
        const char *slash = memchr(text.ptr, '/', text.len);
        size_t len = slash != NULL ? (size_t)(slash - text.ptr) : text.len;
        int rc = path_add(path, files, (struct flare_str){text.ptr, len},
                          is_encoded);

        if (rc < 0)
            return rc;
        path->is_directory = slash != NULL && len + 1 == text.len;
        if (slash != NULL)
            len++;
        text.ptr += len;
        text.len -= len;
    }
    return 0;
}

/* The rest of a path that the pattern's last segment stands for: raw. */
static struct flare_str path_rest(const char *pattern, struct flare_str path)
{
    const char *last = strrchr(pattern, '/');

    if (last == NULL || last[1] != '*')
        return (struct flare_str){path.ptr, 0};
    /* Both have the same segments before it, none of them empty. */
    for (const char *p = pattern; p <= last; p++) {
        const char *slash;

        if (*p != '/')
            continue;
        slash = memchr(path.ptr, '/', path.len);
        if (slash == NULL)
            return (struct flare_str){path.ptr, 0};
        path.len -= (size_t)(slash + 1 - path.ptr);
        path.ptr = slash + 1;
    }
    return path;
}

int flare__files_path_of(struct flare__files_path *path,
                         const struct flare_files *files,
                         const struct flare_req *req)
{
    struct flare_str text = req->head->path;
    bool has_slash = text.ptr[text.len - 1] == '/';
    int rc;

    if (req->http->options->router != NULL)
        text = path_rest(req->match.pattern, text);
    else if (text.ptr[0] == '/')
        text = (struct flare_str){text.ptr + 1, text.len - 1};
    rc = path_read(path, files, text, /* is_encoded = */ true);
    if (rc == 0 && path->len == 0)
        path->is_directory = has_slash;
    return rc;
}

int flare__files_path_from(struct flare__files_path *path,
                           const struct flare_files *files,
                           struct flare_str text)
{
    if (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL)
        return FLARE_E_BAD_INPUT;
    return path_read(path, files, text, /* is_encoded = */ false);
}
