/* SPDX-License-Identifier: MIT */
/* One line for each answer, whatever became of it. */
#include <flare/peer.h>

#include "base/log.h"
#include "http/mw_log_line.h"
#include "http/mw_tools.h"
#include "net/clock.h"

enum { LOG_STATUS_GONE = 499 }; /* as nginx has it: the peer left first */

static void log_done(flare_req *req, flare_res *res,
                     const struct flare_outcome *outcome, void *ctx)
{
    const struct flare_access_log *o = ctx;
    const struct flare_addr *client = flare__mw_client(req);
    char address[FLARE_ADDR_TEXT_MAX];
    char line[FLARE__LOG_LINE_MAX];
    struct flare_tls_info tls;
    size_t len;
    struct flare__log_entry entry = {
        .user = flare_req_user(req),
        .method = req->head->method,
        .target = req->head->target,
        .referer = flare_req_header(req, "Referer"),
        .agent = flare_req_header(req, "User-Agent"),
        .id = flare_req_id(req),
        .error = outcome->rc < 0 ? flare_error_name(outcome->rc) : NULL,
        .time_s = flare__clock_realtime(),
        .body_bytes = outcome->body_bytes,
        .elapsed_ns = outcome->elapsed_ns,
        .minor = req->head->minor,
        .status = outcome->status != 0 ? outcome->status : LOG_STATUS_GONE,
    };

    (void)res;
    if (flare_req_tls(req, &tls) == 0)
        entry.tls = flare_str(tls.version);
    if (client->kind == FLARE_ADDR_IP)
        entry.client = (struct flare_str){
            address, flare_ip_format(&client->ip, address, sizeof(address))};
    else if (client->kind != FLARE_ADDR_NONE)
        entry.client = (struct flare_str){
            address, flare_addr_format(client, address, sizeof(address))};
    len = flare__log_line(line, o->format, &entry);
    o->write((struct flare_str){line, len}, o->ctx);
}

static int log_run(flare_req *req, flare_res *res, struct flare_handler next,
                   void *ctx)
{
    int rc = flare_res_on_done(res, log_done, ctx);

    return rc < 0 ? rc : flare_next(req, res, next);
}

int flare_access_log_init(struct flare_middleware *out,
                          const struct flare_access_log *options,
                          struct flare_error *err)
{
    if (options->write == NULL)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "access log: write is required");
    if (options->format < FLARE_LOG_COMMON || options->format > FLARE_LOG_JSON)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "access log: format is none");
    *out = (struct flare_middleware){log_run, (void *)(uintptr_t)options};
    return 0;
}
