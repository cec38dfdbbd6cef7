/* SPDX-License-Identifier: MIT */
/*
 * An upload of up to 1 GiB into a file, a piece each millisecond: the peer has
 * to wait, and no more than one piece is in memory.
 *   upload [ADDRESS]      listens on 127.0.0.1:8080 unless told otherwise
 *   curl -T FILE http://127.0.0.1:8080/upload
 */
#include <flare/flare.h>
#include <stdio.h>

enum { PIECE_MS = 1 };

struct upload {
    FILE *file;
    uint64_t bytes;
};

static void go_on(flare_req *req, flare_res *res, void *ctx)
{
    (void)res, (void)ctx;
    flare_req_body_resume(req);
}

static int on_piece(flare_req *req, flare_res *res, struct flare_str piece,
                    bool is_last, void *ctx)
{
    struct upload *u = ctx;

    (void)req;
    if (fwrite(piece.ptr, 1, piece.len, u->file) < piece.len)
        return flare_res_empty(res, 507);
    u->bytes += piece.len;
    if (is_last)
        return flare_res_printf(res, 201, "%" PRIu64 " bytes\n", u->bytes);
    return flare_res_timer(res, PIECE_MS, go_on, NULL) < 0 ? FLARE_E_OVERLOADED
                                                           : FLARE_LATER;
}

static void on_done(flare_req *req, flare_res *res,
                    const struct flare_outcome *outcome, void *file)
{
    (void)req, (void)res, (void)outcome;
    fclose(file); /* a tmpfile: it is gone now */
}

static int on_upload(flare_req *req, flare_res *res)
{
    struct upload *u = flare_req_alloc(req, sizeof(*u));

    if (u == NULL)
        return FLARE_E_OVERLOADED;
    *u = (struct upload){.file = tmpfile()};
    if (u->file == NULL || flare_res_on_done(res, on_done, u->file) < 0)
        return FLARE_E_OVERLOADED;
    return flare_req_read(req, on_piece, u) < 0 ? FLARE_E_INTERNAL
                                                : FLARE_LATER;
}

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    printf("listening on %s\n", address);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const struct flare_route routes[] = {FLARE_ROUTE(
        PUT, "/upload", FLARE_ROUTE_STREAM_BODY, 1 << 30, on_upload)};
    struct flare_server_config config = {
        .listen = argc > 1 ? argv[1] : "127.0.0.1:8080",
        .routes = FLARE_ROUTES(routes),
        .handle_signals = true,
        .on_listening = on_listening,
    };
    int rc = flare_serve(&config, NULL);

    return rc < 0 ? fprintf(stderr, "%s\n", flare_strerror(rc)), 1 : 0;
}
