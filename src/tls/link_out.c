/* SPDX-License-Identifier: MIT */
/*
 * The sending half of a link: see link.h.
 *
 * One send of the backend is in flight at most: the engine's output of before,
 * taken with its memory, while the engine may write on.  Records are as large
 * as they can be: small buffers of one send share one.
 */
#include "tls/link_impl.h"

#include "base/assert.h"
#include "net/file.h"
#include "tls/control.h"
#include "tls/kernel.h"

#include <errno.h>
#include <string.h>

static void link_release(struct flare__tls_link *l,
                         const struct flare__tls_taken *out)
{
    if (out->is_lent)
        flare__wire_out_give(l->loop, out->bytes, out->cap);
    else
        flare__tls_free_output(l->engine, out->bytes);
}

/* Takes the engine's output and starts its send. */
static void link_start_send(struct flare__tls_link *l)
{
    struct flare__tls_taken out;
    int rc;

    if (l->in_flight || l->is_gone || !flare__tls_take_output(l->engine, &out))
        return;
    if (out.len == 0 || l->is_mute) {
        link_release(l, &out);
        return;
    }
    l->out = out;
    l->sock_iov = (struct iovec){out.bytes + out.start, out.len};
    rc = l->loop->ops->send(l->loop->backend, l->sock, &l->sock_iov, 1);
    if (rc < 0) {
        link_release(l, &l->out);
        l->out.bytes = NULL;
        l->is_mute = true;
        flare__tls_link_fail(l, rc);
        return;
    }
    l->in_flight = true;
}

void flare__tls_link_flush(struct flare__tls_link *l)
{
    if (flare__tls_kernel_has_tx(l->engine))
        flare__tls_link_flush_control(l);
    else
        link_start_send(l);
}

/* ---- the owner's bytes */

/* The front of an iovec list becomes one piece in `room`. */
static size_t link_gather(const struct flare__tls_link *l, char *room)
{
    const struct iovec *iov = l->iov;
    size_t at = l->iov_at;
    size_t n = 0;

    for (uint32_t i = 0; i < l->iov_count && n < FLARE__TLS_RECORD; i++) {
        size_t part = iov[i].iov_len - at;

        if (part > FLARE__TLS_RECORD - n)
            part = FLARE__TLS_RECORD - n;
        memcpy(room + n, (const char *)iov[i].iov_base + at, part);
        n += part;
        at = 0;
    }
    return n;
}

static void link_advance(struct flare__tls_link *l, size_t n)
{
    l->left -= (uint32_t)n;
    while (l->iov_count > 0 && n > 0) {
        size_t part = l->iov->iov_len - l->iov_at;

        if (n < part) {
            l->iov_at += n;
            return;
        }
        n -= part;
        l->iov_at = 0;
        l->iov++;
        l->iov_count--;
    }
}

/* One record of the owner's buffers: as flare__tls_write. */
static int link_write_bytes(struct flare__tls_link *l)
{
    size_t part = l->iov->iov_len - l->iov_at;
    struct flare_str piece = {(const char *)l->iov->iov_base + l->iov_at, part};
    int n;

    if (part < FLARE__TLS_RECORD && l->iov_count > 1) {
        char *room = flare__wire_scratch(l->loop);

        if (room == NULL)
            return -ENOMEM;
        piece = (struct flare_str){room, link_gather(l, room)};
    }
    n = flare__tls_write(l->engine, piece);
    if (n > 0)
        link_advance(l, (size_t)n);
    return n;
}

/* One record of a file.  0: it has ended early. */
static int link_write_file(struct flare__tls_link *l)
{
    char *room = flare__wire_scratch(l->loop);
    size_t want = l->left < FLARE__TLS_RECORD ? l->left : FLARE__TLS_RECORD;
    int64_t n;

    if (room == NULL)
        return -ENOMEM;
    n = flare__file_read(l->file, room, want, l->file_at);
    if (n > 0)
        n = flare__tls_write(l->engine, (struct flare_str){room, (size_t)n});
    if (n > 0) {
        l->file_at += (uint64_t)n;
        l->left -= (uint32_t)n;
    }
    return (int)n;
}

static int link_write(struct flare__tls_link *l)
{
    if (l->iov_count > 0 || l->iov != NULL)
        return link_write_bytes(l);
    return link_write_file(l);
}

/* The owner's bytes as they are, or the file: the kernel makes records. */
static void link_push_plain(struct flare__tls_link *l)
{
    const struct flare__backend_ops *ops = l->loop->ops;
    struct flare__backend *b = l->loop->backend;
    int rc;

    flare__tls_link_flush_control(l);
    if (l->rc != 0)
        return;
    rc = l->iov != NULL
             ? ops->send(b, l->sock, l->iov, l->iov_count)
             : ops->sendfile(b, l->sock, l->file, l->file_at, l->left);
    if (rc < 0) {
        flare__tls_link_fail(l, rc);
        return;
    }
    l->left = 0;
    l->in_flight = true;
    l->is_plain = true;
}

