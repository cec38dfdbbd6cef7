/* SPDX-License-Identifier: MIT */
/*
 * UDP: a server on a loop that sends each datagram back to where it came from,
 * or a client that waits for its answer.
 *   udp [ADDRESS]          on 127.0.0.1:8080 unless told otherwise
 *   udp ADDRESS TEXT
 */
#include <flare/flare.h>
#include <signal.h>
#include <stdio.h>

static void on_datagrams(flare_udp *udp, const struct flare_datagram *list,
                         size_t count, void *ctx)
{
    (void)ctx;
    for (size_t i = 0; i < count; i++) /* a full queue loses, as networks do */
        (void)!flare_udp_send(udp, &list[i].peer, list[i].bytes);
}

static void on_signal(int number, void *loop)
{
    (void)number, flare_loop_stop(loop);
}

static int serve(struct flare_str address, struct flare_error *err)
{
    struct flare_udp_handler handler = {.on_datagrams = on_datagrams};
    struct flare_udp_options options = {.handler = &handler};
    char text[FLARE_ADDR_TEXT_MAX];
    struct flare_addr local;
    flare_loop *loop;
    flare_signal *term;
    flare_udp *udp;
    int rc;

    if (flare_loop_new(&loop, NULL, err) < 0 ||
        flare_signal_new(loop, &term, SIGTERM, on_signal, loop) < 0 ||
        flare_udp_open(loop, &udp, address, &options, err) < 0 ||
        flare_udp_local(udp, &local) < 0)
        return err->code;
    flare_addr_format(&local, text, sizeof(text));
    printf("listening on %s\n", text);
    fflush(stdout);
    rc = flare_loop_run(loop);
    flare_loop_free(loop);
    return rc;
}

static int ask(struct flare_str address, struct flare_str text,
               struct flare_error *err)
{
    struct flare_addr peer;
    const struct flare_udp_options options = {.peer = &peer}; /* only it */
    char answer[2000];
    flare_dgram *d = NULL;
    int rc = flare_addr_parse(&peer, address, err);

    if (rc == 0)
        rc = flare_dgram_open(&d, FLARE_STR(""), &options, err);
    if (rc == 0)
        rc = flare_dgram_send_to(d, NULL, text);
    if (rc == 0)
        rc = flare_dgram_recv_from(d, answer, sizeof(answer), NULL, 5000);
    if (rc >= 0)
        printf("%.*s\n", rc, answer);
    flare_dgram_close(d);
    return rc;
}

int main(int argc, char **argv)
{
    struct flare_str address = flare_str(argc > 1 ? argv[1] : "127.0.0.1:8080");
    struct flare_error err = {0};
    int rc = argc > 2 ? ask(address, flare_str(argv[2]), &err)
                      : serve(address, &err);

    if (rc < 0)
        fprintf(stderr, "udp: %s: %s\n", flare_strerror(rc), err.text);
    return rc < 0;
}
