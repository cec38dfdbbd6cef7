/* SPDX-License-Identifier: MIT */
/*
 * Any bytes into a TLS server.  The first byte chooses where they begin (as the
 * first thing, behind a good client hello, in an open connection) and the cut.
 * Properties: the verdict is the same at every cut; output and handshake stay
 * within their bounds; OpenSSL's error queue is empty; an error is for ever and
 * its sentence printable; nothing of what is not TLS is taken for data.
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

static flare_tls_server *server;
static flare_tls_client *client;

static const struct flare__tls_start begin = {.unix_now = CERTS_NOW,
                                              .host = {"a.test", 6}};

static void check(bool is_right, const char *what)
{
    if (!is_right) {
        fprintf(stderr, "fuzz_tls_server: %s\n", what);
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
                                   .certs = &shown,
                                   .cert_count = 1,
                                   .alpn = alpn,
                                   .client_auth = FLARE_TLS_CLIENT_ASKED,
                                   .client_ca = {.pem = flare_str(ca.pem)}},
                               NULL) == 0,
          "no server");
    check(flare_tls_client_new(
              &client,
              &(struct flare_tls_client_config){
                  .ca = {.pem = flare_str(ca.pem)}, .sessions_off = true},
              NULL) == 0,
          "no client");
    cert_free(&ca);
    cert_free(&leaf);
}

/* What is left of the other's output goes to `e`; 0 or the error. */
static int give(struct flare__tls *e, struct flare__tls *from)
{
    struct flare_str in = flare__tls_output(from);
    char room[64];
    int rc;

    do {
        rc = flare__tls_read(e, &in, room, sizeof(room));
    } while (rc > 0);
    flare__tls_sent(from, flare__tls_output(from).len);
    return rc == -EAGAIN ? 0 : rc;
}

/* A server that has come as far as `stage`. */
static struct flare__tls *server_at(int stage)
{
    struct flare__tls *s;
    struct flare__tls *c;

    check(flare__tls_new_server(&s, server, &begin) == 0, "no memory");
    if (stage == 0)
        return s;
    check(flare__tls_new_client(&c, client, &begin, NULL) == 0, "no memory");
    for (int i = 0; i < (stage == 1 ? 1 : 4); i++) {
        struct flare_str none = {NULL, 0};
        int rc = flare__tls_handshake(c, &none);

        check(rc == 0 || rc == -EAGAIN, "a client fails by itself");
        check(give(s, c) == 0, "a good client is refused");
        if (stage > 1)
            check(give(c, s) == 0, "a good server is refused");
    }
    check(flare__tls_is_open(s) == (stage > 1), "not as far as it should be");
    flare__tls_free(c);
    return s;
}

static void check_end(struct flare__tls *s, int rc)
{
    const struct flare_error *err = flare__tls_error(s);
    struct flare_str none = {NULL, 0};
    char room[1];

    check(rc == err->code, "an error without its sentence");
    check(flare__tls_read(s, &none, room, 1) == rc, "an error that goes away");
    check(flare__tls_write(s, FLARE_STR("x")) == rc, "writing after an error");
    check(flare_error_class(rc) == FLARE_CLASS_TLS, "an error of no peer");
    for (const char *p = err->text; *p != '\0'; p++)
        check(*p >= ' ' && *p <= '~', "a sentence that is not printable");
}

/* The verdict: 0 if more is wanted, else the error. */
static int feed(int stage, size_t cut, const uint8_t *data, size_t size)
{
    struct flare__tls *s = server_at(stage);
    size_t fed = 0;
    char room[256];
    int rc = 0;

    while (rc >= 0 && fed < size) {
        size_t n = size - fed < cut ? size - fed : cut;
        struct flare_str in = {(const char *)data + fed, n};

        rc = flare__tls_read(s, &in, room, sizeof(room));
        check(ERR_peek_error() == 0, "an error is left in the queue");
        check(rc <= 0, "data of nobody");
        check(rc != 0, "an end of nobody");
        check(flare__tls_output(s).len <= FLARE__TLS_OUT_MAX + 4096,
              "output above its bound");
        fed += n - in.len;
        if (rc == -EAGAIN) {
            check(in.len == 0 || flare__tls_wants_drain(s), "bytes left over");
            flare__tls_sent(s, flare__tls_output(s).len);
            rc = 0;
        }
    }
    if (rc < 0)
        check_end(s, rc);
    flare__tls_free(s);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t cuts[] = {1, 2, 5, 17, 100, 1000, 5000, 20000};
    int whole;
    int stage;

    if (server == NULL)
        set_up();
    if (size == 0)
        return 0;
    stage = data[0] % 3;
    whole = feed(stage, SIZE_MAX, data + 1, size - 1);
    check(feed(stage, cuts[data[0] / 3 % 8], data + 1, size - 1) == whole,
          "the verdict depends on the cut");
    return 0;
}
