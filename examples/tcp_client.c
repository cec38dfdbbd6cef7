/* SPDX-License-Identifier: MIT */
/*
 * TCP without a loop: connects, sends its lines, and prints each line that
 * comes back until the peer ends.
 *
 *   tcp_client HOST PORT LINE ...
 *   tcp_client localhost 8080 hello
 */
#include <flare/flare.h>

#include <stdio.h>

static int print_lines(flare_conn *conn)
{
    struct flare_str line;
    flare_reader *r;
    int rc = flare_conn_reader(&r, conn, NULL);

    if (rc < 0)
        return rc;
    while ((rc = flare_reader_line(r, &line)) > 0)
        printf("%.*s%s\n", FLARE_STR_ARG(line),
               rc == FLARE_READ_UNENDED ? " (without its end)" : "");
    flare_reader_free(r);
    return rc;
}

static int talk(flare_conn *conn, char **lines)
{
    int rc = 0;

    for (; rc == 0 && *lines != NULL; lines++) {
        rc = flare_conn_write_all(conn, flare_str(*lines));
        if (rc == 0)
            rc = flare_conn_write_all(conn, FLARE_STR("\r\n"));
    }
    if (rc == 0)
        rc = flare_conn_shutdown(conn); /* the peer sees the end, and answers */
    return rc < 0 ? rc : print_lines(conn);
}

int main(int argc, char **argv)
{
    const struct flare_tcp_options options = {.connect_timeout_ms = 10000,
                                              .read_timeout_ms = 10000};
    struct flare_error err = {0};
    flare_conn *conn = NULL;
    uint64_t port;
    int rc;

    if (argc < 4 || flare_u64_parse(flare_str(argv[2]), &port) < 0 ||
        port > UINT16_MAX)
        return fprintf(stderr, "usage: tcp_client HOST PORT LINE ...\n"), 2;
    rc = flare_conn_open(&conn, flare_str(argv[1]), (uint16_t)port, &options,
                         &err);
    if (rc == 0)
        rc = talk(conn, argv + 3);
    flare_conn_close(conn);
    if (rc == 0)
        return 0;
    fprintf(stderr, "tcp_client: %s\n",
            err.code < 0 ? err.text : flare_strerror(rc));
    return 1;
}