void flare__tls_link_push(struct flare__tls_link *l)
{
    uint32_t cap;
    char *room;
    int rc = 1;

    if (l->in_flight || l->rc != 0 || l->left == 0 || !l->is_open ||
        l->is_closed)
        return;
    if (flare__tls_link_try_tx(l)) {
        link_push_plain(l);
        return;
    }
    if (l->in_flight)
        return; /* what the engine had to say goes first, then it is tried */
    room = flare__wire_out_take(l->loop, l->left, &cap);
    if (room == NULL) {
        flare__tls_link_fail(l, -ENOMEM);
        return;
    }
    if (!flare__tls_lend_output(l->engine, room, cap))
        flare__wire_out_give(l->loop, room, cap);
    while (l->left > 0 && rc > 0)
        rc = link_write(l);
    if (rc == 0) { /* the file has ended: what there is goes out */
        l->total -= l->left;
        l->left = 0;
    }
    link_start_send(l);
    if (rc < 0 && rc != -EAGAIN)
        flare__tls_link_fail(l, rc);
}

/* Starts the owner's send of `count` bytes. */
static int link_begin(struct flare__tls_link *l, uint32_t count)
{
    l->left = count;
    l->total = count;
    l->is_sending = true;
    flare__tls_link_push(l);
    if (!l->in_flight && l->left == 0)
        flare__tls_link_touch(l); /* the file was empty */
    return 0;
}

int flare__tls_link_send(struct flare__wire_filter *f, const struct iovec *iov,
                         uint32_t count)
{
    struct flare__tls_link *l = flare__tls_link_from(f);
    size_t total = 0;

    FLARE_ASSERT(!l->is_sending && !l->is_closed && count > 0);
    if (l->rc != 0)
        return l->rc;
    for (uint32_t i = 0; i < count; i++)
        total += iov[i].iov_len;
    l->one = iov[0];
    l->iov = count == 1 ? &l->one : iov;
    l->iov_count = count;
    l->iov_at = 0;
    return link_begin(l, (uint32_t)total);
}

int flare__tls_link_sendfile(struct flare__wire_filter *f, int file,
                             uint64_t offset, uint32_t count)
{
    struct flare__tls_link *l = flare__tls_link_from(f);

    FLARE_ASSERT(!l->is_sending && !l->is_closed && count > 0);
    if (l->rc != 0)
        return l->rc;
    l->iov = NULL;
    l->iov_count = 0;
    l->file = file;
    l->file_at = offset;
    return link_begin(l, count);
}

void flare__tls_link_end_send(struct flare__tls_link *l, int32_t res)
{
    l->is_sending = false;
    l->left = 0;
    flare__tls_link_tell(l, FLARE__EV_SENT, res);
}

/* ---- what follows a send */

void flare__tls_link_rest(struct flare__tls_link *l)
{
    if (l->in_flight || l->is_gone ||
        (flare__tls_control_is_due(l->engine) && !l->is_mute))
        return;
    if (l->is_closed) {
        flare__tls_link_close_now(l, FLARE__CLOSE_GRACEFUL);
    } else if (l->is_fin_due && l->is_open && l->rc == 0) {
        l->is_fin_due = false;
        l->is_mute = true;
        l->loop->ops->shutdown_send(l->loop->backend, l->sock);
    }
}

void flare__tls_link_shutdown(struct flare__wire_filter *f)
{
    struct flare__tls_link *l = flare__tls_link_from(f);

    FLARE_ASSERT(!l->is_sending && !l->is_closed);
    l->is_fin_due = true;
    if (l->is_open)
        flare__tls_link_end_out(l);
}

void flare__tls_link_end_out(struct flare__tls_link *l)
{
    (void)flare__tls_close(l->engine); /* a failure was told already */
    flare__tls_link_flush(l);
    flare__tls_link_rest(l);
}

void flare__tls_link_on_sent(struct flare__tls_link *l)
{
    uint32_t len = l->out.len;
    int32_t res = l->sent_res;

    l->in_flight = false;
    if (l->is_plain) {
        l->is_plain = false;
        len = l->total;
        if (l->iov == NULL && res >= 0) { /* a file may have ended early */
            len = (uint32_t)res;
            l->total = len;
        }
    } else {
        l->filter.sent += len;
        link_release(l, &l->out);
        l->out.bytes = NULL;
    }
    if (res < 0 || (uint32_t)res != len) {
        l->is_mute = true;
        flare__tls_link_fail(l, res < 0 ? res : -EPIPE);
        flare__tls_link_touch(l); /* also if it had failed before */
        if (l->is_closed)
            flare__tls_link_close_now(l, FLARE__CLOSE_ABORT);
        return;
    }
    flare__tls_link_push(l);
    flare__tls_link_flush(l); /* what the engine says by itself */
    if (l->rc != 0 || l->is_clogged)
        flare__tls_link_touch(l);
    if (l->rc == 0)
        flare__tls_link_settle(l);
    flare__tls_link_rest(l);
}

void flare__tls_link_settle(struct flare__tls_link *l)
{
    if (l->is_sending && !l->in_flight && l->left == 0 && !l->is_closed)
        flare__tls_link_end_send(l, (int32_t)l->total);
}

void flare__tls_link_drop_output(struct flare__tls_link *l)
{
    struct flare__tls_taken out;

    FLARE_ASSERT(!l->in_flight);
    if (flare__tls_take_output(l->engine, &out))
        link_release(l, &out);
}
