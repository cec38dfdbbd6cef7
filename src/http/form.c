/* SPDX-License-Identifier: MIT */
/*
 * A form is read once, into the request's memory.  Contents of parts stay in
 * the body and are remembered by their place: a body moves when its request
 * outlives its handler.
 */
#include "http/form.h"

#include "base/utf8.h"
#include "http/fieldparam.h"
#include "http/multipart.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>

enum { FORM_PARTS_FIRST = 8 }; /* then twice as many, and so on */

/* What an allocation that failed is to the peer. */
static int form_no_memory(const struct flare__arena *arena)
{
    return arena->is_limited ? FLARE_E_BODY_TOO_LARGE : -ENOMEM;
}

/* ---- multipart/form-data ---- */

/* Copies a slice; one that is NULL stays so.  False without memory. */
static bool form_keep(struct flare__arena *arena, struct flare_str *slice)
{
    if (slice->ptr != NULL)
        slice->ptr = flare__arena_copy(arena, *slice);
    else
        return true;
    return slice->ptr != NULL;
}

/* Makes room for one more part. */
static bool form_parts_grow(struct flare__params *p, struct flare__arena *arena)
{
    uint32_t count = p->part_count;
    struct flare__part *parts;

    if (count != 0 && (count < FORM_PARTS_FIRST || (count & (count - 1)) != 0))
        return true; /* there is */
    parts = flare__arena_alloc(
        arena, (count == 0 ? FORM_PARTS_FIRST : 2 * count) * sizeof(*parts),
        alignof(struct flare__part));
    if (parts == NULL)
        return false;
    if (count != 0)
        memcpy(parts, p->parts, count * sizeof(*parts));
    p->parts = parts;
    return true;
}

static bool form_parts_add(struct flare__params *p, struct flare__arena *arena,
                           const struct flare_part *part)
{
    struct flare__part kept = {
        .name = part->name, .filename = part->filename, .type = part->type};

    if (!form_parts_grow(p, arena) || !form_keep(arena, &kept.name) ||
        !form_keep(arena, &kept.filename) || !form_keep(arena, &kept.type))
        return false;
    p->parts[p->part_count++] = kept;
    return true;
}

static int form_read_parts(struct flare__params *p, struct flare__arena *arena,
                           struct flare_str type, struct flare_str body)
{
    struct flare_multipart m;
    struct flare_part part;
    int rc = flare__multipart_init(&m, type);

    if (rc < 0)
        return rc;
    flare_multipart_feed(&m, body, /* is_last = */ true);
    while ((rc = flare_multipart_read(&m, &part)) > 0) {
        if (rc == FLARE_MULTIPART_PART && !form_parts_add(p, arena, &part))
            return form_no_memory(arena);
        if (rc == FLARE_MULTIPART_DATA) { /* once: all was fed at once */
            struct flare__part *last = &p->parts[p->part_count - 1];

            last->at = (size_t)(part.body.ptr - body.ptr);
            last->len = part.body.len;
        }
    }
    return rc;
}

/* The texts among the parts. */
static int form_read_texts(struct flare__params *p, struct flare__arena *arena,
                           struct flare_str body)
{
    if (p->part_count == 0)
        return 0;
    p->list = flare__arena_alloc(arena, p->part_count * sizeof(*p->list),
                                 alignof(struct flare__pair));
    if (p->list == NULL)
        return form_no_memory(arena);
    for (uint32_t i = 0; i < p->part_count; i++) {
        const struct flare__part *part = &p->parts[i];
        struct flare_str value = {body.ptr + part->at, part->len};

        if (part->filename.ptr != NULL)
            continue;
        if (memchr(value.ptr, '\0', value.len) != NULL ||
            !flare__utf8_is_valid(value))
            return FLARE_E_BAD_INPUT;
        if (!form_keep(arena, &value))
            return form_no_memory(arena);
        p->list[p->count++] = (struct flare__pair){part->name, value};
    }
    return 0;
}

/* ---- any form ---- */

/* A charset that is said must be UTF-8; 0 or FLARE_E_BAD_INPUT. */
static int form_check_charset(struct flare_str params)
{
    struct flare__fieldparam param;
    int rc;

    while ((rc = flare__fieldparam_next(&params, &param)) > 0)
        if (flare_str_equal_nocase(param.name, FLARE_STR("charset")) &&
            !flare_str_equal_nocase(param.value, FLARE_STR("utf-8")))
            return FLARE_E_BAD_INPUT;
    return rc;
}

static void form_read_urlencoded(struct flare__params *p,
                                 struct flare__arena *arena,
                                 struct flare_str params, struct flare_str body)
{
    int rc = form_check_charset(params);

    if (rc < 0)
        return; /* p->rc says the same */
    flare__params_parse(p, arena, body);
    if (p->rc == -ENOMEM)
        p->rc = form_no_memory(arena);
    p->parts_rc = FLARE_E_BAD_INPUT;
}

void flare__form_read(struct flare__params *p, struct flare__arena *arena,
                      struct flare_str type, struct flare_str body)
{
    struct flare_str params = type;
    struct flare_str word;

    *p = (struct flare__params){.rc = FLARE_E_BAD_INPUT,
                                .parts_rc = FLARE_E_BAD_INPUT};
    if (flare__fieldparam_first(&params, &word) < 0)
        return;
    if (flare_str_equal_nocase(
            word, FLARE_STR("application/x-www-form-urlencoded"))) {
        form_read_urlencoded(p, arena, params, body);
        return;
    }
    p->parts_rc = form_read_parts(p, arena, type, body);
    if (p->parts_rc < 0)
        p->part_count = 0;
    p->rc = p->parts_rc < 0 ? p->parts_rc : form_read_texts(p, arena, body);
    if (p->rc < 0)
        p->count = 0;
}
