/* SPDX-License-Identifier: MIT */
/*
 * The certificate matrix outside of the process (FAILURES T11, T15), for
 * tests/e2e/test_certs.py, which compares what our client and curl make of it.
 *
 *   cert_matrix serve FOLDER
 *       writes ca.pem and the lists, then a line for each row:
 *       name, port, host, our code, "agrees" or why curl is laxer, the file of
 *       a list or "-", "staple" or "-"; with tabs between.  OpenSSL itself
 *       shows the certificates, whatever they are.  Until standard input ends.
 *   cert_matrix ask HOST PORT CA LIST STAPLE
 *       our client, at 127.0.0.1:PORT: its code and sentence.
 */
#include "tests/support/certs.h"

#include <flare/tcp.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { LONG_CHAIN = 12, DAY = CERTS_DAY };

/* Who signs the leaf, and what else is shown. */
enum way {
    BY_CA,
    BY_INTERMEDIATE,
    BY_MISSING, /* an intermediate that is not shown */
    BY_STRANGER,
    BY_NARROW, /* a CA for names below good.test only */
    BY_EXPIRED,
    BY_WEAK,
    BY_NO_CA,
    BY_FLAT, /* a CA that may have no CA below it, and has one */
    BY_MANY, /* beside it, more certificates than anybody needs */
    BY_ITSELF
};

enum extra {
    PLAIN,
    LIST_CLEAN,
    LIST_REVOKED,
    STAPLE_GOOD,
    STAPLE_REVOKED,
    STAPLE_OLD,
    STAPLE_NONE
};

struct row {
    const char *name;
    const char *host;
    struct cert_spec leaf; /* from and until: days from now */
    enum way way;
    enum extra extra;
    int rc;
    const char *curl; /* why it is laxer; NULL: it agrees */
};

#define A .san = "DNS:a.test"

