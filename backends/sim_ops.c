/* SPDX-License-Identifier: MIT */
/*
 * Operations: what each of them yields, and when.  A socket produces one event
 * at a time, of any of its operations in any order, but for CLOSED, which
 * waits for all the others.
 */
#include "backends/sim_impl.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

struct sim_end *sim_slot_end(const struct flare__backend *b,
                             const struct sim_slot *s)
{
    return b->world->ends[s->end];
}

void sim_slot_touch(struct flare__backend *b, uint32_t slot)
{
    struct sim_slot *s = b->slots[slot];

    if (s->is_queued)
        return;
    s->is_queued = true;
    b->ready[b->ready_count++] = slot;
}

void sim_slot_kick(struct flare__backend *b, uint32_t slot, uint32_t generation)
{
    if (b->slots[slot]->generation != generation)
        return;
    b->slots[slot]->kick = SIM_NEVER;
    sim_slot_touch(b, slot);
}

/* It will have something to tell at `time`; true if that is now. */
static bool slot_wait(const struct flare__sim *w, struct sim_slot *s,
                      uint64_t time)
{
    if (time <= w->now)
        return true;
    if (time < s->wait)
        s->wait = time;
    return false;
}

void sim_op_arm(struct flare__backend *b, struct sim_slot *s, enum sim_op op,
                enum sim_note note)
{
    uint8_t bit = (uint8_t)(1u << op);

    SIM_CHECK(b->world, !s->is_closing, "a call after close");
    SIM_CHECK(b->world, (s->armed & bit) == 0,
              "an operation (%d) started twice", (int)op);
    s->armed |= bit;
    s->due[op] = sim_later(b->world, FLARE__SIM_COMPLETION_LATE);
    sim_trace(b->world, note, s->end, 0, 0);
    sim_slot_touch(b, s->sock->index);
}

void sim_op_stop(struct flare__backend *b, struct sim_slot *s, enum sim_op op)
{
    uint8_t bit = (uint8_t)(1u << op);

    if ((s->armed & bit) == 0 || (s->stopping & bit) != 0)
        return;
    s->stopping |= bit;
    s->cancel_due[op] = sim_later(b->world, FLARE__SIM_CANCEL_LATE);
    sim_slot_touch(b, s->sock->index);
}

static bool op_is_cancelled(const struct flare__sim *w, struct sim_slot *s,
                            enum sim_op op)
{
    return (s->stopping & 1u << op) != 0 && slot_wait(w, s, s->cancel_due[op]);
}

/* The terminal event of `op`. */
static bool op_end(struct sim_slot *s, enum sim_op op, struct flare__event *ev,
                   int32_t res)
{
    s->armed &= (uint8_t) ~(1u << op);
    s->stopping &= (uint8_t) ~(1u << op);
    ev->res = res;
    return true;
}

/* Accepting. */

static int accept_take(struct flare__backend *b, struct sim_end *l)
{
    struct flare__sim *w = b->world;
    struct sim_end *s = w->ends[l->pending[0]];

    if (sim_chance(w, FLARE__SIM_ACCEPT_EMFILE) || sim_fds_full(w))
        return -EMFILE;
    if (sim_chance(w, FLARE__SIM_ACCEPT_ENOBUFS))
        return -ENOBUFS;
    if (sim_chance(w, FLARE__SIM_ACCEPT_ENOMEM))
        return -ENOMEM;
    l->pending_count--;
    memmove(l->pending, l->pending + 1, l->pending_count * sizeof(uint32_t));
    if (sim_chance(w, FLARE__SIM_ACCEPT_ABORTED)) {
        struct flare__sim_peer *peer = w->ends[s->other]->peer;

        if (peer != NULL)
            peer->is_excused = true;
        sim_end_close(w, s, /* is_abort = */ true);
        return -ECONNABORTED;
    }
    w->counts.accepted++;
    return sim_fd_new(w, s);
}

