/* SPDX-License-Identifier: MIT */
/* See control.h. */
#include "tls/control.h"

#include "base/assert.h"
#include "tls/fail.h"
#include "tls/impl.h"
#include "tls/kernel.h"

#include <errno.h>

/*
 * The record as OpenSSL expects it: under its keys, which are derived again for
 * so rare an event, and with its number.
 */
static int control_seal(struct flare__tls *e, uint8_t type,
                        struct flare_str bytes, uint8_t *out)
{
    struct flare__tls_keys keys;
    int rc = flare__tls_keys_derive(&keys, e->ssl, &e->rx.secret, e->rx.updates,
                                    !e->is_server);

    if (rc < 0)
        return rc;
    rc = flare__tls_keys_seal(&keys, e->rx.sequence, type, bytes, out);
    flare__tls_keys_erase(&keys);
    return rc;
}

/* Lets OpenSSL read a record. */
static int control_feed(struct flare__tls *e, const uint8_t *record, int len)
{
    struct flare_str in = {(const char *)record, (size_t)len};
    char none[1];
    int rc = flare__tls_read(e, &in, none, sizeof(none));

    FLARE_ASSERT(rc <= 0); /* only data could be read, and it is none */
    return rc;
}

static int control_no_memory(struct flare__tls *e)
{
    e->stop = FLARE__TLS_STOP_MEMORY;
    return flare__tls_fail(e);
}

int flare__tls_control(struct flare__tls *e, uint8_t type,
                       struct flare_str bytes)
{
    uint8_t record[FLARE__TLS_CONTROL + FLARE__TLS_SEALED];
    int len;

    FLARE_ASSERT(bytes.len >= 1 && bytes.len <= FLARE__TLS_CONTROL);
    FLARE_ASSERT(type != SSL3_RT_APPLICATION_DATA);
    if (e->state == FLARE__TLS_FAILED)
        return e->err.code;
    len = control_seal(e, type, bytes, record);
    return len < 0 ? control_no_memory(e) : control_feed(e, record, len);
}

/*
 * What the kernel could not decrypt is gone, and it tells nobody.  A record
 * that OpenSSL cannot decrypt either makes it say so to the peer.
 */
static int control_bad(struct flare__tls *e, struct flare_loop *loop,
                       struct flare__sock *sock)
{
    const struct flare_str nothing = {"", 1};
    uint8_t record[1 + FLARE__TLS_SEALED];
    char none[1];
    uint8_t type;
    int len = control_seal(e, SSL3_RT_ALERT, nothing, record);

    if (len < 0)
        return control_no_memory(e);
    record[len - 1] ^= 1;
    /* it is the socket's error too, and would be the alert's: taken from it */
    (void)loop->ops->record_recv(loop->backend, sock, &type, none,
                                 sizeof(none));
    return control_feed(e, record, len);
}

static int control_take(struct flare__tls *e, struct flare_loop *loop,
                        struct flare__sock *sock)
{
    char room[FLARE__TLS_CONTROL];
    uint8_t type;
    int n =
        loop->ops->record_recv(loop->backend, sock, &type, room, sizeof(room));
    int rc;

    if (n <= 0)
        return n == 0 ? -EAGAIN : n; /* the end, as the next receive says */
    if (type == 0 || type == SSL3_RT_APPLICATION_DATA)
        return -EIO; /* it was no record, then, but an error */
    rc = flare__tls_control(e, type, (struct flare_str){room, (size_t)n});
    if (rc == -EAGAIN && e->rx.updates != e->rx.kernel_updates &&
        flare__tls_kernel_rekey(e, loop, sock, /* is_sent = */ false) < 0)
        return e->err.code;
    return rc;
}

int flare__tls_control_recv(struct flare__tls *e, struct flare_loop *loop,
                            struct flare__sock *sock, int rc)
{
    FLARE_ASSERT(e->rx.is_kernel && rc < 0);
    if (e->state == FLARE__TLS_FAILED)
        return e->err.code;
    switch (rc) {
    case -EIO:
        return control_take(e, loop, sock);
    case -EBADMSG:  /* not authentic */
    case -EMSGSIZE: /* longer than a record may be */
    case -EINVAL:   /* another version's */
        return control_bad(e, loop, sock);
    default:
        return rc;
    }
}

bool flare__tls_control_is_due(const struct flare__tls *e)
{
    return e->tx.is_kernel &&
           (e->has_alert || (e->state == FLARE__TLS_OPEN &&
                             e->tx.updates != e->tx.kernel_updates));
}

int flare__tls_control_send(struct flare__tls *e, struct flare_loop *loop,
                            struct flare__sock *sock)
{
    const struct flare__backend_ops *ops = loop->ops;
    const uint8_t update[5] = {SSL3_MT_KEY_UPDATE, 0, 0, 1, e->key_update};
    int rc = 0;

    FLARE_ASSERT(e->tx.is_kernel);
    while (rc == 0 && e->state == FLARE__TLS_OPEN &&
           e->tx.updates != e->tx.kernel_updates) {
        /* the peer expects one for one, each under the keys before it */
        uint32_t updates = e->tx.updates;

        rc = ops->record_send(loop->backend, sock, SSL3_RT_HANDSHAKE, update,
                              sizeof(update));
        if (rc < 0)
            break;
        e->tx.updates = e->tx.kernel_updates + 1;
        rc = flare__tls_kernel_rekey(e, loop, sock, /* is_sent = */ true);
        e->tx.updates = updates;
    }
    if (e->has_alert && rc != -EAGAIN) {
        int sent = ops->record_send(loop->backend, sock, SSL3_RT_ALERT,
                                    e->alert, sizeof(e->alert));

        if (sent == -EAGAIN)
            return sent;
        e->has_alert = false;
        rc = rc < 0 ? rc : sent;
    }
    return rc;
}

void flare__tls_control_count(struct flare__tls *e, size_t len)
{
    e->bytes_in += len;
}