static const struct row rows[] = {
    {"exact name", "a.test", {A}, BY_CA, PLAIN, 0, NULL},
    {"second name",
     "b.test",
     {.san = "DNS:a.test,DNS:b.test"},
     BY_CA,
     PLAIN,
     0,
     NULL},
    {"case is one", "A.Test", {.san = "DNS:a.TEST"}, BY_CA, PLAIN, 0, NULL},
    {"dot at the end", "a.test.", {A}, BY_CA, PLAIN, 0, NULL},
    {"wildcard", "x.a.test", {.san = "DNS:*.a.test"}, BY_CA, PLAIN, 0, NULL},
    {"A-label",
     "xn--bcher-kva.test",
     {.san = "DNS:xn--bcher-kva.test"},
     BY_CA,
     PLAIN,
     0,
     NULL},
    {"wildcard for an A-label",
     "xn--bcher-kva.a.test",
     {.san = "DNS:*.a.test"},
     BY_CA,
     PLAIN,
     0,
     NULL},
    {"IPv4", "192.0.2.1", {.san = "IP:192.0.2.1"}, BY_CA, PLAIN, 0, NULL},
    {"IPv6",
     "[2001:db8::1]",
     {.san = "IP:2001:db8:0::1"},
     BY_CA,
     PLAIN,
     0,
     NULL},
    {"RSA of 2048 bits",
     "a.test",
     {A, .rsa_bits = 2048},
     BY_CA,
     PLAIN,
     0,
     NULL},
    {"intermediate", "a.test", {A}, BY_INTERMEDIATE, PLAIN, 0, NULL},
    {"permitted name",
     "a.good.test",
     {.san = "DNS:a.good.test"},
     BY_NARROW,
     PLAIN,
     0,
     NULL},
    {"for servers", "a.test", {A, .eku = "serverAuth"}, BY_CA, PLAIN, 0, NULL},
    {"on no list", "a.test", {A}, BY_CA, LIST_CLEAN, 0, NULL},
    {"good staple", "a.test", {A}, BY_CA, STAPLE_GOOD, 0, NULL},

    {"expired",
     "a.test",
     {A, .from = -9, .until = -1},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_EXPIRED,
     NULL},
    {"not yet valid",
     "a.test",
     {A, .from = 1, .until = 2},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_NOT_YET_VALID,
     NULL},
    {"expired intermediate",
     "a.test",
     {A},
     BY_EXPIRED,
     PLAIN,
     FLARE_E_TLS_EXPIRED,
     NULL},
    {"another host", "b.test", {A}, BY_CA, PLAIN, FLARE_E_TLS_HOSTNAME, NULL},
    {"host below", "b.a.test", {A}, BY_CA, PLAIN, FLARE_E_TLS_HOSTNAME, NULL},
    {"wildcard is not the parent",
     "a.test",
     {.san = "DNS:*.a.test"},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_HOSTNAME,
     NULL},
    {"wildcard is one label",
     "x.y.a.test",
     {.san = "DNS:*.a.test"},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_HOSTNAME,
     NULL},
    {"partial wildcard",
     "foo.a.test",
     {.san = "DNS:f*.a.test"},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_HOSTNAME,
     NULL},
    {"wildcard in the middle",
     "x.y.a.test",
     {.san = "DNS:x.*.a.test"},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_HOSTNAME,
     NULL},
    {"wildcard of a top level",
     "a.test",
     {.san = "DNS:*.test"},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_HOSTNAME,
     NULL},
    {"only a star",
     "test",
     {.san = "DNS:*"},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_HOSTNAME,
     NULL},
    {"wildcard inside an A-label",
     "xn--bcher-kva.a.test",
     {.san = "DNS:xn--*.a.test"},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_HOSTNAME,
     NULL},
    {"another IPv4",
     "192.0.2.2",
     {.san = "IP:192.0.2.1"},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_HOSTNAME,
     NULL},
    {"another IPv6",
     "[2001:db8::2]",
     {.san = "IP:2001:db8:0::1"},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_HOSTNAME,
     NULL},
    {"address as a name",
     "192.0.2.1",
     {.san = "DNS:192.0.2.1"},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_HOSTNAME,
     NULL},
    {"wildcard for an address",
     "192.0.2.1",
     {.san = "DNS:*.0.2.1"},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_HOSTNAME,
     NULL},
    {"CN only",
     "a.test",
     {.cn = "a.test"},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_HOSTNAME,
     "it takes the CN where there is no subjectAltName (RFC 2818)"},
    {"CN beside names",
     "a.test",
     {.cn = "a.test", .san = "DNS:b.test"},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_HOSTNAME,
     NULL},
    {"NUL in the name",
     "a.test",
     {.raw_dns = {"a.test\0.evil.test", 17}},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_HOSTNAME,
     NULL},
    {"NUL behind the name",
     "a.test",
     {.raw_dns = {"a.test\0", 7}},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_HOSTNAME,
     NULL},
    {"self-signed",
     "a.test",
     {A},
     BY_ITSELF,
     PLAIN,
     FLARE_E_TLS_SELF_SIGNED,
     NULL},
    {"unknown root",
     "a.test",
     {A},
     BY_STRANGER,
     PLAIN,
     FLARE_E_TLS_UNTRUSTED,
     NULL},
    {"missing intermediate",
     "a.test",
     {A},
     BY_MISSING,
     PLAIN,
     FLARE_E_TLS_UNTRUSTED,
     NULL},
    {"issuer is no CA",
     "a.test",
     {A},
     BY_NO_CA,
     PLAIN,
     FLARE_E_TLS_UNTRUSTED,
     NULL},
    {"CA below one that may have none",
     "a.test",
     {A},
     BY_FLAT,
     PLAIN,
     FLARE_E_TLS_CONSTRAINT,
     NULL},
    {"for clients",
     "a.test",
     {A, .eku = "clientAuth"},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_PURPOSE,
     NULL},
    {"for code",
     "a.test",
     {A, .eku = "codeSigning"},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_PURPOSE,
     NULL},
    {"short key",
     "a.test",
     {A, .rsa_bits = 1024},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_WEAK,
     NULL},
    {"SHA-1",
     "a.test",
     {A, .digest = "SHA1"},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_WEAK,
     NULL},
    {"short key of the issuer",
     "a.test",
     {A},
     BY_WEAK,
     PLAIN,
     FLARE_E_TLS_WEAK,
     NULL},
    {"huge key",
     "a.test",
     {A, .rsa_bits = 16384},
     BY_CA,
     PLAIN,
     FLARE_E_TLS_FLOOD,
     NULL},
    {"chain too long",
     "a.test",
     {A},
     BY_MANY,
     PLAIN,
     FLARE_E_TLS_FLOOD,
     "it has no cap on certificates that nobody needs"},
    {"name that its CA may not sign",
     "a.bad.test",
     {.san = "DNS:a.bad.test"},
     BY_NARROW,
     PLAIN,
     FLARE_E_TLS_CONSTRAINT,
     NULL},
    {"revoked by a list",
     "a.test",
     {A},
     BY_CA,
     LIST_REVOKED,
     FLARE_E_TLS_REVOKED,
     NULL},
    {"revoked by its staple",
     "a.test",
     {A},
     BY_CA,
     STAPLE_REVOKED,
     FLARE_E_TLS_REVOKED,
     NULL},
    {"staple missing",
     "a.test",
     {A},
     BY_CA,
     STAPLE_NONE,
     FLARE_E_TLS_STAPLE,
     NULL},
    {"staple too old",
     "a.test",
     {A},
     BY_CA,
     STAPLE_OLD,
     FLARE_E_TLS_STAPLE,
     NULL},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* What a row's server shows. */
struct show {
    int fd;
    SSL_CTX *ctx;
    struct flare_str staple;
};

static struct {
    const char *folder;
    int64_t now;
    struct cert ca;
    struct show shows[ROWS];
} matrix;

static void die(const char *what)
{
    fprintf(stderr, "cert_matrix: %s\n", what);
    exit(1);
}

/* ---- certificates */

static void make(struct cert *out, struct cert_spec spec,
                 const struct cert *issuer)
{
    if (spec.from != 0)
        spec.from = matrix.now + spec.from * DAY;
    if (spec.until != 0)
        spec.until = matrix.now + spec.until * DAY;
    cert_make(out, &spec, issuer);
}

/* The issuer of a row's leaf; false: it is the CA, or nobody. */
static bool make_issuer(struct cert *out, enum way way)
{
    struct cert_spec spec = {.cn = "Sub", .is_ca = true};
    struct cert flat;
    char *both;

    switch (way) {
    case BY_CA:
    case BY_MANY:
    case BY_ITSELF:
        return false;
    case BY_STRANGER:
        make(out, spec, NULL);
        return true;
    case BY_NARROW:
        spec.constraints = "permitted;DNS:good.test";
        break;
    case BY_EXPIRED:
        spec.from = -9;
        spec.until = -1;
        break;
    case BY_WEAK:
        spec.rsa_bits = 1024;
        break;
    case BY_NO_CA:
        spec.is_ca = false;
        break;
    case BY_FLAT:
        make(&flat, (struct cert_spec){.cn = "Flat", .is_flat_ca = true},
             &matrix.ca);
        make(out, spec, &flat);
        both = cert_chain(out, &flat);
        free(out->pem); /* both are shown */
        out->pem = both;
        cert_free(&flat);
        return true;
    default:
        break;
    }
    make(out, spec, &matrix.ca);
    return true;
}

static int on_staple(SSL *ssl, void *arg)
{
    const struct show *show = arg;
    unsigned char *copy;

    if (show->staple.len == 0)
        return SSL_TLSEXT_ERR_NOACK;
    copy = OPENSSL_memdup(show->staple.ptr, show->staple.len);
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)show->staple.len);
    return SSL_TLSEXT_ERR_OK;
}

