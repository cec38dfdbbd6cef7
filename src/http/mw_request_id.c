/* SPDX-License-Identifier: MIT */
/*
 * Request ids: a random number of the middleware, and a count under a
 * permutation of its own, so that an id does not tell how many there were.
 */
#include "base/log.h"
#include "http/mw_tools.h"
#include "net/random.h"

#include <string.h>

enum { ID_PREFIX, ID_COUNT, ID_MASK }; /* of `state` */
enum { ID_TRUSTED_MAX = 128, ID_DIGITS = 32 };

static const char id_key; /* its address */

struct flare_str flare_req_id(const flare_req *req)
{
    return flare__tag_get(req, &id_key);
}

static const char *id_field(const struct flare_request_id *o)
{
    return o->field != NULL ? o->field : "X-Request-Id";
}

static void id_put_hex(char *out, uint64_t number)
{
    for (int i = 15; i >= 0; i--) {
        out[i] = "0123456789abcdef"[number & 15];
        number >>= 4;
    }
}

/* A permutation of the numbers: splitmix64's last step. */
static uint64_t id_mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static int id_give(flare_req *req, struct flare_request_id *o)
{
    uint64_t n = __atomic_fetch_add(&o->state[ID_COUNT], 1, __ATOMIC_RELAXED);
    struct flare_str theirs = {NULL, 0};
    char id[ID_DIGITS];

    if (o->trust)
        theirs = flare_req_header(req, id_field(o));
    if (theirs.len <= ID_TRUSTED_MAX && flare__mw_is_token(theirs))
        return flare__tag_set(req, &id_key, theirs);
    id_put_hex(id, o->state[ID_PREFIX]);
    id_put_hex(id + 16, id_mix(n ^ o->state[ID_MASK]));
    return flare__tag_set(req, &id_key, (struct flare_str){id, ID_DIGITS});
}

static int id_before_head(flare_req *req, flare_res *res, void *ctx)
{
    return flare_res_header(res, id_field(ctx), flare_req_id(req));
}

static int id_run(flare_req *req, flare_res *res, struct flare_handler next,
                  void *ctx)
{
    int rc = 0;

    if (flare_req_id(req).ptr != NULL) /* around a group in the server's */
        return flare_next(req, res, next);
    rc = id_give(req, ctx);
    if (rc >= 0)
        rc = flare_res_before_head(res, id_before_head, ctx);
    return rc < 0 ? rc : flare_next(req, res, next);
}

int flare_request_id_init(struct flare_middleware *out,
                          struct flare_request_id *options,
                          struct flare_error *err)
{
    int rc;

    if (!flare__mw_is_token(flare_str(id_field(options))))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "request id: field is not a token");
    rc = flare__random(options->state, sizeof(options->state));
    if (rc < 0)
        return flare__error(err, rc, "request id: no random numbers: %s",
                            flare_strerror(rc));
    options->state[ID_COUNT] = 0;
    *out = (struct flare_middleware){id_run, options};
    return 0;
}
