/* SPDX-License-Identifier: MIT */
/* See tls_rig.h. */
#include "tests/tls/tls_rig.h"

#include "tests/support/test.h"

#include <openssl/err.h>

#include <errno.h>
#include <string.h>

void rig_init(struct tls_rig *rig)
{
    memset(rig, 0, sizeof(*rig));
    cert_make(&rig->ca, &(struct cert_spec){.cn = "CA", .is_ca = true}, NULL);
    cert_make(&rig->leaf,
              &(struct cert_spec){
                  .san = "DNS:a.test,DNS:*.wild.test,IP:192.0.2.1,IP:::1"},
              &rig->ca);
}

void rig_fini(struct tls_rig *rig)
{
    rig_stop(rig);
    cert_free(&rig->ca);
    cert_free(&rig->leaf);
}

flare_tls_server *rig_server(struct tls_rig *rig,
                             struct flare_tls_server_config *config)
{
    struct flare_tls_cert cert = cert_config(&rig->leaf);
    struct flare_error err = {.code = 0};
    flare_tls_server *server = NULL;
    bool is_default = config->certs == NULL;

    if (is_default) {
        config->certs = &cert;
        config->cert_count = 1;
    }
    ck_assert_msg(flare_tls_server_new(&server, config, &err) == 0, "%s",
                  err.text);
    if (is_default)
        config->certs = NULL;
    ck_assert_int_eq(ERR_peek_error(), 0);
    return server;
}

flare_tls_client *rig_client(struct tls_rig *rig,
                             struct flare_tls_client_config *config)
{
    struct flare_error err = {.code = 0};
    flare_tls_client *client = NULL;

    if (config->ca.pem.len == 0)
        config->ca.pem = flare_str(rig->ca.pem);
    ck_assert_msg(flare_tls_client_new(&client, config, &err) == 0, "%s",
                  err.text);
    ck_assert_int_eq(ERR_peek_error(), 0);
    return client;
}

static void end_init(struct tls_end *end)
{
    size_t cut = end->cut;
    size_t room = end->room;

    memset(end, 0, sizeof(*end));
    end->cut = cut;
    end->room = room != 0 ? room : 4096;
    end->got = malloc(TLS_GOT_MAX);
    ck_assert_ptr_nonnull(end->got);
}

static void end_fini(struct tls_end *end)
{
    flare__tls_free(end->e);
    SSL_free(end->raw);
    free(end->in);
    free(end->got);
    end->e = NULL;
    end->raw = NULL;
    end->in = NULL;
    end->got = NULL;
    end->in_len = 0;
}

void rig_start(struct tls_rig *rig, flare_tls_server *server,
               flare_tls_client *client, const char *host)
{
    struct flare__tls_start start = {.unix_now = CERTS_NOW, .port = 443};
    struct flare_error err = {.code = 0};

    if (server != NULL) {
        end_init(&rig->server);
        ck_assert_int_eq(flare__tls_new_server(&rig->server.e, server, &start),
                         0);
    }
    if (client != NULL) {
        end_init(&rig->client);
        start.host = flare_str(host);
        ck_assert_msg(
            flare__tls_new_client(&rig->client.e, client, &start, &err) == 0,
            "%s", err.text);
    }
}

