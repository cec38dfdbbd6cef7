/* SPDX-License-Identifier: MIT */
/*
 * What the router must agree with: every route tried on its own, segment by
 * segment, and the best of those that match taken.  Written from the words of
 * router.h, sharing nothing with it.
 */
#ifndef FLARE__TEST_ROUTER_NAIVE_H
#define FLARE__TEST_ROUTER_NAIVE_H

#include "http/router.h"

#include <stdio.h>
#include <string.h>

enum { NAIVE_TEXT_MAX = 256, NAIVE_SEGMENTS_MAX = 80 };

struct naive {
    const struct flare_route *route;
    char kinds[NAIVE_SEGMENTS_MAX]; /* '0' literal, '1' parameter, '2' rest */
    uint32_t rank;                  /* of the method on one pattern */
    uint32_t allowed;
    uint32_t count;
    struct flare_str names[FLARE__ROUTE_PARAMS_MAX];
    struct flare_str values[FLARE__ROUTE_PARAMS_MAX];
};

static size_t naive_split(struct flare_str text, struct flare_str *out)
{
    const char *end = text.ptr + text.len;
    const char *p = text.ptr + 1;
    size_t count = 0;

    if (text.len == 1)
        return 0;
    for (;;) {
        const char *slash = p;

        while (slash < end && *slash != '/')
            slash++;
        out[count++] = (struct flare_str){p, (size_t)(slash - p)};
        if (slash == end)
            break;
        p = slash + 1;
    }
    if (count > 1 && out[count - 1].len == 0)
        count--; /* one trailing slash */
    return count;
}

static bool naive_fits(const struct flare_route *route, struct flare_str path,
                       struct naive *n)
{
    struct flare_str want[NAIVE_SEGMENTS_MAX], have[NAIVE_SEGMENTS_MAX];
    size_t wants = naive_split(flare_str(route->pattern), want);
    size_t haves = naive_split(path, have);
    size_t i;

    n->route = route;
    n->count = 0;
    memset(n->kinds, 0, sizeof(n->kinds));
    for (i = 0; i < wants; i++) {
        char kind = want[i].ptr[0];

        if (i >= haves || have[i].len == 0)
            return false;
        if (kind != ':' && kind != '*') {
            if (!flare_str_equal(want[i], have[i]))
                return false;
            n->kinds[i] = '0';
            continue;
        }
        n->names[n->count] =
            (struct flare_str){want[i].ptr + 1, want[i].len - 1};
        n->values[n->count] = have[i];
        n->kinds[i] = kind == ':' ? '1' : '2';
        if (kind == '*')
            n->values[n->count].len =
                (size_t)(path.ptr + path.len - have[i].ptr);
        n->count++;
        if (kind == '*')
            return true;
    }
    return i == haves;
}

static int naive_match(struct flare_routes routes, enum flare_method method,
                       struct flare_str path, struct naive *best)
{
    uint32_t allowed = 0;

    best->route = NULL;
    for (size_t i = 0; i < routes.count; i++) {
        enum flare_method has = routes.list[i].method;
        struct naive n;

        if (!naive_fits(&routes.list[i], path, &n))
            continue;
        allowed |= 1u << has;
        if (has == method)
            n.rank = 0;
        else if (has == FLARE_METHOD_GET && method == FLARE_METHOD_HEAD)
            n.rank = 1;
        else if (has == FLARE_METHOD_ANY)
            n.rank = 2;
        else
            continue;
        if (best->route == NULL || strcmp(n.kinds, best->kinds) < 0 ||
            (strcmp(n.kinds, best->kinds) == 0 && n.rank < best->rank))
            *best = n;
    }
    best->allowed = 0;
    if (best->route != NULL)
        return 0;
    if (allowed == 0)
        return FLARE_E_NOT_FOUND;
    if (allowed & 1u << FLARE_METHOD_GET)
        allowed |= 1u << FLARE_METHOD_HEAD;
    best->allowed = allowed | 1u << FLARE_METHOD_OPTIONS;
    return FLARE_E_METHOD_NOT_ALLOWED;
}

/* xorshift64*; `state` is not 0. */
static uint64_t naive_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717) >> 32;
}

/* Few words, so that tables and paths meet; some differ after 8 bytes only. */
static const char *naive_word(uint64_t *rng)
{
    static const char *const words[] = {
        "a",
        "b",
        "ab",
        "abcdefg",
        "abcdefgh",
        "abcdefghi",
        "abcdefghj",
        "abcdefgh1",
        "12345678abcdefgh",
        "x",
        "12345678abcdefgi",
    };

    return words[naive_random(rng) % (sizeof(words) / sizeof(words[0]))];
}

static void naive_pattern(char *out, uint64_t *rng)
{
    size_t depth = naive_random(rng) % 5, len = 0;

    for (size_t i = 0; i < depth; i++) {
        uint64_t kind = naive_random(rng) % 8;

        if (kind == 0 && i + 1 == depth)
            len += (size_t)snprintf(out + len, NAIVE_TEXT_MAX - len, "/*r%zu",
                                    naive_random(rng) % 3);
        else if (kind < 4)
            len += (size_t)snprintf(out + len, NAIVE_TEXT_MAX - len, "/:p%zu%s",
                                    i, kind == 3 ? "x" : "");
        else
            len += (size_t)snprintf(out + len, NAIVE_TEXT_MAX - len, "/%s",
                                    naive_word(rng));
    }
    if (depth == 0 || naive_random(rng) % 8 == 0)
        snprintf(out + len, NAIVE_TEXT_MAX - len, "/");
}

static void naive_path(char *out, uint64_t *rng)
{
    size_t depth = naive_random(rng) % 6, len = 0;

    for (size_t i = 0; i < depth; i++)
        len += (size_t)snprintf(out + len, NAIVE_TEXT_MAX - len, "/%s",
                                naive_random(rng) % 16 == 0 ? ""
                                                            : naive_word(rng));
    if (depth == 0 || naive_random(rng) % 5 == 0)
        snprintf(out + len, NAIVE_TEXT_MAX - len, "/");
}

#endif
