/* SPDX-License-Identifier: MIT */
/*
 * The chain.  Each link but the first reads a piece that the one before it
 * wrote; output is pulled through from the end, so that nothing is decoded that
 * has no room yet.
 */
#include "http/decoding.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "http/accept.h"

#include <errno.h>

struct link {
    struct flare__inflate *inflate;
    struct flare_str input; /* left of the piece; of all but the first */
    char *piece;            /* likewise */
    uint64_t out_bytes;
};

struct flare__decoding {
    const struct flare_allocator *al;
    struct flare__inflate_limits limits; /* the ratio's, for the chain */
    uint64_t in_bytes;
    int rc; /* the error that there was */
    int count;
    struct link links[FLARE__DECODING_MAX];
};

/* The codings that are applied, in the order they were. */
struct names {
    int count;
    enum flare__wrap wraps[FLARE__DECODING_MAX];
};

struct flare_str flare__decoding_accept(void)
{
    return flare__deflate_is_here() ? FLARE_STR("gzip, deflate")
                                    : FLARE_STR("");
}

static int names_add(struct names *names, enum flare__coding coding)
{
    if (coding == FLARE__CODING_IDENTITY)
        return 0;
    if (coding != FLARE__CODING_GZIP && coding != FLARE__CODING_DEFLATE)
        return FLARE_E_UNSUPPORTED_CODING;
    if (names->count == FLARE__DECODING_MAX)
        return FLARE_E_CODING_LIMIT;
    names->wraps[names->count++] = coding == FLARE__CODING_GZIP
                                       ? FLARE__WRAP_GZIP
                                       : FLARE__WRAP_ZLIB_OR_RAW;
    return 0;
}

static int names_read(struct names *names, struct flare__values fields)
{
    *names = (struct names){.count = 0};
    for (size_t i = 0; i < fields.count; i++) {
        struct flare_str rest = fields.at[i], name;

        while (flare__list_next(&rest, FLARE__QUOTED_STRING, &name)) {
            int rc = names_add(names, flare__coding_find(name));

            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

/*
 * What a link may write at all: the last one the cap; the others so much more
 * as the incompressible takes when it is encoded, in blocks of some KiB.
 */
static uint64_t link_bytes_max(uint64_t cap, bool is_last)
{
    uint64_t more = cap / 64 + UINT64_C(64) * 1024;

    if (is_last)
        return cap;
    return cap > UINT64_MAX - more ? UINT64_MAX : cap + more;
}

static int link_open(struct flare__decoding *d, struct link *link,
                     enum flare__wrap wrap, bool is_last)
{
    const struct flare__inflate_limits limits = {
        .bytes_max = link_bytes_max(d->limits.bytes_max, is_last),
        .ratio_max = 0, /* the chain looks at it */
    };

    if (link != d->links) {
        link->piece = flare__alloc(d->al, FLARE__DECODING_PIECE);
        if (link->piece == NULL)
            return -ENOMEM;
        link->input.ptr = link->piece;
    }
    return flare__inflate_new(&link->inflate, d->al, wrap, &limits);
}

int flare__decoding_new(struct flare__decoding **out,
                        const struct flare_allocator *al,
                        struct flare__values content_encoding,
                        const struct flare__inflate_limits *limits)
{
    struct flare__decoding *d;
    struct names names;
    int rc = names_read(&names, content_encoding);

    *out = NULL;
    if (rc < 0 || names.count == 0)
        return rc;
    d = flare__calloc(al, 1, sizeof(*d));
    if (d == NULL)
        return -ENOMEM;
    d->al = al;
    d->limits = *limits;
    while (rc == 0 && d->count < names.count) {
        int at = d->count++;

        rc = link_open(d, &d->links[at], names.wraps[names.count - 1 - at],
                       d->count == names.count);
    }
    if (rc < 0) {
        flare__decoding_free(d);
        return rc;
    }
    *out = d;
    return 0;
}

void flare__decoding_free(struct flare__decoding *d)
{
    if (d == NULL)
        return;
    for (int i = 0; i < d->count; i++) {
        flare__inflate_free(d->links[i].inflate);
        flare__free(d->al, d->links[i].piece);
    }
    flare__free(d->al, d);
}

/* One step of a link, counted on both sides. */
static int link_feed(struct flare__decoding *d, struct link *link,
                     struct flare_str *in, char *out, int room)
{
    size_t before = in->len;
    int n = flare__inflate_feed(link->inflate, in, out, room);

    if (n < 0)
        return n;
    if (link == d->links)
        d->in_bytes += before - in->len;
    link->out_bytes += (uint64_t)n;
    if (d->limits.ratio_max > 0 && link->out_bytes > d->limits.ratio_grace &&
        link->out_bytes / d->limits.ratio_max > d->in_bytes)
        return FLARE_E_CODING_LIMIT;
    return n;
}

/* Fills `out` from link `at` and those before it, as far as `in` reaches. */
static int chain_pull(struct flare__decoding *d, int at, struct flare_str *in,
                      char *out, int room)
{
    struct link *link = &d->links[at];
    struct flare_str *input = at == 0 ? in : &link->input;
    int total = 0, n;

    for (;;) {
        n = link_feed(d, link, input, out + total, room - total);
        if (n < 0)
            return n;
        total += n;
        if (total == room || at == 0)
            return total;
        n = chain_pull(d, at - 1, in, link->piece, FLARE__DECODING_PIECE);
        if (n <= 0)
            return n < 0 ? n : total;
        link->input = (struct flare_str){link->piece, (size_t)n};
    }
}

int flare__decoding_feed(struct flare__decoding *d, struct flare_str *in,
                         char *out, int room)
{
    int n;

    FLARE_ASSERT(room > 0);
    if (d->rc < 0)
        return d->rc;
    n = chain_pull(d, d->count - 1, in, out, room);
    if (n < 0)
        d->rc = n;
    return n;
}

int flare__decoding_finish(struct flare__decoding *d)
{
    for (int i = 0; d->rc == 0 && i < d->count; i++)
        d->rc = flare__inflate_finish(d->links[i].inflate);
    return d->rc;
}
