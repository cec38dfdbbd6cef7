/* SPDX-License-Identifier: MIT */
/* See bio.h. */
#include "tls/bio.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <openssl/bio.h>

#include <errno.h>
#include <string.h>

enum {
    BIO_FIRST_CAP = 512,
    /*
     * Alerts and answers to KeyUpdate go out above the limit too: they are
     * small, and each is capped by itself.
     */
    BIO_SMALL = 64
};

/* Room for `need` bytes; false: no memory. */
static bool bio_grow(struct flare__tls *e, uint32_t need)
{
    uint32_t cap = e->out_cap == 0 ? BIO_FIRST_CAP : e->out_cap;
    char *bigger;

    if (e->out_start > 0) {
        memmove(e->out, e->out + e->out_start, e->out_len);
        e->out_start = 0;
    }
    if (need <= e->out_cap)
        return true;
    while (cap < need)
        cap *= 2;
    FLARE_ASSERT(!e->out_is_lent); /* its mark lies below its end */
    bigger = flare__realloc(e->al, e->out, cap);
    if (bigger == NULL)
        return false;
    e->out = bigger;
    e->out_cap = cap;
    return true;
}

static int bio_write(BIO *bio, const char *bytes, int len)
{
    struct flare__tls *e = BIO_get_data(bio);
    uint32_t limit = e->out_max + (len <= BIO_SMALL ? FLARE__TLS_OUT_SLACK : 0);
    uint32_t n;

    BIO_clear_retry_flags(bio);
    if (len <= 0)
        return 0;
    n = (uint32_t)len;
    if (e->tx.is_kernel)
        return len; /* what is said in it, the kernel says: control.h */
    if (e->out_len >= limit) {
        e->wants_drain = true;
        BIO_set_retry_write(bio);
        return -1;
    }
    if (n > limit - e->out_len)
        n = limit - e->out_len;
    if (e->out_start + e->out_len + n > e->out_cap &&
        !bio_grow(e, e->out_len + n)) {
        e->stop = FLARE__TLS_STOP_MEMORY;
        return -1;
    }
    memcpy(e->out + e->out_start + e->out_len, bytes, n);
    e->out_len += n;
    flare__tls_records_feed(&e->tx.records, bytes, n);
    return (int)n;
}

static void bio_note_first(struct flare__tls *e, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n && e->bytes_in + i < sizeof(e->first); i++)
        e->first[e->bytes_in + i] = (uint8_t)bytes[i];
}

static int bio_read(BIO *bio, char *out, int room)
{
    struct flare__tls *e = BIO_get_data(bio);
    size_t n = room > 0 ? (size_t)room : 0;

    BIO_clear_retry_flags(bio);
    if (e->state == FLARE__TLS_HANDSHAKE &&
        e->bytes_in >= FLARE__TLS_HANDSHAKE_MAX)
        e->stop = FLARE__TLS_STOP_HANDSHAKE_BYTES;
    if (e->stop != FLARE__TLS_STOP_NONE)
        return -1;
    if (n > e->in.len)
        n = e->in.len;
    if (n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (e->bytes_in < sizeof(e->first))
        bio_note_first(e, e->in.ptr, n);
    memcpy(out, e->in.ptr, n);
    flare__tls_records_feed(&e->rx.records, out, n);
    e->in.ptr += n;
    e->in.len -= n;
    e->bytes_in += n;
    return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    /* the rest is for kernel TLS, datagrams and pending bytes: 0 is "no" */
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD *flare__tls_bio_method(void)
{
    /*
     * 127: the last index, which BIO_get_new_index reaches last; nobody looks
     * for a BIO of this type by it.
     */
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | 127, "flare");

    if (method == NULL)
        return NULL;
    if (BIO_meth_set_write(method, bio_write) != 1 ||
        BIO_meth_set_read(method, bio_read) != 1 ||
        BIO_meth_set_ctrl(method, bio_ctrl) != 1) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

int flare__tls_bio_attach(struct flare__tls *e)
{
    BIO *bio = BIO_new(e->conf->bio);

    if (bio == NULL)
        return -ENOMEM;
    BIO_set_data(bio, e);
    BIO_set_init(bio, 1);
    SSL_set_bio(e->ssl, bio, bio);
    return 0;
}