static bool accept_try(struct flare__backend *b, struct sim_slot *s,
                       struct flare__event *ev)
{
    struct flare__sim *w = b->world;
    struct sim_end *l = sim_slot_end(b, s);
    bool is_cancelled = op_is_cancelled(w, s, SIM_OP_ACCEPT);
    int res;

    ev->kind = FLARE__EV_ACCEPT;
    if (is_cancelled &&
        (l->pending_count == 0 || !sim_chance(w, FLARE__SIM_CANCEL_RESULT)))
        return op_end(s, SIM_OP_ACCEPT, ev, -ECANCELED);
    if (l->pending_count == 0)
        return false;
    if (!is_cancelled && !slot_wait(w, s, s->due[SIM_OP_ACCEPT]))
        return false;
    res = accept_take(b, l);
    s->due[SIM_OP_ACCEPT] = sim_later(w, FLARE__SIM_COMPLETION_LATE);
    /* An error ends it, as it ends io_uring's multishot accept. */
    if (is_cancelled || res < 0 || sim_chance(w, FLARE__SIM_ACCEPT_ENDED))
        return op_end(s, SIM_OP_ACCEPT, ev, res);
    ev->flags = FLARE__EV_MORE;
    ev->res = res;
    return true;
}

static bool connect_try(struct flare__backend *b, struct sim_slot *s,
                        struct flare__event *ev)
{
    struct sim_end *e = sim_slot_end(b, s);

    ev->kind = FLARE__EV_CONNECT;
    if (op_is_cancelled(b->world, s, SIM_OP_CONNECT))
        return op_end(s, SIM_OP_CONNECT, ev, -ECANCELED);
    if (e->connect_res == 1 || !slot_wait(b->world, s, s->due[SIM_OP_CONNECT]))
        return false;
    return op_end(s, SIM_OP_CONNECT, ev, e->connect_res);
}

/* Receiving. */

static void recv_lease(struct flare__backend *b, struct sim_slot *s,
                       struct flare__event *ev)
{
    struct flare__sim *w = b->world;
    struct sim_end *e = sim_slot_end(b, s);
    uint64_t n = e->rx.arrived - e->rx.taken;
    uint32_t lease = b->lease_free[b->lease_count - 1 - b->leases_out++];

    if (n > b->lease_bytes)
        n = b->lease_bytes;
    if (sim_chance(w, FLARE__SIM_RECV_CUT))
        n = sim_cut(w, n);
    SIM_CHECK(w, b->lease_len[lease] == SIM_LEASE_IN_POOL, "lease lent twice");
    b->lease_len[lease] = (uint32_t)n;
    ev->lease = lease;
    ev->data = b->pool + (size_t)lease * b->lease_bytes;
    ev->flags |= FLARE__EV_LEASE;
    ev->res = (int32_t)n;
    ASAN_UNPOISON_MEMORY_REGION(ev->data, b->lease_bytes);
    sim_pipe_take(w, e, ev->data, n);
    w->hash = sim_hash_bytes(w->hash, ev->data, n);
}

static int recv_error(struct flare__backend *b)
{
    static const int errors[] = {-ENOMEM, -ETIMEDOUT, -EHOSTUNREACH};

    return errors[flare__sim_below(b->world, 3)];
}

static void slot_excuse(struct flare__backend *b, struct sim_slot *s)
{
    struct sim_end *other = sim_end_other(b->world, sim_slot_end(b, s));

    s->is_broken = true;
    if (other->peer != NULL)
        other->peer->is_excused = true;
}

/* The receive has bytes to give; false: not now. */
static bool recv_bytes(struct flare__backend *b, struct sim_slot *s,
                       struct flare__event *ev, bool is_last)
{
    struct flare__sim *w = b->world;

