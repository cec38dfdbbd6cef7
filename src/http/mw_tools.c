/* SPDX-License-Identifier: MIT */
/* See mw_tools.h. */
#include "http/mw_tools.h"

#include <flare/peer.h>

#include "http/chars.h"

#include <errno.h>
#include <string.h>

/* ---- the request ---- */

struct flare_str flare__tag_get(const flare_req *req, const void *key)
{
    for (const struct flare__tag *t = req->tags; t != NULL; t = t->next)
        if (t->key == key)
            return t->value;
    return (struct flare_str){NULL, 0};
}

int flare__tag_set(flare_req *req, const void *key, struct flare_str value)
{
    struct flare__tag *tag = flare__arena_alloc(&req->arena, sizeof(*tag),
                                                _Alignof(struct flare__tag));
    const char *copy = flare__arena_copy(&req->arena, value);

    if (tag == NULL || copy == NULL)
        return -ENOMEM;
    *tag = (struct flare__tag){req->tags, key, {copy, value.len}};
    req->tags = tag;
    return 0;
}

const struct flare_addr *flare__mw_client(flare_req *req)
{
    return flare_req_client(req);
}

struct flare__values flare__mw_lines(
    const flare_req *req, const char *name,
    struct flare_str lines[FLARE__MW_LINES_MAX])
{
    struct flare_str wanted = flare_str(name);
    size_t count = 0;

    for (uint32_t i = 0; i < req->head->field_count; i++) {
        const struct flare__field *f = &req->head->fields[i];

        if (count < FLARE__MW_LINES_MAX &&
            flare_str_equal_nocase((struct flare_str){f->name, f->name_len},
                                   wanted))
            lines[count++] = (struct flare_str){f->value, f->value_len};
    }
    return (struct flare__values){lines, count};
}

/* ---- the response ---- */

/* The line at `at`, without its end: "name: value"; empty at the end. */
static struct flare_str added_line(const flare_res *res, uint32_t at)
{
    const char *start;
    const char *end;

    if (at >= res->extra_len)
        return (struct flare_str){NULL, 0};
    start = res->extra + at;
    end = memchr(start, '\r', res->extra_len - at);
    return (struct flare_str){start, (size_t)(end - start)};
}

static bool is_named(struct flare_str line, struct flare_str name)
{
    return line.len > name.len && line.ptr[name.len] == ':' &&
           flare_str_equal_nocase((struct flare_str){line.ptr, name.len}, name);
}

struct flare_str flare__mw_added(const flare_res *res, const char *name,
                                 uint32_t *at)
{
    struct flare_str wanted = flare_str(name);
    struct flare_str line;

    while ((line = added_line(res, *at)).ptr != NULL) {
        *at += (uint32_t)line.len + 2;
        if (is_named(line, wanted))
            return (struct flare_str){line.ptr + wanted.len + 2,
                                      line.len - wanted.len - 2};
    }
    return line;
}

void flare__mw_take_back(flare_res *res, const char *name)
{
    struct flare_str wanted = flare_str(name);
    struct flare_str line;
    uint32_t at = 0;

    while ((line = added_line(res, at)).ptr != NULL) {
        uint32_t size = (uint32_t)line.len + 2;

        if (!is_named(line, wanted)) {
            at += size;
            continue;
        }
        memmove(res->extra + at, res->extra + at + size,
                res->extra_len - at - size);
        res->extra_len -= size;
    }
}

/* ---- options ---- */

int flare__mw_list_count(const char *const list[FLARE_LIST_MAX + 1])
{
    for (int i = 0; i <= FLARE_LIST_MAX; i++)
        if (list[i] == NULL)
            return i;
    return -1;
}

bool flare__mw_list_has(const char *const list[FLARE_LIST_MAX + 1],
                        struct flare_str item)
{
    for (int i = 0; i < FLARE_LIST_MAX && list[i] != NULL; i++)
        if (flare_str_equal(flare_str(list[i]), item))
            return true;
    return false;
}

size_t flare__mw_list_join(char *out, size_t size,
                           const char *const list[FLARE_LIST_MAX + 1])
{
    size_t len = 0;

    for (int i = 0; i < FLARE_LIST_MAX && list[i] != NULL; i++) {
        size_t n = strlen(list[i]);

        if (len + n + 2 > size)
            break;
        if (i > 0) {
            memcpy(out + len, ", ", 2);
            len += 2;
        }
        memcpy(out + len, list[i], n);
        len += n;
    }
    return len;
}

bool flare__mw_is_token(struct flare_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!flare__char_is(text.ptr[i], FLARE__CHAR_TOKEN))
            return false;
    return text.len > 0;
}