static void show_extra(struct show *show, const struct row *row,
                       const struct cert *leaf, char *list)
{
    char path[512];
    char *crl;
    FILE *out;

    (void)snprintf(list, 64, "-");
    if (row->extra >= STAPLE_GOOD && row->extra != STAPLE_NONE)
        show->staple =
            cert_staple(&matrix.ca, leaf, row->extra == STAPLE_REVOKED,
                        matrix.now - (row->extra == STAPLE_OLD ? 9 * DAY : 60));
    if (row->extra != LIST_CLEAN && row->extra != LIST_REVOKED)
        return;
    (void)snprintf(list, 64, "list%d.pem", (int)(row - rows));
    (void)snprintf(path, sizeof(path), "%s/%s", matrix.folder, list);
    crl = cert_crl(&matrix.ca, row->extra == LIST_REVOKED ? leaf : NULL);
    out = fopen(path, "w");
    if (out == NULL || fputs(crl, out) < 0 || fclose(out) != 0)
        die(path);
    free(crl);
}

/* Adds every certificate of a PEM text to what is shown. */
static void show_chain(SSL_CTX *ctx, const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *x;

    while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
        if (SSL_CTX_add0_chain_cert(ctx, x) != 1)
            die("a chain");
    BIO_free(bio);
}

static int show_listen(uint16_t *port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sa);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, len) < 0 ||
        listen(fd, 64) < 0 || getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
        die("no port");
    *port = ntohs(sa.sin_port);
    return fd;
}

static void show_open(const struct row *row, struct show *show)
{
    struct cert leaf, issuer;
    bool has_issuer = make_issuer(&issuer, row->way);
    const struct cert *by = has_issuer              ? &issuer
                            : row->way == BY_ITSELF ? NULL
                                                    : &matrix.ca;
    uint16_t port;
    char list[64];

    make(&leaf, row->leaf, by);
    show->ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_security_level(show->ctx, 0); /* it shows anything */
    if (SSL_CTX_use_certificate(show->ctx, leaf.x) != 1 ||
        SSL_CTX_use_PrivateKey(show->ctx, leaf.key) != 1)
        die(row->name);
    if (has_issuer && row->way != BY_MISSING)
        show_chain(show->ctx, issuer.pem);
    if (row->extra >= STAPLE_GOOD) /* curl looks for the issuer there only */
        show_chain(show->ctx, matrix.ca.pem);
    for (int i = 0; row->way == BY_MANY && i < LONG_CHAIN; i++)
        show_chain(show->ctx, matrix.ca.pem);
    SSL_CTX_set_tlsext_status_cb(show->ctx, on_staple);
    SSL_CTX_set_tlsext_status_arg(show->ctx, show);
    show_extra(show, row, &leaf, list);
    show->fd = show_listen(&port);
    printf("%s\t%u\t%s\t%s\t%s\t%s\t%s\n", row->name, (unsigned)port, row->host,
           row->rc == 0 ? "FLARE_OK" : flare_error_name(row->rc),
           row->curl != NULL ? row->curl : "agrees", list,
           row->extra >= STAPLE_GOOD ? "staple" : "-");
    cert_free(&leaf);
    if (has_issuer)
        cert_free(&issuer);
}

