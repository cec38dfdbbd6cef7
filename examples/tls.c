/* SPDX-License-Identifier: MIT */
/*
 * TLS without a loop: asks a server twice for "/" and prints what was agreed on
 * and what it answers.  The second connection resumes the first one's session,
 * where the server gives tickets.
 *
 *   tls HOST PORT [CA.pem]     the system's CAs unless told otherwise
 *   tls example.com 443
 */
#include <flare/flare.h>

#include <stdio.h>

static int talk(flare_conn *conn, const char *host)
{
    struct flare_tls_info tls;
    struct flare_tls_peer peer;
    char room[FLARE_TLS_PEER_BYTES];
    char text[512];
    int rc = flare_conn_tls_info(conn, &tls);

    if (rc == 0)
        rc = flare_conn_tls_peer(conn, &peer, room, sizeof(room));
    if (rc < 0)
        return rc;
    printf("%s, %s, %s\n", tls.version, tls.cipher,
           tls.is_resumed ? "resumed" : "full handshake");
    printf("with %.*s, issued by %.*s\n", FLARE_STR_ARG(peer.subject),
           FLARE_STR_ARG(peer.issuer));
    (void)snprintf(
        text, sizeof(text),
        "GET / HTTP/1.1\r\nHost: %.255s\r\nConnection: close\r\n\r\n", host);
    rc = flare_conn_write_all(conn, flare_str(text));
    while (rc >= 0 && (rc = flare_conn_read(conn, room, sizeof(room))) > 0)
        (void)fwrite(room, 1, (size_t)rc, stdout);
    return rc; /* FLARE_E_TLS_TRUNCATED: somebody may have cut it */
}

static int ask(flare_tls_client *tls, const char *host, uint16_t port)
{
    const struct flare_tcp_options options = {.tls_client = tls};
    struct flare_error err;
    flare_conn *conn;
    int rc = flare_conn_open(&conn, flare_str(host), port, &options, &err);

    if (rc < 0)
        return fprintf(stderr, "tls: %s\n", err.text), rc;
    rc = talk(conn, host);
    if (rc < 0)
        fprintf(stderr, "tls: %s\n", flare_strerror(rc));
    flare_conn_close(conn);
    return rc;
}

int main(int argc, char **argv)
{
    struct flare_tls_client_config config = {.alpn = NULL};
    struct flare_error err;
    flare_tls_client *tls;
    uint64_t port;
    int rc;

    if (argc < 3 || flare_u64_parse(flare_str(argv[2]), &port) < 0 ||
        port > UINT16_MAX)
        return fprintf(stderr, "usage: tls HOST PORT [CA.pem]\n"), 2;
    if (argc > 3)
        config.ca.file = argv[3];
    if (flare_tls_client_new(&tls, &config, &err) < 0)
        return fprintf(stderr, "tls: %s\n", err.text), 1;
    rc = ask(tls, argv[1], (uint16_t)port);
    if (rc == 0)
        rc = ask(tls, argv[1], (uint16_t)port);
    flare_tls_client_free(tls);
    return rc < 0;
}
