/* SPDX-License-Identifier: MIT */
/*
 * A directory is read at once, up to LIST_MAX entries, and its page is made in
 * memory: a bound of some 60 MiB for a directory that nobody should have, and a
 * few KiB for all others.  The page needs no script: what sorts it are links.
 */
#include "tools/serve/list.h"

#include "tools/common/tool.h"
#include "tools/serve/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LIST_MAX = 20000 };

enum list_by { LIST_BY_NAME, LIST_BY_SIZE, LIST_BY_DATE, LIST_BY_COUNT };

static const char *const by_names[] = {"name", "size", "date"};

struct entry {
    char *name;
    uint64_t size;
    int64_t modified; /* seconds since 1970 */
    bool is_directory;
};

struct list {
    struct entry *entries;
    size_t count;
    size_t room;
    bool is_cut;
    enum list_by by;
    bool is_down;
};

/* ---- reading ---- */

static void list_fini(struct list *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->entries[i].name);
    free(l->entries);
}

static int list_add(struct list *l, int fd, const char *name)
{
    struct stat facts;
    struct entry *e;

    if (!root_is_served(flare_str(name)) || !text_is_utf8(flare_str(name)) ||
        fstatat(fd, name, &facts, serve.symlinks ? 0 : AT_SYMLINK_NOFOLLOW) ||
        (!S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode)))
        return 0; /* no request could name it, or it has gone */
    if (l->count == LIST_MAX) {
        l->is_cut = true;
        return 1;
    }
    if (l->count == l->room) {
        size_t room = l->room != 0 ? 2 * l->room : 64;
        void *more = realloc(l->entries, room * sizeof(*e));

        if (more == NULL)
            return -ENOMEM;
        l->entries = more;
        l->room = room;
    }
    e = &l->entries[l->count];
    e->name = strdup(name);
    if (e->name == NULL)
        return -ENOMEM;
    e->is_directory = S_ISDIR(facts.st_mode);
    e->size = e->is_directory ? 0 : (uint64_t)facts.st_size;
    e->modified = facts.st_mtime;
    l->count++;
    return 0;
}

static int list_read(struct list *l, const char *path)
{
    int fd = root_open(path, O_RDONLY | O_DIRECTORY);
    const struct dirent *d;
    DIR *dir;
    int rc = 0;

    if (fd < 0)
        return fd == -EACCES ? FLARE_E_FORBIDDEN : FLARE_E_NOT_FOUND;
    dir = fdopendir(fd);
    if (dir == NULL) {
        rc = -errno;
        (void)close(fd); /* nothing was written to it */
        return rc;
    }
    while (rc == 0 && (d = readdir(dir)) != NULL)
        rc = list_add(l, fd, d->d_name);
    (void)closedir(dir); /* likewise */
    return rc < 0 ? rc : 0;
}

/* qsort has no context: each order is a function. */
static int by_name(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->is_directory != y->is_directory)
        return x->is_directory ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int by_size(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->is_directory == y->is_directory && x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return by_name(a, b);
}

static int by_date(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->is_directory == y->is_directory && x->modified != y->modified)
        return x->modified < y->modified ? -1 : 1;
    return by_name(a, b);
}

static void list_turn(struct entry *e, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct entry kept = e[i];

        e[i] = e[count - 1 - i];
        e[count - 1 - i] = kept;
    }
}

static void list_sort(struct list *l, flare_req *req)
{
    static int (*const orders[])(const void *,
                                 const void *) = {by_name, by_size, by_date};
    struct flare_str by = flare_req_query_param(req, "by");
    size_t folders = 0;

    for (int i = 0; i < LIST_BY_COUNT; i++)
        if (flare_str_equal(by, flare_str(by_names[i])))
            l->by = (enum list_by)i;
    l->is_down =
        flare_str_equal(flare_req_query_param(req, "order"), FLARE_STR("down"));
    if (l->count > 0)
        qsort(l->entries, l->count, sizeof(*l->entries), orders[l->by]);
    while (folders < l->count && l->entries[folders].is_directory)
        folders++;
    if (l->is_down) {
        list_turn(l->entries, folders);
        list_turn(l->entries + folders, l->count - folders);
    }
}

/* ---- HTML ---- */

