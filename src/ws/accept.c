/* SPDX-License-Identifier: MIT */
/* From a request of the HTTP server to a connection: flare_ws_accept. */
#include "ws/conn.h"
#include "ws/handshake.h"
#include "ws/origin.h"

#include <errno.h>

/* A subprotocol's name beside the rest of the lines. */
enum { ACCEPT_LINES_MAX = FLARE__WS_HEAD_BYTES_MAX + 256 };

static bool accept_field(const void *ctx, size_t index, struct flare_str *name,
                         struct flare_str *value)
{
    return flare_req_header_at(ctx, index, name, value) == 0;
}

/* Of a list: those in it, and who is no browser. */
static bool accept_listed(struct flare_str origin, struct flare_str host,
                          void *ctx)
{
    const struct flare_ws_handler *h = ctx;

    (void)host;
    return origin.ptr == NULL ||
           flare__ws_origin_is_listed(origin, h->origins, h->origin_count);
}

static void accept_judge(struct flare__ws_answer *answer, const flare_req *req,
                         const struct flare__ws_end *end)
{
    const struct flare_ws_handler *h = end->handler;
    const struct flare__ws_request request = {
        .method = flare_str(flare_method_name(flare_req_method(req))),
        .host = flare_req_host(req),
        .minor = flare_req_version_minor(req),
        .fields = {accept_field, req},
    };
    struct flare__ws_server server = {
        .protocols = h->protocols,
        .protocol_count = h->protocol_count,
        .deflate = h->deflate.is_on ? &end->wish : NULL,
        .origin_fn = h->origin_fn,
        .ctx = h->origin_ctx,
    };

    if (h->origin_count > 0) {
        server.origin_fn = accept_listed;
        server.ctx = (void *)(uintptr_t)h;
    }
    flare__ws_handshake_judge(answer, &request, &server);
}

/* Its place in the handler's list, from 1; 0: none. */
static uint8_t accept_protocol(const struct flare_ws_handler *h,
                               struct flare_str chosen)
{
    for (size_t i = 0; chosen.len > 0 && i < h->protocol_count; i++) {
        if (flare_str_equal(h->protocols[i], chosen))
            return (uint8_t)(i + 1);
    }
    return 0;
}

int flare_ws_accept(flare_req *req, flare_res *res,
                    const struct flare_ws_handler *handler, void *ctx,
                    bool *is_open)
{
    struct flare__ws_end *end;
    struct flare__ws_answer answer;
    char lines[ACCEPT_LINES_MAX];
    struct flare__ws_offer offer;
    struct flare__upgrade upgrade;
    int rc = flare__ws_end_of(&end, flare__upgrade_loop(res), handler,
                              flare__upgrade_allocator(res), /* host = */ NULL);

    if (is_open != NULL)
        *is_open = false;
    if (rc < 0)
        return rc;
    end->counters = flare__upgrade_counters(res);
    accept_judge(&answer, req, end);
    rc = flare__ws_answer_write(lines, sizeof(lines), &answer);
    if (rc < 0)
        return FLARE_E_BAD_CONFIG; /* a subprotocol of more than 256 bytes */
    upgrade.lines = (struct flare_str){lines, (size_t)rc};
    if (answer.status != 101)
        return flare__upgrade_refuse(res, answer.status, upgrade.lines,
                                     answer.text);
    offer = (struct flare__ws_offer){
        .ctx = ctx,
        .deflate = answer.agreed.deflate,
        .has_deflate = answer.agreed.has_deflate,
        .protocol = accept_protocol(handler, answer.agreed.protocol),
    };
    upgrade.kind = &end->kind;
    upgrade.offer = &offer;
    upgrade.offer_bytes = sizeof(offer);
    rc = flare__upgrade(res, &upgrade);
    if (is_open != NULL)
        *is_open = rc == 0;
    return rc;
}
