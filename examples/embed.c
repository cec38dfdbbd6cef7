/* SPDX-License-Identifier: MIT */
/*
 * flare in a loop of another kind: poll(2) waits for standard input, which is
 * sent to a server, and for the loop's descriptor; what comes is printed.
 *   embed HOST PORT
 */
#include <flare/flare.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Standard input; the loop. */
static struct pollfd waits[2] = {{STDIN_FILENO, POLLIN, 0}, {-1, POLLIN, 0}};
static int failed;

static void on_data(flare_stream *stream, struct flare_str data, void *ctx)
{
    (void)stream, (void)ctx;
    fwrite(data.ptr, 1, data.len, stdout);
}

static void on_drain(flare_stream *stream, void *ctx)
{
    (void)stream, (void)ctx;
    waits[0].fd = STDIN_FILENO;
}

static void on_closed(flare_stream *stream, int rc,
                      const struct flare_error *err, void *ctx)
{
    (void)stream, (void)ctx;
    failed = rc < 0;
    waits[0].fd = -1;
    if (rc < 0)
        fprintf(stderr, "embed: %s\n", err->text);
}

static void on_input(flare_stream *stream)
{
    char bytes[4096];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
    int rc = 1;

    if (n <= 0)
        flare_stream_shutdown(stream);
    else
        rc = flare_stream_write(stream, (struct flare_str){bytes, (size_t)n});
    if (rc < 0)
        flare_stream_abort(stream);
    if (rc != 0) /* the end; or wait for on_drain */
        waits[0].fd = -1;
}

int main(int argc, char **argv)
{
    static const struct flare_stream_handler handler = {
        .on_data = on_data, .on_drain = on_drain, .on_closed = on_closed};
    struct flare_tcp_options options = {.handler = &handler};
    struct flare_error err = {0};
    flare_stream *stream;
    flare_loop *loop;

    if (argc != 3 || flare_loop_new(&loop, NULL, &err) < 0 ||
        flare_tcp_connect(loop, &stream, flare_str(argv[1]),
                          (uint16_t)strtoul(argv[2], NULL, 10), &options,
                          &err) < 0)
        return fprintf(stderr, "embed HOST PORT: %s\n", err.text), 1;
    waits[1].fd = flare_loop_fd(loop);
    while (waits[1].fd >= 0 && (poll(waits, 2, -1) > 0 || errno == EINTR)) {
        if (waits[0].fd >= 0 && waits[0].revents != 0)
            on_input(stream);
        if (flare_loop_run_once(loop, 0) <= 0) /* also after calls from here */
            break;
    }
    flare_loop_free(loop); /* on_closed, if it is still open */
    return failed;
}