static const char style[] =
    ":root{color-scheme:light dark;--ink:#1c1e21;--dim:#6b7280;--line:#e5e7eb;"
    "--page:#fafafa;--card:#fff;--link:#0b62c4;--hover:#f1f5fb}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e7ea;--dim:#9099a6;"
    "--line:#2c3139;--page:#14161a;--card:#1b1e24;--link:#7cb7ff;"
    "--hover:#232833}}"
    "*{box-sizing:border-box}body{margin:0;padding:2rem 1rem;color:var(--ink);"
    "background:var(--page);font:15px/1.5 system-ui,sans-serif}"
    "main{max-width:60rem;margin:auto}"
    "h1{font-size:1.15rem;font-weight:600;margin:0 0 "
    "1rem;overflow-wrap:anywhere}"
    "h1 span{color:var(--dim);padding:0 .15rem}"
    "a{color:var(--link);text-decoration:none}a:hover{text-decoration:"
    "underline}"
    "a:focus-visible{outline:2px solid var(--link);outline-offset:2px}"
    "table{width:100%;border-collapse:collapse;background:var(--card);"
    "border:1px solid var(--line);border-radius:10px;border-spacing:0;"
    "border-collapse:separate;overflow:hidden}"
    "th,td{text-align:left;padding:.5rem .9rem;border-bottom:1px solid "
    "var(--line)}tr:last-child td{border-bottom:0}"
    "th{font-size:.8rem;font-weight:600}th a{color:var(--dim)}"
    "tbody tr:hover{background:var(--hover)}"
    "td:first-child{width:100%;overflow-wrap:anywhere}"
    "td:nth-child(n+2){white-space:nowrap;color:var(--dim);"
    "font-variant-numeric:tabular-nums}"
    "th:nth-child(2),td:nth-child(2){text-align:right}"
    "td "
    "svg{width:1.05em;height:1.05em;vertical-align:-.15em;margin-right:.55em;"
    "fill:none;stroke:var(--dim);stroke-width:1.6;stroke-linejoin:round}"
    "tr.d svg{fill:var(--link);fill-opacity:.18;stroke:var(--link)}"
    "footer,p{color:var(--dim);font-size:.8rem;margin:.9rem .2rem}"
    "form{margin:1rem 0;padding:.8rem .9rem;background:var(--card);"
    "border:1px dashed var(--line);border-radius:10px}"
    "input,button{font:inherit;font-size:.9rem;color:inherit;max-width:100%}"
    "@media(max-width:34rem){th:nth-child(3),td:nth-child(3){display:none}"
    "body{padding:1rem .5rem}}";

#define ICON_FOLDER                                                            \
    "<svg viewBox=\"0 0 20 20\" aria-hidden=\"true\"><path d=\"M2 5.5h5.5l2 "  \
    "2H18v9H2z\"/></svg>"
#define ICON_FILE                                                              \
    "<svg viewBox=\"0 0 20 20\" aria-hidden=\"true\"><path d=\"M5 "            \
    "2.5h6.5L15.5 6.500v11H5zM11.5 2.500v4h4\"/></svg>"

/* The way here, each folder of it a link: as many "../" as are below it. */
static void put_way(struct text *t, const struct root_path *path)
{
    int depth = 0, at = 0;

    for (size_t i = 0; i < path->len; i++)
        depth += path->text[i] == '/';
    depth += path->len > 0;
    text_put(t, "<h1><a href=\"");
    for (int i = 0; i < depth; i++)
        text_put(t, "../");
    text_put(t, depth == 0 ? "./\">/</a>" : "\">/</a>");
    for (size_t i = 0, from = 0; i <= path->len && path->len > 0; i++) {
        if (i < path->len && path->text[i] != '/')
            continue;
        at++;
        text_put(t, at > 1 ? "<span>/</span><a href=\"./" : " <a href=\"./");
        for (int up = at; up < depth; up++)
            text_put(t, "../");
        text_put(t, "\">");
        text_put_html(t, (struct flare_str){path->text + from, i - from});
        text_put(t, "</a>");
        from = i + 1;
    }
    text_put(t, "</h1>\n");
}

static void put_column(struct text *t, const struct list *l, enum list_by by,
                       const char *title)
{
    bool is_this = l->by == by;

    text_put(t, "<th scope=\"col\"");
    if (is_this)
        text_put(t, l->is_down ? " aria-sort=\"descending\""
                               : " aria-sort=\"ascending\"");
    text_put(t, "><a href=\"?by=");
    text_put(t, by_names[by]);
    text_put(t, is_this && !l->is_down ? "&amp;order=down\">" : "\">");
    text_put(t, title);
    text_put(t, !is_this ? "" : l->is_down ? " \xE2\x86\x93" : " \xE2\x86\x91");
    text_put(t, "</a></th>");
}

