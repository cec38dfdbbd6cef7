/* SPDX-License-Identifier: MIT */
/*
 * The compiled form of a route table, known to router_build.c and
 * router_match.c only.
 *
 * Nodes are pattern prefixes; node 0 is "/".  The literal children of all
 * nodes live in one open-addressed table keyed by (parent, segment), so that a
 * step of a match touches one node and, nearly always, one edge: a segment of
 * up to 8 bytes is compared in a register, without going to the pattern's text.
 * Runs of probes end at an empty slot, and at least half of them are empty; the
 * peer chooses look-ups, never keys.
 */
#ifndef FLARE__HTTP_ROUTER_TREE_H
#define FLARE__HTTP_ROUTER_TREE_H

#include "http/chain.h"
#include "http/router.h"

#include <string.h>

/* Paths without and with a slash at the end. */
enum { FLARE__SIDE_PLAIN, FLARE__SIDE_SLASH, FLARE__SIDES };

struct flare__router_node {
    uint32_t literals; /* children in the edge table */
    uint32_t param;    /* child node, 0: none */
    uint32_t rest;     /* child node, 0: none */
    uint32_t parent;
    uint32_t methods[FLARE__SIDES]; /* bits 1 << enum flare_method, also ANY */
    uint32_t routes[FLARE__SIDES];  /* the first that ends here, if methods */
};

struct flare__router_edge {
    uint64_t head; /* first 8 bytes of the text, as in flare__segment */
    const char *text;
    uint32_t len;
    uint32_t parent;
    uint32_t child; /* 0: the slot is empty */
};

struct flare__router_route {
    struct flare_handler handler; /* enters the chain, if there is one */
    const char *pattern;
    const struct flare_str *names;
    uint64_t body_bytes_max;
    uint32_t flags;
    uint32_t next[FLARE__SIDES]; /* of the same node; itself: the last */
    uint32_t name_count;
    enum flare_method method;
};

struct flare__router {
    struct flare_allocator al;
    void *block; /* all of it, this structure at its end */
    struct flare__router_node *nodes;
    struct flare__router_edge *edges;
    struct flare__router_route *routes;
    struct flare_str *names;
    struct flare__chain_link *links;
    char *text;          /* patterns of routes in groups */
    uint32_t edge_mask;  /* slots - 1 */
    uint32_t edge_shift; /* 64 - log2(slots) */
    uint32_t node_count;
    uint32_t route_count;
    uint32_t name_count;
    uint32_t link_count;
    size_t text_len;
};

_Static_assert(sizeof(struct flare__router_node) == 32, "two in a cache line");
_Static_assert(sizeof(struct flare__router_edge) == 32, "two in a cache line");

struct flare__segment {
    const char *ptr;
    size_t len;
    uint64_t head; /* first 8 bytes, the first lowest, padded with zero */
    uint64_t hash;
};

/* The side of a path or pattern; "/" has no slash at its end. */
static inline uint32_t flare__side_of(struct flare_str path)
{
    return path.len > 1 && path.ptr[path.len - 1] == '/';
}

/* Walks the segments of a path or pattern that starts with '/'; its side. */
struct flare__segments {
    const char *at;
    const char *end; /* without one trailing slash */
    bool has_more;
};

static inline uint32_t flare__segments_init(struct flare__segments *s,
                                            struct flare_str path)
{
    uint32_t side = flare__side_of(path);

    s->at = path.ptr + 1;
    s->end = path.ptr + path.len - side;
    s->has_more = path.len > 1;
    return side;
}

static inline uint64_t flare__load64(const char *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline uint64_t flare__load32(const char *p)
{
    uint32_t word;

    memcpy(&word, p, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    return word;
}

/* Up to 8 bytes of the `left` at `p`; never reads past them. */
static inline uint64_t flare__load_upto8(const char *p, size_t left)
{
    const unsigned char *u = (const unsigned char *)p;

    if (left >= 8)
        return flare__load64(p);
    if (left >= 4) /* the two halves overlap, with equal bytes */
        return flare__load32(p) | flare__load32(p + left - 4)
                                      << (8 * (left - 4));
    if (left == 0)
        return 0;
    return (uint64_t)u[0] | (uint64_t)u[left / 2] << (8 * (left / 2)) |
           (uint64_t)u[left - 1] << (8 * (left - 1));
}

static inline uint64_t flare__segment_mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15); /* 2^64 / phi, odd */
    return hash ^ hash >> 32;
}

/* The next segment, which may be empty; false at the end. */
static inline bool flare__segments_next(struct flare__segments *s,
                                        struct flare__segment *seg)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t take;

    if (!s->has_more)
        return false;
    seg->ptr = s->at;
    seg->head = 0;
    seg->hash = 0;
    do {
        size_t left = (size_t)(s->end - s->at);
        uint64_t word = flare__load_upto8(s->at, left);
        uint64_t differs = word ^ ones * '/';
        uint64_t slash = (differs - ones) & ~differs & ones << 7;

        take = left < 8 ? left : 8;
        if (slash != 0) {
            take = (size_t)__builtin_ctzll(slash) / 8;
            word &= (UINT64_C(1) << (8 * take)) - 1;
        }
        if (s->at == seg->ptr)
            seg->head = word;
        seg->hash = flare__segment_mix(seg->hash, word);
        s->at += take;
    } while (take == 8);
    seg->len = (size_t)(s->at - seg->ptr);
    s->has_more = s->at < s->end;
    s->at += s->has_more; /* past the slash */
    return true;
}

/* The slot of (node, segment): its edge, or the empty one where it would be. */
static inline struct flare__router_edge *flare__router_slot(
    const struct flare__router *r, uint32_t node,
    const struct flare__segment *seg)
{
    uint64_t key = flare__segment_mix(seg->hash, node);
    size_t slot = key * UINT64_C(0xD6E8FEB86659FD93) >> r->edge_shift;

    for (;; slot = (slot + 1) & r->edge_mask) {
        struct flare__router_edge *edge = &r->edges[slot];

        if (edge->child == 0)
            return edge;
        if (edge->head == seg->head && edge->parent == node &&
            edge->len == seg->len &&
            (seg->len <= 8 ||
             memcmp(edge->text + 8, seg->ptr + 8, seg->len - 8) == 0))
            return edge;
    }
}

#endif
