/* SPDX-License-Identifier: MIT */
/*
 * Server-sent events: a clock that goes on where a client left off.
 *
 *   sse [ADDRESS]         listens on 127.0.0.1:8080 unless told otherwise
 *   curl -N http://127.0.0.1:8080/ticks
 *   curl -N -H 'Last-Event-ID: 41' http://127.0.0.1:8080/ticks
 */
#include <flare/flare.h>

#include <stdio.h>

enum { TICK_MS = 100 };

/* Once each TICK_MS; it ends with the stream. */
static void on_tick(flare_req *req, flare_res *res, void *ctx)
{
    uint64_t *number = ctx;
    char text[24];
    int len = snprintf(text, sizeof(text), "%" PRIu64, *number);
    struct flare_str slice = {text, (size_t)len};
    int rc = flare_sse_send(res, &(struct flare_sse_event){
                                     .event = FLARE_STR("tick"),
                                     .id = slice,
                                     .data = slice,
                                 });

    (void)req;
    if (rc != FLARE_E_OUTPUT_FULL) /* who reads too slowly gets fewer */
        ++*number;
    if (flare_res_timer(res, TICK_MS, on_tick, ctx) < 0)
        flare_res_abort(res);
}

static int on_ticks(flare_req *req, flare_res *res)
{
    uint64_t *number = flare_req_alloc(req, sizeof(*number));
    int rc;

    if (number == NULL)
        return FLARE_E_OVERLOADED;
    if (flare_u64_parse(flare_sse_last_event_id(req), number) < 0)
        *number = 0; /* it has seen none */
    ++*number;
    rc = flare_sse_start(res, &(struct flare_sse_options){.retry_ms = 1000});
    if (rc == FLARE_LATER)
        on_tick(req, res, number);
    return rc;
}

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    printf("listening on %s\n", address);
    fflush(stdout);
}

static const struct flare_route routes[] = {
    FLARE_GET("/ticks", on_ticks),
};

int main(int argc, char **argv)
{
    struct flare_server_config config = {
        .listen = argc > 1 ? argv[1] : "127.0.0.1:8080",
        .routes = FLARE_ROUTES(routes),
        .handle_signals = true,
        .on_listening = on_listening,
    };
    struct flare_error err;
    int rc = flare_serve(&config, &err);

    return rc < 0 ? fprintf(stderr, "sse: %s\n", err.text), 1 : 0;
}
