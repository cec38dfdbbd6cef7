/* SPDX-License-Identifier: MIT */
/*
 * Any bytes into a TLS client, as from a hostile server.  The first byte
 * chooses where they begin (as the answer to its hello, behind a good server's
 * first record, in an open connection) and the cut.  Properties: the verdict is
 * the same at every cut; output and handshake stay within their bounds;
 * OpenSSL's error queue is empty; an error is for ever and its sentence
 * printable; nothing is taken for data, and nobody for verified.
 */
#include "tests/support/certs.h"
#include "tls/engine.h"

#include <openssl/err.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum stage { FIRST, BEHIND_HELLO, OPEN, STAGES };

static flare_tls_server *server;
static flare_tls_client *client;

static const struct flare__tls_start begin = {.unix_now = CERTS_NOW,
                                              .host = {"a.test", 6}};

static void check(bool is_right, const char *what)
{
    if (!is_right) {
        fprintf(stderr, "fuzz_tls_client: %s\n", what);
        abort();
    }
}

/* One certificate for all runs: keys are dear. */
static void set_up(void)
{
    static const char *const alpn[] = {"http/1.1", NULL};
    struct cert ca;
    struct cert leaf;
    struct flare_tls_cert shown;

    cert_make(&ca, &(struct cert_spec){.cn = "CA", .is_ca = true}, NULL);
    cert_make(&leaf, &(struct cert_spec){.san = "DNS:a.test"}, &ca);
    shown = cert_config(&leaf);
    check(flare_tls_server_new(&server,
                               &(struct flare_tls_server_config){
                                   .certs = &shown, .cert_count = 1},
                               NULL) == 0,
          "no server");
    check(flare_tls_client_new(&client,
                               &(struct flare_tls_client_config){
                                   .ca = {.pem = flare_str(ca.pem)},
                                   .alpn = alpn,
                                   .cert = &shown,
                                   .sessions_off = true},
                               NULL) == 0,
          "no client");
    cert_free(&ca);
    cert_free(&leaf);
}

/* The first `len` bytes of the other's output go to `e`. */
static void give(struct flare__tls *e, struct flare__tls *from, size_t len)
{
    struct flare_str in = flare__tls_output(from);
    char room[64];
    int rc;

    if (in.len > len)
        in.len = len;
    do {
        rc = flare__tls_read(e, &in, room, sizeof(room));
    } while (rc > 0);
    check(rc == -EAGAIN, "a good peer is refused");
    flare__tls_sent(from, flare__tls_output(from).len);
}

/* A client that has come as far as `stage`. */
static struct flare__tls *client_at(enum stage stage)
{
    struct flare_str none = {NULL, 0};
    struct flare__tls *c;
    struct flare__tls *s;

    check(flare__tls_new_client(&c, client, &begin, NULL) == 0, "no memory");
    check(flare__tls_handshake(c, &none) == -EAGAIN, "it fails by itself");
    if (stage == FIRST) {
        flare__tls_sent(c, flare__tls_output(c).len);
        return c;
    }
    check(flare__tls_new_server(&s, server, &begin) == 0, "no memory");
    give(s, c, SIZE_MAX);
    if (stage == BEHIND_HELLO) {
        const uint8_t *record = (const uint8_t *)flare__tls_output(s).ptr;

        give(c, s, 5 + ((size_t)record[3] << 8 | record[4]));
    }
    for (int i = 0; stage == OPEN && i < 4; i++) {
        give(c, s, SIZE_MAX);
        give(s, c, SIZE_MAX);
    }
    check(flare__tls_is_open(c) == (stage == OPEN), "not as far as it should");
    flare__tls_sent(c, flare__tls_output(c).len);
    flare__tls_free(s);
    return c;
}

static void check_end(struct flare__tls *c, int rc)
{
    const struct flare_error *err = flare__tls_error(c);
    struct flare_str none = {NULL, 0};
    char room[1];

    check(rc == err->code, "an error without its sentence");
    check(flare__tls_read(c, &none, room, 1) == rc, "an error that goes away");
    check(flare__tls_write(c, FLARE_STR("x")) == rc, "writing after an error");
    check(flare_error_class(rc) == FLARE_CLASS_TLS, "an error of no peer");
    for (const char *p = err->text; *p != '\0'; p++)
        check(*p >= ' ' && *p <= '~', "a sentence that is not printable");
}

/* The verdict: 0 if more is wanted, else the error. */
static int feed(enum stage stage, size_t cut, const uint8_t *data, size_t size)
{
    struct flare__tls *c = client_at(stage);
    size_t fed = 0;
    char room[256];
    int rc = 0;

    while (rc >= 0 && fed < size) {
        size_t n = size - fed < cut ? size - fed : cut;
        struct flare_str in = {(const char *)data + fed, n};

        rc = flare__tls_read(c, &in, room, sizeof(room));
        check(ERR_peek_error() == 0, "an error is left in the queue");
        check(rc <= 0, "data of nobody");
        check(rc != 0, "an end of nobody");
        check(stage == OPEN || !flare__tls_is_open(c), "nobody is verified");
        check(flare__tls_output(c).len <= FLARE__TLS_OUT_MAX + 4096,
              "output above its bound");
        fed += n - in.len;
        if (rc == -EAGAIN) {
            check(in.len == 0 || flare__tls_wants_drain(c), "bytes left over");
            flare__tls_sent(c, flare__tls_output(c).len);
            rc = 0;
        }
    }
    if (rc < 0)
        check_end(c, rc);
    flare__tls_free(c);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t cuts[] = {1, 2, 5, 17, 100, 1000, 5000, 20000};
    enum stage stage;
    int whole;

    if (server == NULL)
        set_up();
    if (size == 0)
        return 0;
    stage = (enum stage)(data[0] % STAGES);
    whole = feed(stage, SIZE_MAX, data + 1, size - 1);
    check(feed(stage, cuts[data[0] / STAGES % 8], data + 1, size - 1) == whole,
          "the verdict depends on the cut");
    return 0;
}