    if (b->leases_out == b->lease_count) {
        b->is_starved = true;
        return false;
    }
    if (!is_last && sim_chance(w, FLARE__SIM_POOL_EMPTY)) {
        s->due[SIM_OP_RECV] = w->now + sim_delay(w);
        return slot_wait(w, s, s->due[SIM_OP_RECV]);
    }
    if (!is_last && sim_chance(w, FLARE__SIM_RECV_ERROR)) {
        slot_excuse(b, s);
        return op_end(s, SIM_OP_RECV, ev, recv_error(b));
    }
    recv_lease(b, s, ev);
    if (is_last || sim_chance(w, FLARE__SIM_RECV_ENDED))
        return op_end(s, SIM_OP_RECV, ev, ev->res);
    ev->flags |= FLARE__EV_MORE;
    s->due[SIM_OP_RECV] = sim_later(w, FLARE__SIM_COMPLETION_LATE);
    return true;
}

static bool recv_try(struct flare__backend *b, struct sim_slot *s,
                     struct flare__event *ev)
{
    struct flare__sim *w = b->world;
    const struct sim_end *e = sim_slot_end(b, s);
    bool has_bytes = e->rx.taken < e->rx.arrived;

    ev->kind = FLARE__EV_RECV;
    if (op_is_cancelled(w, s, SIM_OP_RECV)) {
        if (has_bytes && b->leases_out < b->lease_count &&
            sim_chance(w, FLARE__SIM_CANCEL_RESULT))
            return recv_bytes(b, s, ev, /* is_last = */ true);
        return op_end(s, SIM_OP_RECV, ev, -ECANCELED);
    }
    if (!has_bytes && !e->is_reset && !e->rx.fin_arrived)
        return false;
    if (!slot_wait(w, s, s->due[SIM_OP_RECV]))
        return false;
    if (has_bytes)
        return recv_bytes(b, s, ev, /* is_last = */ false);
    return op_end(s, SIM_OP_RECV, ev, e->is_reset ? -ECONNRESET : 0);
}

/* Sending. */

uint64_t sim_iov_hash(const struct iovec *iov, uint32_t count)
{
    uint64_t hash = count;

    for (uint32_t i = 0; i < count; i++)
        hash = sim_hash_bytes(hash, iov[i].iov_base, iov[i].iov_len);
    return hash;
}

/* Up to `n` bytes of what is left; the file may end, or fail, before. */
static int file_move(struct flare__backend *b, struct sim_slot *s,
                     struct sim_end *to, uint64_t n)
{
    uint64_t left = n;

    while (left > 0) {
        int64_t got = sim_file_move(b->world, &s->file, to, s->send_done, left);

        if (got < 0)
            return (int)got;
        s->send_done += (uint64_t)got;
        left -= (uint64_t)got;
        if (got == 0) {
            s->send_len = s->send_done; /* all there is */
            return 0;
        }
    }
    return 0;
}

/* Likewise of the buffers. */
static void send_move(struct flare__backend *b, struct sim_slot *s,
                      struct sim_end *to, uint64_t n)
{
    while (n > 0) {
        const struct iovec *iov = &s->iov[s->iov_at];
        uint64_t here = iov->iov_len - s->iov_off;

        if (here > n)
            here = n;
        sim_pipe_write(b->world, to,
                       (const uint8_t *)iov->iov_base + s->iov_off, here);
        s->iov_off += (uint32_t)here;
        s->send_done += here;
        n -= here;
        if (s->iov_off == iov->iov_len) {
            s->iov_at++;
            s->iov_off = 0;
        }
    }
}

static bool send_end(struct flare__backend *b, struct sim_slot *s,
                     struct flare__event *ev, int32_t res)
{
    struct flare__sim *w = b->world;

    if (s->file.is_lent)
        sim_file_check(w, &s->file);
    else
        SIM_CHECK(w, sim_iov_hash(s->iov, s->iov_count) == s->send_hash,
                  "memory given to send was changed before it was released");
    if ((b->caps & FLARE__CAP_SEND_ZC) != 0 &&
        s->release_count < SIM_RELEASES &&
        sim_chance(w, FLARE__SIM_RELEASE_LATE)) {
        struct sim_release *r = &s->releases[s->release_count++];

        r->file = s->file;
        if (!s->file.is_lent) {
            r->one = s->iov[0];
            r->iov = s->iov_count == 1 ? NULL : s->iov;
            r->count = s->iov_count;
            r->hash = s->send_hash;
        }
        r->due = w->now + sim_delay(w);
        ev->flags |= FLARE__EV_RELEASE_DUE;
    }
    return op_end(s, SIM_OP_SEND, ev, res);
}

