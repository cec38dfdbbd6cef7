/* SPDX-License-Identifier: MIT */
/*
 * TCP on a loop: sends back what it gets, waits for peers that do not read, and
 * ends with SIGTERM.
 *
 *   tcp_echo [ADDRESS]     listens on 127.0.0.1:8080 unless told otherwise
 *   echo hello | nc -N 127.0.0.1 8080
 */
#include <flare/flare.h>

#include <signal.h>
#include <stdio.h>

static void on_data(flare_stream *stream, struct flare_str data, void *ctx)
{
    int rc = flare_stream_write(stream, data);

    (void)ctx;
    if (rc == 1) /* much is unsent: no more is read until on_drain */
        flare_stream_pause(stream);
    else if (rc < 0)
        flare_stream_abort(stream);
}

static void on_drain(flare_stream *stream, void *ctx)
{
    (void)ctx;
    flare_stream_resume(stream);
}

static void on_signal(int number, void *loop)
{
    (void)number;
    flare_loop_stop(loop);
}

static void print_address(struct flare_addr addr)
{
    char text[FLARE_ADDR_TEXT_MAX];

    flare_addr_format(&addr, text, sizeof(text));
    printf("listening on %s\n", text);
    fflush(stdout);
}

/* Without on_end a stream closes by itself, once all is sent back. */
static const struct flare_stream_handler handler = {.on_data = on_data,
                                                    .on_drain = on_drain};

int main(int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "127.0.0.1:8080";
    const struct flare_tcp_options options = {.handler = &handler};
    struct flare_error err = {0};
    flare_listener *listener;
    flare_loop *loop;
    flare_signal *term;
    int rc;

    if (flare_loop_new(&loop, NULL, &err) < 0 ||
        flare_signal_new(loop, &term, SIGTERM, on_signal, loop) < 0 ||
        flare_tcp_listen(loop, &listener, flare_str(address), &options, &err) <
            0)
        return fprintf(stderr, "tcp_echo: %s\n", err.text), 1;
    print_address(flare_listener_local(listener));
    rc = flare_loop_run(loop);
    flare_loop_free(loop); /* streams end with their last callbacks */
    return rc < 0;
}
