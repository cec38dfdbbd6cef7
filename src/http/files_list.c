/* SPDX-License-Identifier: MIT */
/*
 * The answer of a directory: its entries as HTML or JSON, sorted by the bytes
 * of their names, and only those that a request could name: UTF-8 without
 * control characters, regular files, directories, and links where they are
 * followed.
 *
 * The names are read at once, up to listing_max; what they are is asked while
 * the answer is written, as fast as the peer takes it.  Nothing a name has in
 * it is markup, a scheme or a path: it is escaped for where it stands.
 *
 * Bound: listing_max names of up to 255 bytes, from here to the answer's end.
 */
#include "http/files.h"

#include "base/alloc.h"
#include "base/utf8.h"
#include "http/date.h"

#include <flare/json.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    LIST_NAMES_MIN = 4096, /* bytes of names, at first */
    LIST_PIECE_ROWS = 32,  /* entries of one piece of the answer */
    LIST_NAME_MAX = 255,
    LIST_ROW_MAX = 4096 /* a name escaped twice, and what is around it */
};

struct list {
    const struct flare_files *files;
    const struct flare_allocator *al;
    int fd;
    bool is_json;
    bool is_cut; /* there are more than listing_max */
    bool has_begun;
    bool has_rows; /* one was written */
    char *names;   /* one behind another, each with its NUL */
    size_t len;
    size_t cap;
    const char **sorted;
    uint32_t count;
    uint32_t next;
    struct flare__files_path path;
};

static void list_free(struct list *l)
{
    const struct flare_allocator *al = l->al;

    flare__file_close(l->fd);
    flare__free(al, l->names);
    flare__free(al, l->sorted);
    flare__free(al, l);
}

/* ---- names ---- */

static bool list_is_name(const struct list *l, struct flare_str name)
{
    if (name.len > LIST_NAME_MAX ||
        !flare__files_name_is_served(l->files, name) ||
        !flare__utf8_is_valid(name))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];

        if (c < 0x20 || c == 0x7F || c == '\\')
            return false;
    }
    return true;
}

static int list_on_name(void *ctx, struct flare_str name)
{
    struct list *l = ctx;

    if (!list_is_name(l, name))
        return 0;
    if (l->count == l->files->config.listing_max) {
        l->is_cut = true;
        return 1;
    }
    if (name.len + 1 > l->cap - l->len) {
        size_t cap = l->cap != 0 ? l->cap * 2 : LIST_NAMES_MIN;
        char *names = flare__realloc(l->al, l->names, cap);

        if (names == NULL)
            return -ENOMEM;
        l->names = names;
        l->cap = cap;
    }
    memcpy(l->names + l->len, name.ptr, name.len + 1);
    l->len += name.len + 1;
    l->count++;
    return 0;
}

/* Lets the name at `at` sink to its place in a heap of `count`. */
static void list_sink(const char **names, uint32_t at, uint32_t count)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        const char *name = names[at];

        if (child >= count)
            return;
        if (child + 1 < count && strcmp(names[child], names[child + 1]) < 0)
            child++;
        if (strcmp(name, names[child]) >= 0)
            return;
        names[at] = names[child];
        names[child] = name;
        at = child;
    }
}

/* In place, and never slow, whatever the names. */
static void list_sort(const char **names, uint32_t count)
{
    for (uint32_t i = count / 2; i-- > 0;)
        list_sink(names, i, count);
    for (uint32_t end = count; end-- > 1;) {
        const char *name = names[0];

        names[0] = names[end];
        names[end] = name;
        list_sink(names, 0, end);
    }
}

static int list_read(struct list *l)
{
    const char *name;
    int rc = flare__file_names(l->fd, list_on_name, l);

    if (rc < 0)
        return rc;
    l->sorted = flare__calloc(l->al, (size_t)l->count + 1, sizeof(name));
    if (l->sorted == NULL)
        return -ENOMEM;
    name = l->names;
    for (uint32_t i = 0; i < l->count; i++) {
        l->sorted[i] = name;
        name += strlen(name) + 1;
    }
    list_sort(l->sorted, l->count);
    return 0;
}

/* ---- escaping ---- */