void rig_raw(struct tls_end *end, SSL_CTX *ctx, bool is_server)
{
    end_init(end);
    end->raw = SSL_new(ctx);
    ck_assert_ptr_nonnull(end->raw);
    SSL_set_bio(end->raw, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (is_server)
        SSL_set_accept_state(end->raw);
    else
        SSL_set_connect_state(end->raw);
}

void rig_stop(struct tls_rig *rig)
{
    end_fini(&rig->client);
    end_fini(&rig->server);
}

void rig_feed(struct tls_end *end, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    end->in = realloc(end->in, end->in_len + len);
    ck_assert_ptr_nonnull(end->in);
    memcpy(end->in + end->in_len, bytes, len);
    end->in_len += len;
}

bool rig_move(struct tls_end *from, struct tls_end *to)
{
    struct flare_str out;
    char *bytes = NULL;

    if (from->raw != NULL) {
        out.len = (size_t)BIO_get_mem_data(SSL_get_wbio(from->raw), &bytes);
        out.ptr = bytes;
    } else if (from->e != NULL) {
        out = flare__tls_output(from->e);
    } else {
        return false;
    }
    if (out.len == 0)
        return false;
    if (to != NULL)
        rig_feed(to, out.ptr, out.len);
    if (from->raw != NULL)
        (void)BIO_reset(SSL_get_wbio(from->raw));
    else
        flare__tls_sent(from->e, out.len);
    return true;
}

static bool raw_turn(struct tls_end *end)
{
    size_t len = end->in_len;
    int n;

    if (len > 0)
        BIO_write(SSL_get_rbio(end->raw), end->in, (int)len);
    end->in_len = 0;
    ERR_clear_error();
    n = SSL_read(end->raw, end->got + end->got_len, (int)end->room);
    if (n > 0)
        end->got_len += (size_t)n;
    else if (SSL_get_error(end->raw, n) == SSL_ERROR_ZERO_RETURN)
        end->has_end = true;
    else if (SSL_get_error(end->raw, n) != SSL_ERROR_WANT_READ)
        end->rc = FLARE_E_INTERNAL;
    ERR_clear_error();
    return len > 0 || n > 0;
}

bool rig_turn(struct tls_end *end)
{
    struct flare_str in;
    size_t given;
    int rc;

    if (end->raw != NULL)
        return raw_turn(end);
    if (end->e == NULL || end->rc < 0)
        return false;
    given = end->cut != 0 && end->cut < end->in_len ? end->cut : end->in_len;
    in = (struct flare_str){end->in, given};
    ck_assert_uint_lt(end->got_len + end->room, TLS_GOT_MAX);
    rc = flare__tls_read(end->e, &in, end->got + end->got_len, end->room);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    given -= in.len;
    if (given > 0) {
        memmove(end->in, end->in + given, end->in_len - given);
        end->in_len -= given;
    }
    if (rc > 0)
        end->got_len += (size_t)rc;
    else if (rc == 0)
        end->has_end = true;
    else if (rc != -EAGAIN)
        end->rc = rc;
    return given > 0 || rc > 0;
}

void rig_run(struct tls_rig *rig)
{
    bool is_busy = true;

    for (int turns = 0; is_busy; turns++) {
        ck_assert_int_lt(turns, 1000000);
        is_busy = rig_turn(&rig->client);
        is_busy |= rig_move(&rig->client, &rig->server);
        is_busy |= rig_turn(&rig->server);
        is_busy |= rig_move(&rig->server, &rig->client);
    }
}

void rig_write(struct tls_rig *rig, struct tls_end *end, const void *bytes,
               size_t len)
{
    struct flare_str left = {bytes, len};

    for (int turns = 0; left.len > 0; turns++) {
        int n = flare__tls_write(end->e, left);

        ck_assert_int_lt(turns, 1000000);
        ck_assert_uint_eq(ERR_peek_error(), 0);
        if (n < 0) {
            ck_assert_int_eq(n, -EAGAIN);
            rig_run(rig);
            continue;
        }
        left.ptr += n;
        left.len -= (size_t)n;
    }
    rig_run(rig);
}

void rig_assert_open(const struct tls_rig *rig)
{
    ck_assert_msg(rig->client.rc == 0, "client: %s",
                  rig->client.e ? flare__tls_error(rig->client.e)->text : "");
    ck_assert_msg(rig->server.rc == 0, "server: %s",
                  rig->server.e ? flare__tls_error(rig->server.e)->text : "");
    if (rig->client.e != NULL)
        ck_assert(flare__tls_is_open(rig->client.e));
    if (rig->server.e != NULL)
        ck_assert(flare__tls_is_open(rig->server.e));
}