static void put_row(struct text *t, const struct entry *e)
{
    char size[TOOL_TEXT_BYTES] = "", date[32] = "", iso[32] = "";
    time_t when = (time_t)e->modified;
    struct tm utc;

    if (gmtime_r(&when, &utc) != NULL) {
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &utc);
        strftime(iso, sizeof(iso), "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    if (!e->is_directory)
        tool_show_bytes(size, (double)e->size);
    text_put(t, e->is_directory ? "<tr class=\"d\"><td>" ICON_FOLDER
                                : "<tr><td>" ICON_FILE);
    text_put(t, "<a href=\"./"); /* so that no name can be a scheme */
    text_put_url(t, flare_str(e->name));
    text_put(t, e->is_directory ? "/\">" : "\">");
    text_put_html(t, flare_str(e->name));
    text_put(t, e->is_directory ? "/</a></td><td>" : "</a></td><td>");
    text_put(t, size);
    text_put(t, "</td><td><time datetime=\"");
    text_put(t, iso);
    text_put(t, "\">");
    text_put(t, date);
    text_put(t, "</time></td></tr>\n");
}

static void put_foot(struct text *t, const struct list *l)
{
    size_t folders = 0;
    char line[160];

    for (size_t i = 0; i < l->count; i++)
        folders += l->entries[i].is_directory;
    snprintf(
        line, sizeof(line),
        "<footer>%zu folder%s, %zu file%s%s \xC2\xB7 times are UTC</footer>"
        "\n",
        folders, folders == 1 ? "" : "s", l->count - folders,
        l->count - folders == 1 ? "" : "s",
        l->is_cut ? ", and more that are not shown" : "");
    text_put(t, line);
}

static void list_html(struct text *t, const struct list *l,
                      const struct root_path *path)
{
    text_put(t, "<!doctype html>\n<html lang=\"en\"><head>"
                "<meta charset=\"utf-8\"><meta name=\"viewport\" "
                "content=\"width=device-width,initial-scale=1\"><title>/");
    text_put_html(t, (struct flare_str){path->text, path->len});
    text_put(t, "</title><style>");
    text_put(t, style);
    text_put(t, "</style></head><body><main>\n");
    put_way(t, path);
    text_put(t, "<table><thead><tr>");
    put_column(t, l, LIST_BY_NAME, "Name");
    put_column(t, l, LIST_BY_SIZE, "Size");
    put_column(t, l, LIST_BY_DATE, "Modified");
    text_put(t, "</tr></thead><tbody>\n");
    if (path->len > 0)
        text_put(t, "<tr class=\"d\"><td>" ICON_FOLDER
                    "<a href=\"../\">../</a></td><td></td><td></td></tr>\n");
    for (size_t i = 0; i < l->count; i++)
        put_row(t, &l->entries[i]);
    text_put(t, "</tbody></table>\n");
    if (l->count == 0)
        text_put(t, "<p>Nothing is here.</p>\n");
    if (serve.upload)
        text_put(t, "<form method=\"post\" enctype=\"multipart/form-data\" "
                    "action=\"./\"><input type=\"file\" name=\"file\" multiple "
                    "required aria-label=\"Files to upload\"> "
                    "<button>Upload</button></form>\n");
    put_foot(t, l);
    if (serve.live)
        text_put(t, "<script src=\"" SERVE_LIVE_SCRIPT "\"></script>");
    text_put(t, "</main></body></html>\n");
}

/* ---- JSON ---- */

static int list_json(struct flare_json *json, void *ctx)
{
    const struct list *l = ctx;

    flare_json_begin_object(json);
    flare_json_key(json, "entries");
    flare_json_begin_array(json);
    for (size_t i = 0; i < l->count; i++) {
        const struct entry *e = &l->entries[i];

        flare_json_begin_object(json);
        flare_json_key(json, "name");
        flare_json_string(json, flare_str(e->name));
        flare_json_key(json, "type");
        flare_json_string(json,
                          flare_str(e->is_directory ? "directory" : "file"));
        if (!e->is_directory) {
            flare_json_key(json, "size");
            flare_json_u64(json, e->size);
        }
        flare_json_key(json, "modified");
        flare_json_i64(json, e->modified);
        flare_json_end_object(json);
    }
    flare_json_end_array(json);
    flare_json_key(json, "truncated");
    flare_json_bool(json, l->is_cut);
    flare_json_end_object(json);
    return 0;
}

/* ---- the answer ---- */

static bool wants_json(const flare_req *req)
{
    struct flare_str accept = flare_req_header(req, "Accept");

    return text_has(accept, "application/json") &&
           !text_has(accept, "text/html");
}

static int list_answer(flare_res *res, bool is_json, struct list *l,
                       const struct root_path *path)
{
    struct text t = {.ptr = NULL};
    int rc;

    if (is_json)
        return flare_res_json(res, 200, list_json, l);
    rc = flare_res_header(
        res, "Content-Security-Policy",
        FLARE_STR("default-src 'none'; style-src 'unsafe-inline'; "
                  "script-src 'self'; connect-src 'self'; "
                  "form-action 'self'; base-uri 'none'; "
                  "frame-ancestors 'none'"));
    if (rc < 0)
        return rc;
    list_html(&t, l, path);
    return text_give(&t, res, 200, FLARE_STR("text/html; charset=utf-8"));
}

int list_send(flare_req *req, flare_res *res, const struct root_path *path)
{
    struct list l = {.entries = NULL};
    int rc = list_read(&l, path->text);

    if (rc == 0)
        rc = flare_res_header(res, "Cache-Control", FLARE_STR("no-cache"));
    if (rc == 0)
        rc = flare_res_header(res, "Vary", FLARE_STR("Accept"));
    if (rc == 0) {
        list_sort(&l, req);
        rc = list_answer(res, wants_json(req), &l, path);
    }
    list_fini(&l);
    return rc;
}
