/* SPDX-License-Identifier: MIT */
/*
 * Serves a directory: conditions, ranges, listings, files compressed before.
 *
 *   files [ADDRESS [DIRECTORY]]    127.0.0.1:8080 and "." unless told otherwise
 *   curl http://127.0.0.1:8080/static/
 */
#include <flare/flare.h>

#include <stdio.h>

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    printf("listening on %s\n", address);
    fflush(stdout);
}

static int serve(const char *address, struct flare_handler files,
                 struct flare_error *err)
{
    const struct flare_route routes[] = {
        FLARE_GET("/static", files.fn, files.ctx),
        FLARE_GET("/static/*path", files.fn, files.ctx),
    };

    return flare_serve(
        &(struct flare_server_config){
            .listen = address,
            .routes = FLARE_ROUTES(routes),
            .handle_signals = true,
            .on_listening = on_listening,
        },
        err);
}

int main(int argc, char **argv)
{
    struct flare_error err;
    flare_files *files;
    int rc = flare_files_open(&files,
                              &(struct flare_files_config){
                                  .root = argc > 2 ? argv[2] : ".",
                                  .listing = FLARE_FILES_LISTING_AUTO,
                                  .precompressed = true,
                                  .cache_control = "max-age=60",
                              },
                              &err);

    if (rc == 0) {
        rc = serve(argc > 1 ? argv[1] : "127.0.0.1:8080",
                   flare_files_handler(files), &err);
        flare_files_close(files);
    }
    if (rc < 0)
        return fprintf(stderr, "files: %s\n", err.text), 1;
    return 0;
}