/* The connection broke under it: the count that went out, or why. */
static bool send_break(struct flare__backend *b, struct sim_slot *s,
                       struct flare__event *ev, int error)
{
    if (s->send_done > 0 && s->send_done < s->send_len &&
        sim_chance(b->world, FLARE__SIM_SEND_PARTIAL))
        return send_end(b, s, ev, (int32_t)s->send_done);
    return send_end(b, s, ev, error);
}

/* Moves what there is room for; true when all of it is out, or `*rc` is bad. */
static bool send_progress(struct flare__backend *b, struct sim_slot *s,
                          struct sim_end *to, int *rc)
{
    struct flare__sim *w = b->world;
    uint64_t n = s->send_len - s->send_done;
    uint64_t space = sim_pipe_space(to);

    if (space == 0) {
        to->rx.was_full = true;
        return false;
    }
    if (n > space)
        n = space;
    if (sim_chance(w, FLARE__SIM_SEND_CUT))
        n = sim_cut(w, n);
    if (s->file.is_lent)
        *rc = file_move(b, s, to, n);
    else
        send_move(b, s, to, n);
    s->sock->sent = (uint32_t)s->send_done;
    if (*rc < 0)
        return true;
    if (s->send_done == s->send_len) {
        s->due[SIM_OP_SEND] = sim_later(w, FLARE__SIM_COMPLETION_LATE);
        return true;
    }
    s->due[SIM_OP_SEND] = w->now + SIM_US;
    return slot_wait(w, s, s->due[SIM_OP_SEND]);
}

static bool send_try(struct flare__backend *b, struct sim_slot *s,
                     struct flare__event *ev)
{
    static const int errors[] = {-ENOBUFS, -ENOMEM, -ETIMEDOUT};
    struct flare__sim *w = b->world;
    struct sim_end *e = sim_slot_end(b, s);
    int rc = 0;

    ev->kind = FLARE__EV_SENT;
    if (op_is_cancelled(w, s, SIM_OP_SEND)) {
        if (s->send_done == s->send_len)
            return send_end(b, s, ev, (int32_t)s->send_len);
        return send_end(b, s, ev, -ECANCELED);
    }
    if (!slot_wait(w, s, s->due[SIM_OP_SEND]))
        return false;
    if (s->send_done < s->send_len) {
        if (e->is_reset)
            return send_break(
                b, s, ev, flare__sim_below(w, 2) == 0 ? -EPIPE : -ECONNRESET);
        if (sim_chance(w, FLARE__SIM_SEND_ERROR)) {
            slot_excuse(b, s);
            return send_break(b, s, ev, errors[flare__sim_below(w, 3)]);
        }
        if (!send_progress(b, s, sim_end_other(w, e), &rc))
            return false;
        if (rc < 0)
            return send_end(b, s, ev, rc);
    }
    if (!slot_wait(w, s, s->due[SIM_OP_SEND]))
        return false;
    return send_end(b, s, ev, (int32_t)s->send_len);
}

static bool release_try(struct flare__backend *b, struct sim_slot *s,
                        struct flare__event *ev)
{
    struct sim_release *r = &s->releases[0];

    if (s->release_count == 0 || !slot_wait(b->world, s, r->due))
        return false;
    if (r->file.is_lent)
        sim_file_check(b->world, &r->file);
    else
        SIM_CHECK(b->world,
                  sim_iov_hash(r->iov == NULL ? &r->one : r->iov, r->count) ==
                      r->hash,
                  "memory given to send was changed before RELEASED");
    s->release_count--;
    memmove(r, r + 1, s->release_count * sizeof(*r));
    ev->kind = FLARE__EV_RELEASED;
    return true;
}

