/* SPDX-License-Identifier: MIT */
/*
 * The echo of bench/run on the public API: what examples/tcp_echo.c and
 * examples/udp.c are, with the buffers of bench/floor_echo.
 *
 *   echo ADDRESS tcp|udp
 */
#include <flare/flare.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

static void on_data(flare_stream *stream, struct flare_str data, void *ctx)
{
    int rc = flare_stream_write(stream, data);

    (void)ctx;
    if (rc == 1)
        flare_stream_pause(stream);
    else if (rc < 0)
        flare_stream_abort(stream);
}

static void on_drain(flare_stream *stream, void *ctx)
{
    (void)ctx;
    flare_stream_resume(stream);
}

static void on_datagrams(flare_udp *udp, const struct flare_datagram *list,
                         size_t count, void *ctx)
{
    (void)ctx;
    for (size_t i = 0; i < count; i++)
        (void)!flare_udp_send(udp, &list[i].peer, list[i].bytes);
}

static int open_tcp(flare_loop *loop, const char *address,
                    struct flare_error *err)
{
    static const struct flare_stream_handler handler = {.on_data = on_data,
                                                        .on_drain = on_drain};
    const struct flare_tcp_options options = {.handler = &handler,
                                              .backlog = 4096};
    flare_listener *listener;

    return flare_tcp_listen(loop, &listener, flare_str(address), &options, err);
}

static int open_udp(flare_loop *loop, const char *address,
                    struct flare_error *err)
{
    static const struct flare_udp_handler handler = {.on_datagrams =
                                                         on_datagrams};
    const struct flare_udp_options options = {
        .handler = &handler,
        .queue_max = 2 << 20,
        .receive_buffer_bytes = 2 << 20,
    };
    flare_udp *udp;

    return flare_udp_open(loop, &udp, flare_str(address), &options, err);
}

static void on_signal(int number, void *loop)
{
    (void)number;
    flare_loop_stop(loop);
}

int main(int argc, char **argv)
{
    struct flare_error err = {0};
    flare_loop *loop;
    flare_signal *term;
    int rc;

    if (argc != 3)
        return fprintf(stderr, "usage: echo ADDRESS tcp|udp\n"), 2;
    rc = flare_loop_new(&loop, NULL, &err);
    if (rc == 0)
        rc = flare_signal_new(loop, &term, SIGTERM, on_signal, loop);
    if (rc == 0)
        rc = strcmp(argv[2], "udp") == 0 ? open_udp(loop, argv[1], &err)
                                         : open_tcp(loop, argv[1], &err);
    if (rc < 0)
        return fprintf(stderr, "echo: %s\n", err.text), 1;
    printf("listening on %s\n", argv[1]);
    fflush(stdout);
    rc = flare_loop_run(loop);
    flare_loop_free(loop);
    return rc < 0;
}
