/* SPDX-License-Identifier: MIT */
/*
 * A protocol of one's own on the loop: lines, sent back; "quit" ends.
 *   line_protocol [ADDRESS]    listens on 127.0.0.1:8080 unless told otherwise
 *   printf 'one\nquit\n' | nc 127.0.0.1 8080
 */
#include <flare/flare.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>

static void on_line(flare_stream *stream, struct flare_str line)
{
    if (flare_str_equal(line, FLARE_STR("quit")) ||
        flare_stream_write(stream, line) < 0 ||
        flare_stream_write(stream, FLARE_STR("\n")) < 0)
        flare_stream_close(stream); /* once what was written is sent */
}

/* All lines that are there; the rest of the last waits for more. */
static void on_data(flare_stream *stream, struct flare_str data, void *reader)
{
    struct flare_str line;
    int rc = flare_reader_feed(reader, data);

    for (; rc >= 0; rc = flare_reader_line(reader, &line))
        if (rc > 0)
            on_line(stream, line);
    if (rc != -EAGAIN) /* a line is too long */
        flare_stream_close(stream);
}

static void on_closed(flare_stream *stream, int rc,
                      const struct flare_error *err, void *reader)
{
    (void)stream, (void)rc, (void)err, flare_reader_free(reader);
}

static void on_open(flare_stream *stream, void *handler)
{
    flare_reader *reader = NULL; /* this stream's own context */

    if (flare_reader_new(&reader, NULL, NULL, NULL) < 0)
        flare_stream_abort(stream);
    flare_stream_handle(stream, handler, reader);
}

static void on_signal(int number, void *loop)
{
    (void)number;
    flare_loop_stop(loop);
}

int main(int argc, char **argv)
{
    struct flare_str address = flare_str(argc > 1 ? argv[1] : "127.0.0.1:8080");
    struct flare_stream_handler in = {.on_open = on_open, .on_data = on_data};
    struct flare_stream_handler then = {.on_data = on_data,
                                        .on_closed = on_closed};
    struct flare_tcp_options options = {.handler = &in, .ctx = &then};
    char text[FLARE_ADDR_TEXT_MAX];
    struct flare_error err = {0};
    struct flare_addr local;
    flare_listener *listener;
    flare_loop *loop;
    flare_signal *term;
    int rc;

    if (flare_loop_new(&loop, NULL, &err) < 0 ||
        flare_signal_new(loop, &term, SIGTERM, on_signal, loop) < 0 ||
        flare_tcp_listen(loop, &listener, address, &options, &err) < 0)
        return fprintf(stderr, "line_protocol: %s\n", err.text), 1;
    local = flare_listener_local(listener);
    flare_addr_format(&local, text, sizeof(text));
    printf("listening on %s\n", text);
    fflush(stdout);
    rc = flare_loop_run(loop);
    flare_loop_free(loop); /* what is open ends with on_closed */
    return rc < 0;
}
