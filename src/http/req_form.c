/* SPDX-License-Identifier: MIT */
/*
 * The public readers of queries, forms, parts and cookies: what they read is
 * read when first asked for, and kept with the request, errors too.
 */
#include "http/cookie.h"
#include "http/form.h"
#include "http/http.h"
#include "http/multipart.h"
#include "http/number.h"

#include <errno.h>
#include <stdalign.h>

/* For a request without memory for its own. */
static const struct flare__params no_memory = {.rc = -ENOMEM,
                                               .parts_rc = -ENOMEM};

static struct flare__params *params_new(flare_req *req)
{
    struct flare__params *p = flare__arena_alloc(&req->arena, sizeof(*p),
                                                 alignof(struct flare__params));

    if (p != NULL)
        *p = (struct flare__params){0};
    return p;
}

/* Content-Type; ptr NULL: none, or more than one, which nobody can follow. */
static struct flare_str content_type(const flare_req *req)
{
    const struct flare__head *head = req->head;
    struct flare_str type = {NULL, 0};

    for (uint32_t i = 0; i < head->field_count; i++) {
        const struct flare__field *f = &head->fields[i];
        struct flare_str name = {f->name, f->name_len};

        if (!flare_str_equal_nocase(name, FLARE_STR("Content-Type")))
            continue;
        if (type.ptr != NULL)
            return (struct flare_str){NULL, 0};
        type = (struct flare_str){f->value, f->value_len};
    }
    return type;
}

static const struct flare__params *query_of(flare_req *req)
{
    if (req->query == NULL) {
        struct flare__params *p = params_new(req);

        if (p == NULL)
            return &no_memory;
        flare__params_parse(p, &req->arena, req->head->query);
        req->query = p;
    }
    return req->query;
}

static const struct flare__params *form_of(flare_req *req)
{
    if (req->form == NULL) {
        struct flare__params *p = params_new(req);

        if (p == NULL)
            return &no_memory;
        flare__form_read(p, &req->arena, content_type(req), req->body);
        req->form = p;
    }
    return req->form;
}

static const struct flare__params *cookies_of(flare_req *req)
{
    const struct flare__head *head = req->head;
    struct flare__params *p;

    if (req->cookies != NULL)
        return req->cookies;
    p = params_new(req);
    if (p == NULL)
        return &no_memory;
    for (uint32_t i = 0; i < head->field_count && p->rc == 0; i++) {
        const struct flare__field *f = &head->fields[i];
        struct flare_str name = {f->name, f->name_len};
        struct flare_str value = {f->value, f->value_len};

        if (flare_str_equal_nocase(name, FLARE_STR("Cookie")))
            flare__cookies_parse(p, &req->arena, value);
    }
    req->cookies = p;
    return p;
}

/* ---- a parameter of any of them ---- */

static struct flare_str param_lend(const struct flare__params *p,
                                   const char *name)
{
    const struct flare__pair *param = flare__params_find(p, flare_str(name));

    return param != NULL ? param->value : (struct flare_str){NULL, 0};
}

static int param_at(const struct flare__params *p, size_t index,
                    struct flare_str *name, struct flare_str *value)
{
    if (index >= p->count)
        return FLARE_E_RANGE;
    *name = p->list[index].name;
    *value = p->list[index].value;
    return 0;
}

static int param_str(const struct flare__params *p, const char *name,
                     struct flare_str *out)
{
    struct flare_str value = param_lend(p, name);

    if (p->rc < 0)
        return p->rc;
    if (value.ptr == NULL)
        return FLARE_E_BAD_INPUT;
    *out = value;
    return 0;
}

static int param_u64(const struct flare__params *p, const char *name,
                     uint64_t *out)
{
    return p->rc < 0 ? p->rc : flare_u64_parse(param_lend(p, name), out);
}

static int param_i64(const struct flare__params *p, const char *name,
                     int64_t *out)
{
    return p->rc < 0 ? p->rc : flare_i64_parse(param_lend(p, name), out);
}

static int param_bool(const struct flare__params *p, const char *name,
                      bool *out)
{
    return p->rc < 0 ? p->rc : flare_bool_parse(param_lend(p, name), out);
}

static int param_str_or(const struct flare__params *p, const char *name,
                        struct flare_str fallback, struct flare_str *out)
{
    return p->rc < 0 ? p->rc
                     : flare__str_or(param_lend(p, name), fallback, out);
}

static int param_u64_or(const struct flare__params *p, const char *name,
                        uint64_t fallback, uint64_t *out)
{
    return p->rc < 0 ? p->rc
                     : flare__u64_or(param_lend(p, name), fallback, out);
}

static int param_i64_or(const struct flare__params *p, const char *name,
                        int64_t fallback, int64_t *out)
{
    return p->rc < 0 ? p->rc
                     : flare__i64_or(param_lend(p, name), fallback, out);
}

static int param_bool_or(const struct flare__params *p, const char *name,
                         bool fallback, bool *out)
{
    return p->rc < 0 ? p->rc
                     : flare__bool_or(param_lend(p, name), fallback, out);
}

/* ---- the query ---- */

int flare_req_query_check(flare_req *req)
{
    return query_of(req)->rc;
}

struct flare_str flare_req_query_param(flare_req *req, const char *name)
{
    return param_lend(query_of(req), name);
}

size_t flare_req_query_count(flare_req *req)
{
    return query_of(req)->count;
}

int flare_req_query_at(flare_req *req, size_t index, struct flare_str *name,
                       struct flare_str *value)
{
    return param_at(query_of(req), index, name, value);
}