/* Text for HTML, also inside quotation marks; `out` has six times its room, and
 * a NUL. */
static void escape_html(char *out, const char *text)
{
    for (; *text != '\0'; text++) {
        const char *as = *text == '&'    ? "&amp;"
                         : *text == '<'  ? "&lt;"
                         : *text == '>'  ? "&gt;"
                         : *text == '"'  ? "&quot;"
                         : *text == '\'' ? "&#39;"
                                         : NULL;
        size_t n = as != NULL ? strlen(as) : 1;

        memcpy(out, as != NULL ? as : text, n);
        out += n;
    }
    *out = '\0';
}

/* A segment of a URL; `out` has three times its room, and a NUL. */
static void escape_url(char *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            (c >= '0' && c <= '9') || strchr("-._~", c) != NULL) {
            *out++ = *text;
            continue;
        }
        *out++ = '%';
        *out++ = "0123456789ABCDEF"[c >> 4];
        *out++ = "0123456789ABCDEF"[c & 15];
    }
    *out = '\0';
}

/* ---- writing: each piece in one call, which says 1 when it is enough ---- */

static int list_write(flare_res *res, const char *text, int len)
{
    return flare_res_write(res, (struct flare_str){text, (size_t)len});
}

static char *put(char *p, struct flare_str text)
{
    memcpy(p, text.ptr, text.len);
    return p + text.len;
}

static int list_begin(struct list *l, flare_res *res)
{
    struct flare_str start = FLARE_STR(
        "<!doctype html>\n<html><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width\">\n<title>/");
    struct flare_str table = FLARE_STR("</title></head><body>\n<table>\n");
    struct flare_str up =
        FLARE_STR("<tr><td><a href=\"../\">../</a><td><td>\n");
    char *text, *p;
    int rc;

    if (l->is_json)
        return list_write(res, "{\"entries\":[", 12);
    text = flare__alloc(l->al, start.len + 6 * (size_t)l->path.len + table.len +
                                   up.len + 1);
    if (text == NULL)
        return -ENOMEM;
    p = put(text, start);
    escape_html(p, l->path.text);
    p = put(p + strlen(p), table);
    if (l->path.len > 0)
        p = put(p, up);
    rc = list_write(res, text, (int)(p - text));
    flare__free(l->al, text);
    return rc;
}

static int list_end(struct list *l, flare_res *res)
{
    char text[128];
    int len, rc;

    if (l->is_json)
        len = snprintf(text, sizeof(text), "],\"truncated\":%s}\n",
                       l->is_cut ? "true" : "false");
    else
        len = snprintf(text, sizeof(text), "</table>\n%s</body></html>\n",
                       l->is_cut ? "<p>There are more.</p>\n" : "");
    rc = list_write(res, text, len);
    return rc < 0 ? rc : flare_res_finish(res);
}

static int row_html(flare_res *res, const char *name,
                    const struct flare__file_facts *facts)
{
    const char *slash = facts->kind == FLARE__FILE_DIRECTORY ? "/" : "";
    char text[LIST_ROW_MAX];
    char url[3 * LIST_NAME_MAX + 1];
    char html[6 * LIST_NAME_MAX + 1];
    char date[FLARE__DATE_LEN];
    char size[24] = "";
    int len;

    escape_url(url, name);
    escape_html(html, name);
    flare__date_write(date, facts->modified_ns / 1000000000);
    if (facts->kind == FLARE__FILE_REGULAR)
        (void)snprintf(size, sizeof(size), "%" PRIu64, facts->size);
    /* "./" so that no name can be a scheme */
    len = snprintf(text, sizeof(text),
                   "<tr><td><a href=\"./%s%s\">%s%s</a><td>%s<td>%.*s\n", url,
                   slash, html, slash, size, FLARE__DATE_LEN, date);
    return list_write(res, text, len);
}