/* ---- the server */

static void serve_one(struct show *show)
{
    static const char answer[] =
        "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
    const struct timeval limit = {.tv_sec = 10};
    int fd = accept(show->fd, NULL, NULL);
    SSL *ssl = SSL_new(show->ctx);
    char head[4096];

    if (fd < 0 || ssl == NULL)
        die("accept");
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1 && SSL_read(ssl, head, sizeof(head)) > 0 &&
        SSL_write(ssl, answer, (int)sizeof(answer) - 1) > 0)
        (void)SSL_shutdown(ssl);
    SSL_free(ssl);
    (void)close(fd);
}

static int serve(const char *folder)
{
    struct pollfd fds[ROWS + 1];
    char path[512];
    FILE *out;

    matrix.folder = folder;
    matrix.now = (int64_t)time(NULL);
    certs_set_now(matrix.now);
    cert_make(&matrix.ca, &(struct cert_spec){.cn = "CA", .is_ca = true}, NULL);
    (void)snprintf(path, sizeof(path), "%s/ca.pem", folder);
    out = fopen(path, "w");
    if (out == NULL || fputs(matrix.ca.pem, out) < 0 || fclose(out) != 0)
        die(path);
    for (int i = 0; i < ROWS; i++) {
        show_open(&rows[i], &matrix.shows[i]);
        fds[i] = (struct pollfd){.fd = matrix.shows[i].fd, .events = POLLIN};
    }
    printf("\n");
    (void)fflush(stdout);
    fds[ROWS] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    while (poll(fds, ROWS + 1, -1) > 0 && fds[ROWS].revents == 0)
        for (int i = 0; i < ROWS; i++)
            if (fds[i].revents != 0)
                serve_one(&matrix.shows[i]);
    for (int i = 0; i < ROWS; i++) {
        SSL_CTX_free(matrix.shows[i].ctx);
        free((void *)(uintptr_t)matrix.shows[i].staple.ptr);
    }
    cert_free(&matrix.ca);
    return 0;
}

/* ---- our client */

static int talk(flare_conn *conn, struct flare_error *err)
{
    char got[64];
    size_t len = 0;
    int rc = flare_conn_write_all(conn, FLARE_STR("GET / HTTP/1.0\r\n\r\n"));

    while (rc == 0 && len < sizeof(got)) {
        rc = flare_conn_read(conn, got + len, sizeof(got) - len);
        if (rc <= 0)
            break;
        len += (size_t)rc;
        rc = 0;
    }
    if (rc < 0)
        *err = *flare_conn_error(conn);
    else if (len < 12 || memcmp(got, "HTTP/1.0 200", 12) != 0)
        rc = FLARE_E_INTERNAL;
    return rc;
}

static int ask(char **argv)
{
    struct flare_error err = {.code = 0};
    struct flare_tls_client_config config = {
        .ca = {.file = argv[2]},
        .crl = {.file = strcmp(argv[3], "-") == 0 ? NULL : argv[3]},
        .require_staple = strcmp(argv[4], "-") != 0,
    };
    flare_tls_client *client;
    flare_conn *conn;
    int rc = flare_tls_client_new(&client, &config, &err);

    if (rc < 0)
        die(err.text);
    rc = flare_conn_open(
        &conn, FLARE_STR("127.0.0.1"), (uint16_t)strtoul(argv[1], NULL, 10),
        &(struct flare_tcp_options){.tls_client = client, .tls_host = argv[0]},
        &err);
    if (rc == 0) {
        rc = talk(conn, &err);
        flare_conn_close(conn);
    }
    printf("%s\t%s\n", rc == 0 ? "FLARE_OK" : flare_error_name(rc), err.text);
    flare_tls_client_free(client);
    return 0;
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc == 3 && strcmp(argv[1], "serve") == 0)
        return serve(argv[2]);
    if (argc == 7 && strcmp(argv[1], "ask") == 0)
        return ask(argv + 2);
    fprintf(stderr, "usage: cert_matrix serve FOLDER\n"
                    "       cert_matrix ask HOST PORT CA LIST STAPLE\n");
    return 2;
}
