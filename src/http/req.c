/* SPDX-License-Identifier: MIT */
/* Reading the request in hand. */
#include "base/assert.h"
#include "http/http.h"

#include <stddef.h>

void *flare_req_ctx(const flare_req *req)
{
    return req->handler.ctx;
}

flare_loop *flare_req_loop(const flare_req *req)
{
    return req->http->loop;
}

enum flare_method flare_req_method(const flare_req *req)
{
    return (enum flare_method)req->head->method_id;
}

int flare_req_version_minor(const flare_req *req)
{
    return req->head->minor;
}

struct flare_str flare_req_path(const flare_req *req)
{
    return req->head->path;
}

struct flare_str flare_req_query(const flare_req *req)
{
    return req->head->query;
}

struct flare_str flare_req_host(const flare_req *req)
{
    return req->head->host;
}

struct flare_str flare_req_header(const flare_req *req, const char *name)
{
    const struct flare__field *f = flare__head_find(req->head, flare_str(name));

    if (f == NULL)
        return (struct flare_str){NULL, 0};
    return (struct flare_str){f->value, f->value_len};
}

size_t flare_req_header_count(const flare_req *req)
{
    return req->head->field_count;
}

int flare_req_header_at(const flare_req *req, size_t index,
                        struct flare_str *name, struct flare_str *value)
{
    const struct flare__field *f;

    if (index >= req->head->field_count)
        return FLARE_E_RANGE;
    f = &req->head->fields[index];
    *name = (struct flare_str){f->name, f->name_len};
    *value = (struct flare_str){f->value, f->value_len};
    return 0;
}

struct flare_str flare_req_param(const flare_req *req, const char *name)
{
    struct flare_str wanted = flare_str(name);

    for (uint32_t i = 0; i < req->match.param_count; i++)
        if (flare_str_equal(req->match.params[i].name, wanted))
            return req->match.params[i].value;
    return (struct flare_str){NULL, 0};
}

void *flare_req_alloc(flare_req *req, size_t size)
{
    FLARE_DCHECK(flare__loop_is_owner(req->http->loop)); /* FAILURES M11 */
    return flare__arena_alloc(&req->arena, size, _Alignof(max_align_t));
}

struct flare_str flare_req_body(const flare_req *req)
{
    return req->body;
}
