/* SPDX-License-Identifier: MIT */
/*
 * What OpenSSL itself needs for an idle connection of a server: the heap of N
 * of them that have shaken hands, each had one request answered and wait, with
 * nothing but memory between them and their clients, which are gone.
 *
 *   tls_floor N CERT KEY      prints bytes for each, of TLS 1.2 and of 1.3
 */
#include "bench/number.h"

#include <malloc.h>
#include <openssl/ssl.h>

static void die(const char *what)
{
    fprintf(stderr, "tls_floor: %s\n", what);
    exit(1);
}

/* All that one has written goes to the other; its memory is given back. */
static void carry(SSL *from, SSL *to)
{
    char bytes[4096];
    int n;

    while ((n = BIO_read(SSL_get_wbio(from), bytes, sizeof(bytes))) > 0)
        if (BIO_write(SSL_get_rbio(to), bytes, n) != n)
            die("memory");
}

static void empty_bios(SSL *ssl)
{
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());

    if (in == NULL || out == NULL)
        die("memory");
    SSL_set_bio(ssl, in, out);
}

static SSL *server_idle(SSL_CTX *server_ctx, SSL_CTX *client_ctx)
{
    SSL *server = SSL_new(server_ctx);
    SSL *client = SSL_new(client_ctx);
    char byte;

    if (server == NULL || client == NULL)
        die("memory");
    empty_bios(server);
    empty_bios(client);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    for (int i = 0; i < 8; i++) {
        (void)SSL_do_handshake(client);
        carry(client, server);
        (void)SSL_do_handshake(server);
        carry(server, client);
    }
    if (SSL_write(client, "?", 1) != 1)
        die("no handshake");
    carry(client, server);
    if (SSL_read(server, &byte, 1) != 1 || SSL_write(server, "!", 1) != 1)
        die("no answer");
    carry(server, client);
    (void)SSL_read(server, &byte, 1); /* waits for more */
    SSL_free(client);
    return server;
}

static SSL_CTX *context(const SSL_METHOD *method, int version)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, version) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, version) != 1)
        die("context");
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return ctx;
}

static void measure(int version, unsigned long count, char **pem)
{
    SSL_CTX *server = context(TLS_server_method(), version);
    SSL_CTX *client = context(TLS_client_method(), version);
    SSL **all = calloc(count, sizeof(SSL *));
    size_t before;

    if (all == NULL ||
        SSL_CTX_use_certificate_chain_file(server, pem[0]) != 1 ||
        SSL_CTX_use_PrivateKey_file(server, pem[1], SSL_FILETYPE_PEM) != 1)
        die("certificate and key");
    SSL_free(server_idle(server, client)); /* what is made once */
    before = mallinfo2().uordblks;
    for (unsigned long i = 0; i < count; i++)
        all[i] = server_idle(server, client);
    printf("%s %zu\n", SSL_get_version(all[0]),
           (mallinfo2().uordblks - before) / count);
    for (unsigned long i = 0; i < count; i++)
        SSL_free(all[i]);
    free(all);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}

int main(int argc, char **argv)
{
    unsigned long count;

    if (argc != 4)
        die("usage: tls_floor N CERT KEY");
    count = bench_number("N", argv[1], 1, 100000);
    measure(TLS1_2_VERSION, count, argv + 2);
    measure(TLS1_3_VERSION, count, argv + 2);
    return 0;
}