static int row_json(struct list *l, flare_res *res, const char *name,
                    const struct flare__file_facts *facts)
{
    static const char *const kinds[] = {"file", "directory", "link", "other"};
    char text[LIST_ROW_MAX] = ",";
    struct flare_json json;
    int rc;

    flare_json_init(&json, l->al, sizeof(text) - 1);
    flare_json_begin_object(&json);
    flare_json_key(&json, "name");
    flare_json_string(&json, flare_str(name));
    flare_json_key(&json, "type");
    flare_json_string(&json, flare_str(kinds[facts->kind]));
    if (facts->kind == FLARE__FILE_REGULAR) {
        flare_json_key(&json, "size");
        flare_json_u64(&json, facts->size);
    }
    flare_json_key(&json, "modified");
    flare_json_i64(&json, facts->modified_ns / 1000000000);
    flare_json_end_object(&json);
    rc = flare_json_finish(&json);
    if (rc == 0) {
        struct flare_str row = flare_json_bytes(&json);
        int skip = l->has_rows ? 0 : 1;

        memcpy(text + 1, row.ptr, row.len);
        rc = list_write(res, text + skip, (int)row.len + 1 - skip);
        l->has_rows = true;
    }
    flare_json_fini(&json);
    return rc;
}

static int list_row(struct list *l, flare_res *res, const char *name)
{
    struct flare__file_facts facts;

    if (flare__file_look(l->fd, name, &facts) < 0 ||
        facts.kind == FLARE__FILE_OTHER ||
        (facts.kind == FLARE__FILE_LINK && !l->files->config.symlinks))
        return 0;
    return l->is_json ? row_json(l, res, name, &facts)
                      : row_html(res, name, &facts);
}

static int list_pull(flare_req *req, flare_res *res, void *ctx)
{
    struct list *l = ctx;
    int rc = 0;

    (void)req;
    if (!l->has_begun) {
        rc = list_begin(l, res);
        l->has_begun = true;
    }
    for (int i = 0; rc == 0 && i < LIST_PIECE_ROWS && l->next < l->count; i++)
        rc = list_row(l, res, l->sorted[l->next++]);
    if (rc == 0 && l->next == l->count)
        rc = list_end(l, res);
    return rc < 0 ? rc : 0;
}

/* ---- the answer ---- */

static void list_on_done(flare_req *req, flare_res *res,
                         const struct flare_outcome *outcome, void *ctx)
{
    (void)req;
    (void)res;
    (void)outcome;
    list_free(ctx);
}

static int list_send(struct list *l, flare_req *req, flare_res *res)
{
    struct flare_str type = l->is_json ? FLARE_STR("application/json")
                                       : FLARE_STR("text/html; charset=utf-8");
    int rc = flare_res_header(res, "Cache-Control", FLARE_STR("no-cache"));

    if (rc == 0 && l->files->config.listing == FLARE_FILES_LISTING_AUTO)
        rc = flare_res_header(res, "Vary", FLARE_STR("Accept"));
    if (rc == 0 && !l->is_json)
        rc = flare_res_header(res, "Content-Security-Policy",
                              FLARE_STR("default-src 'none'"));
    if (rc < 0)
        return rc;
    if (flare_req_method(req) != FLARE_METHOD_HEAD)
        return flare_res_pull(res, 200, type, FLARE_LENGTH_UNKNOWN, list_pull,
                              l);
    rc = flare_res_start(res, 200, type, FLARE_LENGTH_UNKNOWN);
    return rc < 0 ? rc : flare_res_finish(res);
}

int flare__files_list(const struct flare_files *files, flare_req *req,
                      flare_res *res, const struct flare__files_path *path,
                      int fd)
{
    struct list *l = flare__calloc(&files->al, 1, sizeof(*l));
    struct flare_str first;
    int rc;

    if (l == NULL)
        return -ENOMEM;
    l->files = files;
    l->al = &files->al;
    l->fd = fd;
    l->path = *path;
    l->is_json = files->config.listing == FLARE_FILES_LISTING_JSON ||
                 (files->config.listing == FLARE_FILES_LISTING_AUTO &&
                  flare__accept_prefers_json(
                      flare__files_values(req, "Accept", &first)));
    rc = list_read(l);
    if (rc == 0)
        rc = flare_res_on_done(res, list_on_done, l);
    if (rc < 0) {
        l->fd = -1; /* still the caller's */
        list_free(l);
        return rc;
    }
    rc = list_send(l, req, res);
    if (rc < 0)
        l->fd = -1;
    return rc;
}