/* Other operations. */

/* An edge was there, or may have been: it goes on until it is stopped. */
static bool watch_try(struct flare__backend *b, struct sim_slot *s,
                      struct flare__event *ev)
{
    struct sim_end *e = sim_slot_end(b, s);
    uint16_t edges = e->edges & (uint16_t)(s->poll_events | POLLERR | POLLHUP);

    if (edges == 0 || !slot_wait(b->world, s, s->due[SIM_OP_POLL]))
        return false;
    e->edges = 0;
    s->due[SIM_OP_POLL] = sim_later(b->world, FLARE__SIM_COMPLETION_LATE);
    ev->res = edges;
    ev->flags = FLARE__EV_MORE;
    return true;
}

static bool poll_try(struct flare__backend *b, struct sim_slot *s,
                     struct flare__event *ev)
{
    const struct sim_end *e = sim_slot_end(b, s);
    short revents =
        e->kind == SIM_DATAGRAM ? (short)sim_datagram_level(e) : e->revents;

    ev->kind = FLARE__EV_POLL;
    revents &= (short)(s->poll_events | POLLERR | POLLHUP);
    if (op_is_cancelled(b->world, s, SIM_OP_POLL))
        return op_end(s, SIM_OP_POLL, ev, -ECANCELED);
    if (s->is_watch)
        return watch_try(b, s, ev);
    if (revents == 0 || !slot_wait(b->world, s, s->due[SIM_OP_POLL]))
        return false;
    return op_end(s, SIM_OP_POLL, ev, revents);
}

static bool close_try(struct flare__backend *b, struct sim_slot *s,
                      struct flare__event *ev)
{
    if (!s->is_closing || s->armed != 0 || s->release_count != 0 ||
        !slot_wait(b->world, s, s->close_due))
        return false;
    sim_end_close(b->world, sim_slot_end(b, s),
                  s->how == FLARE__CLOSE_ABORT || s->is_broken);
    s->sock = NULL;
    s->generation++;
    b->slot_used--;
    ev->kind = FLARE__EV_CLOSED;
    return true;
}

static bool op_try(struct flare__backend *b, struct sim_slot *s, enum sim_op op,
                   struct flare__event *ev)
{
    if ((s->armed & 1u << op) == 0)
        return false;
    switch (op) {
    case SIM_OP_ACCEPT:
        return accept_try(b, s, ev);
    case SIM_OP_CONNECT:
        return connect_try(b, s, ev);
    case SIM_OP_RECV:
        return recv_try(b, s, ev);
    case SIM_OP_SEND:
        return send_try(b, s, ev);
    case SIM_OP_POLL:
        return poll_try(b, s, ev);
    case SIM_OP_COUNT:
        break;
    }
    return false;
}

/* One event of a socket, if it has one now. */
bool sim_slot_produce(struct flare__backend *b, struct sim_slot *s,
                      struct flare__event *ev)
{
    struct flare__sim *w = b->world;
    uint32_t end = s->end;
    bool is_there = false;
    uint32_t first;

    if (s->sock == NULL)
        return false;
    *ev = (struct flare__event){.sock = s->sock};
    s->wait = SIM_NEVER;
    first = flare__sim_below(w, SIM_OP_COUNT + 1);
    for (uint32_t i = 0; i <= SIM_OP_COUNT && !is_there; i++) {
        uint32_t op = (first + i) % (SIM_OP_COUNT + 1);

        is_there = op == SIM_OP_COUNT ? release_try(b, s, ev)
                                      : op_try(b, s, (enum sim_op)op, ev);
    }
    if (!is_there)
        is_there = close_try(b, s, ev);
    if (is_there)
        sim_trace(w, SIM_N_EV_ACCEPT + (enum sim_note)ev->kind, end, ev->res,
                  ev->flags);
    return is_there;
}
