/* SPDX-License-Identifier: MIT */
/*
 * A jar to a file and back.  A file is read twice: nothing of it is taken
 * before all of it was found good.  What it says is believed where no response
 * could say otherwise: a cookie in it is one that the jar could hold.
 */
#include "http/jar.h"

#include "base/alloc.h"
#include "base/log.h"
#include "http/jar_text.h"
#include "http/setcookie.h"
#include "net/whole_file.h"

#include <errno.h>
#include <limits.h>

enum { FILE_MAX = 64 << 20, FILE_NAME_SHOWN = 120 };

static int file_error(struct flare_error *err, int rc, const char *path)
{
    char shown[FILE_NAME_SHOWN];

    flare__log_escape(shown, sizeof(shown), flare_str(path));
    return flare__error(err, rc, "cookie file '%s': %s", shown,
                        flare_strerror(rc));
}

/* ---- saving ---- */

int flare_cookie_jar_save(flare_cookie_jar *jar, const char *path,
                          const struct flare_cookie_save_options *options,
                          int64_t now_s, struct flare_error *err)
{
    const struct flare_cookie_save_options o =
        options != NULL ? *options : (struct flare_cookie_save_options){0};
    struct flare__jar_text text = {.al = &jar->al};
    const struct flare__jar_cookie *c;
    int count = 0;
    int rc;

    (void)flare_cookie_jar_expire(jar, now_s);
    flare__jar_text_begin(&text, o.format);
    for (c = jar->list.oldest; c != NULL; c = c->links[FLARE__JAR_ALL].newer) {
        struct flare_cookie_info info;

        flare__jar_info_of(c, &info);
        if (info.is_session && !o.has_session)
            continue;
        if (flare__jar_text_add(&text, o.format, &info, c->number))
            count++;
    }
    rc = text.has_failed ? -ENOMEM : text.len > FILE_MAX ? -EFBIG : 0;
    if (rc == 0)
        rc = flare__whole_file_replace(
            &jar->al, path, (struct flare_str){text.bytes, text.len});
    flare__jar_text_fini(&text);
    return rc < 0 ? file_error(err, rc, path) : count;
}

/* ---- loading ---- */

struct load {
    flare_cookie_jar *jar;
    const char *path;
    struct flare_str text; /* what is left */
    enum flare_cookie_format format;
    unsigned line_number; /* of the last one read */
    int64_t now_s;
    struct flare__jar_line line;
};

static int line_error(const struct load *l, const char *what,
                      struct flare_error *err)
{
    char shown[FILE_NAME_SHOWN];

    flare__log_escape(shown, sizeof(shown), flare_str(l->path));
    return flare__error(err, FLARE_E_COOKIE_FILE,
                        "cookie file '%s' line %u: %s", shown, l->line_number,
                        what);
}

static bool has_control(struct flare_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (flare__cookie_is_control(text.ptr[i]))
            return true;
    return false;
}

/* NULL, or why no jar holds such a cookie. */
static const char *line_check(const struct load *l, struct flare_error *why)
{
    const struct flare_cookie_info *info = &l->line.cookie.info;

    if (info->path.len == 0 || info->path.ptr[0] != '/')
        return "its path does not begin with '/'";
    if (info->path.len > FLARE__JAR_PATH_MAX ||
        info->name.len + info->value.len > FLARE_COOKIE_PAIR_MAX)
        return "it is too long";
    if (info->name.len + info->value.len == 0)
        return "it has neither name nor value";
    if (has_control(info->path) || has_control(info->name) ||
        has_control(info->value))
        return "it has a control in it";
    if (flare__jar_cookie_check(info, /* has_path = */ true, why) < 0)
        return why->text;
    return NULL;
}

/* What the jar would have made of it. */
static void line_narrow(struct load *l)
{
    struct flare_cookie_info *info = &l->line.cookie.info;
    int64_t latest = flare__cookie_latest(l->now_s);

    if (l->line.cookie.is_address ||
        info->domain.ptr[info->domain.len - 1] == '.' ||
        flare__jar_is_public(l->jar, info->domain))
        info->is_host_only = true;
    if (info->expires_s > latest)
        info->expires_s = latest;
    if (info->created_s > l->now_s)
        info->created_s = l->now_s;
}

/* Reads on to the next cookie.  1, 0 at the end, or FLARE_E_COOKIE_FILE. */
static int load_next(struct load *l, struct flare_error *err)
{
    while (l->text.len > 0) {
        struct flare_str line = flare__jar_line_next(&l->text);
        struct flare_error why;
        const char *what;

        l->line_number++;
        what = flare__jar_line_read(&l->line, l->format, line, l->now_s);
        if (what == NULL && l->line.cookie.info.domain.len == 0)
            continue; /* a comment */
        if (what == NULL) {
            line_narrow(l);
            what = line_check(l, &why);
        }
        if (what != NULL)
            return line_error(l, what, err);
        return 1;
    }
    return 0;
}

/* To the first line that may be a cookie. */
static int load_begin(struct load *l, struct flare_str text,
                      struct flare_error *err)
{
    struct flare_str rest = text;
    int format = FLARE_COOKIE_FORMAT_NETSCAPE;

    l->line_number = 1;
    if (text.len > 0)
        format = flare__jar_format_of(flare__jar_line_next(&rest));
    if (format < 0)
        return line_error(l, "no version of this format that is known", err);
    if (format == FLARE_COOKIE_FORMAT_OWN && text.ptr[text.len - 1] != '\n') {
        l->line_number += rest.len > 0;
        for (size_t i = 0; i < rest.len; i++)
            l->line_number += rest.ptr[i] == '\n';
        return line_error(l, "the file ends before the line does", err);
    }
    l->format = (enum flare_cookie_format)format;
    l->text = format == FLARE_COOKIE_FORMAT_OWN ? rest : text;
    l->line_number = format == FLARE_COOKIE_FORMAT_OWN ? 1 : 0;
    return 0;
}

static int load_keep(struct load *l, uint64_t base)
{
    struct flare__jar_new *cookie = &l->line.cookie;
    int rc;

    if (!cookie->info.is_session && cookie->info.expires_s <= l->now_s)
        return 0;
    if (cookie->number > 0)
        cookie->number += base;
    rc = flare__jar_put(l->jar, cookie);
    if (rc == FLARE_E_COOKIE_FULL)
        return 0;
    return rc < 0 ? rc : 1;
}

static int load_text(struct load *l, struct flare_str text,
                     struct flare_error *err)
{
    uint64_t base = l->jar->next_number - 1;
    int count = 0;
    int rc = load_begin(l, text, err);

    if (rc < 0)
        return rc;
    do
        rc = load_next(l, err);
    while (rc > 0);
    if (rc < 0)
        return rc;
    (void)load_begin(l, text, NULL); /* it was good */
    while (load_next(l, NULL) > 0) {
        rc = load_keep(l, base);
        if (rc < 0)
            return file_error(err, rc, l->path);
        count += rc;
    }
    return count;
}

int flare_cookie_jar_load(flare_cookie_jar *jar, const char *path,
                          int64_t now_s, struct flare_error *err)
{
    struct load l = {.jar = jar, .path = path, .now_s = now_s};
    char *bytes;
    size_t len;
    int rc = flare__whole_file_read(&jar->al, path, FILE_MAX, &bytes, &len);

    if (rc < 0)
        return file_error(err, rc, path);
    (void)flare_cookie_jar_expire(jar, now_s);
    rc = load_text(&l, (struct flare_str){bytes, len}, err);
    flare__free(&jar->al, bytes);
    return rc;
}
