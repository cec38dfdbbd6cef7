/* SPDX-License-Identifier: MIT */
/* Parameters and fields as values, and trailers: flare/request.h. */
#include <flare/request.h>

#include "base/assert.h"
#include "http/conn.h"
#include "http/exchange.h"
#include "http/number.h"

#include <errno.h>
#include <string.h>

/* ---- path parameters ---- */

int flare_req_param_str(const flare_req *req, const char *name,
                        struct flare_str *out)
{
    struct flare_str text = flare_req_param(req, name);

    if (text.ptr == NULL)
        return FLARE_E_BAD_INPUT;
    *out = text;
    return 0;
}

int flare_req_param_u64(const flare_req *req, const char *name, uint64_t *out)
{
    return flare_u64_parse(flare_req_param(req, name), out);
}

int flare_req_param_i64(const flare_req *req, const char *name, int64_t *out)
{
    return flare_i64_parse(flare_req_param(req, name), out);
}

int flare_req_param_bool(const flare_req *req, const char *name, bool *out)
{
    return flare_bool_parse(flare_req_param(req, name), out);
}

int flare_req_param_str_or(const flare_req *req, const char *name,
                           struct flare_str fallback, struct flare_str *out)
{
    return flare__str_or(flare_req_param(req, name), fallback, out);
}

int flare_req_param_u64_or(const flare_req *req, const char *name,
                           uint64_t fallback, uint64_t *out)
{
    return flare__u64_or(flare_req_param(req, name), fallback, out);
}

int flare_req_param_i64_or(const flare_req *req, const char *name,
                           int64_t fallback, int64_t *out)
{
    return flare__i64_or(flare_req_param(req, name), fallback, out);
}

int flare_req_param_bool_or(const flare_req *req, const char *name,
                            bool fallback, bool *out)
{
    return flare__bool_or(flare_req_param(req, name), fallback, out);
}

/* ---- fields ---- */

bool flare_req_header_is_repeated(const flare_req *req, const char *name)
{
    const struct flare__head *head = req->head;
    struct flare_str wanted = flare_str(name);
    uint32_t count = 0;

    for (uint32_t i = 0; i < head->field_count; i++) {
        const struct flare__field *f = &head->fields[i];
        struct flare_str it = {f->name, f->name_len};

        if (flare_str_equal_nocase(it, wanted) && ++count > 1)
            return true;
    }
    return false;
}

int flare_req_header_u64(const flare_req *req, const char *name, uint64_t *out)
{
    if (flare_req_header_is_repeated(req, name))
        return FLARE_E_BAD_INPUT;
    return flare_u64_parse(flare_req_header(req, name), out);
}

/* ---- trailers ---- */

struct flare__trailers {
    uint32_t count;
    struct flare__field fields[];
};

/* The section as it came, its lines checked by the decoder. */
static struct flare_str trailer_text(const struct flare__exchange *x)
{
    const struct flare__inbuf *in = x->inbuf;

    if (x->trailers != NULL && !x->is_body_open)
        return (struct flare_str){x->trailers->bytes, x->trailers->len};
    if (in == NULL || in->trailers_len == 0)
        return (struct flare_str){NULL, 0};
    return (struct flare_str){in->bytes + in->len - in->trailers_len,
                              in->trailers_len};
}

/* Read once; NULL: there are none, or no memory. */
static const struct flare__trailers *trailers_of(flare_req *req)
{
    struct flare_str text = trailer_text(FLARE__EXCHANGE_OF(req, req));
    struct flare__trailers *t;
    uint32_t count;

    if (text.len == 0 || req->trailers != NULL)
        return req->trailers;
    count = flare__field_lines(text, NULL, 0);
    t = flare__arena_alloc(&req->arena,
                           sizeof(*t) + count * sizeof(t->fields[0]),
                           _Alignof(struct flare__trailers));
    if (t == NULL)
        return NULL;
    t->count = flare__field_lines(text, t->fields, count);
    req->trailers = t;
    return t;
}

int flare_req_trailer_check(flare_req *req)
{
    struct flare_str text = trailer_text(FLARE__EXCHANGE_OF(req, req));

    return text.len > 0 && trailers_of(req) == NULL ? -ENOMEM : 0;
}

struct flare_str flare_req_trailer(flare_req *req, const char *name)
{
    const struct flare__trailers *t = trailers_of(req);
    struct flare_str wanted = flare_str(name);

    for (uint32_t i = 0; t != NULL && i < t->count; i++) {
        const struct flare__field *f = &t->fields[i];
        struct flare_str it = {f->name, f->name_len};

        if (flare_str_equal_nocase(it, wanted))
            return (struct flare_str){f->value, f->value_len};
    }
    return (struct flare_str){NULL, 0};
}

size_t flare_req_trailer_count(flare_req *req)
{
    const struct flare__trailers *t = trailers_of(req);

    return t != NULL ? t->count : 0;
}

int flare_req_trailer_at(flare_req *req, size_t index, struct flare_str *name,
                         struct flare_str *value)
{
    const struct flare__trailers *t = trailers_of(req);

    if (t == NULL || index >= t->count)
        return FLARE_E_RANGE;
    *name =
        (struct flare_str){t->fields[index].name, t->fields[index].name_len};
    *value =
        (struct flare_str){t->fields[index].value, t->fields[index].value_len};
    return 0;
}