int flare_req_query_str(flare_req *req, const char *name, struct flare_str *out)
{
    return param_str(query_of(req), name, out);
}

int flare_req_query_u64(flare_req *req, const char *name, uint64_t *out)
{
    return param_u64(query_of(req), name, out);
}

int flare_req_query_i64(flare_req *req, const char *name, int64_t *out)
{
    return param_i64(query_of(req), name, out);
}

int flare_req_query_bool(flare_req *req, const char *name, bool *out)
{
    return param_bool(query_of(req), name, out);
}

int flare_req_query_str_or(flare_req *req, const char *name,
                           struct flare_str fallback, struct flare_str *out)
{
    return param_str_or(query_of(req), name, fallback, out);
}

int flare_req_query_u64_or(flare_req *req, const char *name, uint64_t fallback,
                           uint64_t *out)
{
    return param_u64_or(query_of(req), name, fallback, out);
}

int flare_req_query_i64_or(flare_req *req, const char *name, int64_t fallback,
                           int64_t *out)
{
    return param_i64_or(query_of(req), name, fallback, out);
}

int flare_req_query_bool_or(flare_req *req, const char *name, bool fallback,
                            bool *out)
{
    return param_bool_or(query_of(req), name, fallback, out);
}

/* ---- the form ---- */

int flare_req_form_check(flare_req *req)
{
    return form_of(req)->rc;
}

struct flare_str flare_req_form_param(flare_req *req, const char *name)
{
    return param_lend(form_of(req), name);
}

size_t flare_req_form_count(flare_req *req)
{
    return form_of(req)->count;
}

int flare_req_form_at(flare_req *req, size_t index, struct flare_str *name,
                      struct flare_str *value)
{
    return param_at(form_of(req), index, name, value);
}

int flare_req_form_str(flare_req *req, const char *name, struct flare_str *out)
{
    return param_str(form_of(req), name, out);
}

int flare_req_form_u64(flare_req *req, const char *name, uint64_t *out)
{
    return param_u64(form_of(req), name, out);
}

int flare_req_form_i64(flare_req *req, const char *name, int64_t *out)
{
    return param_i64(form_of(req), name, out);
}

int flare_req_form_bool(flare_req *req, const char *name, bool *out)
{
    return param_bool(form_of(req), name, out);
}

int flare_req_form_str_or(flare_req *req, const char *name,
                          struct flare_str fallback, struct flare_str *out)
{
    return param_str_or(form_of(req), name, fallback, out);
}

int flare_req_form_u64_or(flare_req *req, const char *name, uint64_t fallback,
                          uint64_t *out)
{
    return param_u64_or(form_of(req), name, fallback, out);
}

int flare_req_form_i64_or(flare_req *req, const char *name, int64_t fallback,
                          int64_t *out)
{
    return param_i64_or(form_of(req), name, fallback, out);
}

int flare_req_form_bool_or(flare_req *req, const char *name, bool fallback,
                           bool *out)
{
    return param_bool_or(form_of(req), name, fallback, out);
}

/* ---- parts ---- */

static void part_lend(const flare_req *req, const struct flare__part *kept,
                      struct flare_part *part)
{
    part->name = kept->name;
    part->filename = kept->filename;
    part->type = kept->type;
    part->body = (struct flare_str){req->body.ptr + kept->at, kept->len};
}

int flare_req_part_check(flare_req *req)
{
    return form_of(req)->parts_rc;
}

size_t flare_req_part_count(flare_req *req)
{
    return form_of(req)->part_count;
}

int flare_req_part_at(flare_req *req, size_t index, struct flare_part *part)
{
    const struct flare__params *p = form_of(req);

    if (p->parts_rc < 0)
        return p->parts_rc;
    if (index >= p->part_count)
        return FLARE_E_RANGE;
    part_lend(req, &p->parts[index], part);
    return 0;
}

int flare_req_part(flare_req *req, const char *name, struct flare_part *part)
{
    const struct flare__params *p = form_of(req);
    struct flare_str wanted = flare_str(name);

    if (p->parts_rc < 0)
        return p->parts_rc;
    for (uint32_t i = 0; i < p->part_count; i++) {
        if (!flare_str_equal(p->parts[i].name, wanted))
            continue;
        part_lend(req, &p->parts[i], part);
        return 0;
    }
    return FLARE_E_BAD_INPUT;
}

int flare_req_multipart(flare_req *req, flare_multipart **out)
{
    struct flare_multipart *m = flare__arena_alloc(
        &req->arena, sizeof(*m), alignof(struct flare_multipart));
    int rc;

    if (m == NULL)
        return -ENOMEM;
    rc = flare__multipart_init(m, content_type(req));
    if (rc == 0)
        *out = m;
    return rc;
}

/* ---- cookies ---- */

int flare_req_cookie_check(flare_req *req)
{
    return cookies_of(req)->rc;
}

struct flare_str flare_req_cookie(flare_req *req, const char *name)
{
    return param_lend(cookies_of(req), name);
}

size_t flare_req_cookie_count(flare_req *req)
{
    return cookies_of(req)->count;
}

int flare_req_cookie_at(flare_req *req, size_t index, struct flare_str *name,
                        struct flare_str *value)
{
    return param_at(cookies_of(req), index, name, value);
}

int flare_res_cookie(flare_res *res, const struct flare_cookie *cookie)
{
    char text[FLARE__COOKIE_BYTES_MAX];
    int len = flare__cookie_write(text, cookie);

    if (len < 0)
        return len;
    return flare_res_header(res, "Set-Cookie",
                            (struct flare_str){text, (size_t)len});
}
