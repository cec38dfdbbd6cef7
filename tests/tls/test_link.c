/* SPDX-License-Identifier: MIT */
/*
 * The TLS filter as a backend: the rules of backends/backend.h for a socket
 * that has one, on every backend, in both roles and versions; see link_rig.h.
 * What peers do to it is in test_link_peer.c.
 */
#include "tests/tls/link_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static struct link_rig rig;

enum { BULK = 300000 };

static uint8_t *bulk_new(uint32_t stream)
{
    uint8_t *bytes = malloc(BULK);

    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < BULK; i++)
        bytes[i] = (uint8_t)(stream * 131 + i * 7 + i / 251 + (i >> 16));
    return bytes;
}

static const size_t cuts[] = {0, 1, 7, 1000};

START_TEST(test_bytes_pass_both_ways_however_they_are_cut)
{
    uint8_t *bytes = bulk_new(1);

    LINK_OPEN_OR_SKIP(&rig);
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        size_t len = cuts[i] == 1 ? 3000 : 30000;
        struct link_peer *p;
        struct link_own *own = link_accept(&rig, &p);

        p->cut = cuts[i];
        link_secure(own);
        link_recv_start(own);
        LINK_UNTIL(&rig, own->is_open);
        link_send_bytes(own, bytes, len);
        LINK_UNTIL(&rig, SSL_is_init_finished(p->ssl));
        link_peer_write(p, len, 2, 0);
        LINK_UNTIL(&rig, own->in_len == len && p->got_len == len);
        link_in_check(own, len, 2);
        link_peer_check(p, len, 1);
        ck_assert_int_eq(own->order[0], 'O');
        LINK_UNTIL(&rig, !own->is_sending);
        ck_assert_int_eq(own->sent_res, (int)len);
        link_close(own, FLARE__CLOSE_GRACEFUL);
        LINK_UNTIL(&rig, own->is_closed && p->has_end);
        LINK_UNTIL(&rig, p->is_fin);
    }
    link_rig_close(&rig);
    free(bytes);
}
END_TEST

START_TEST(test_what_is_started_before_the_handshake_waits_for_it)
{
    struct link_peer *p;
    struct link_own *own;

    LINK_OPEN_OR_SKIP(&rig);
    own = link_accept(&rig, &p);
    link_secure(own);
    link_recv_start(own);
    link_send_bytes(own, "hello", 5);
    ck_assert_str_eq(own->order, "");
    LINK_UNTIL(&rig, !own->is_sending && p->got_len == 5);
    ck_assert_mem_eq(p->got, "hello", 5);
    ck_assert_str_eq(own->order, "OS");
    link_shutdown(own);
    LINK_UNTIL(&rig, p->has_end && p->is_fin);
    link_rig_close(&rig);
}
END_TEST

START_TEST(test_shutdown_before_the_handshake_comes_after_it)
{
    struct link_peer *p;
    struct link_own *own;

    LINK_OPEN_OR_SKIP(&rig);
    own = link_accept(&rig, &p);
    link_secure(own);
    link_recv_start(own);
    link_shutdown(own);
    LINK_UNTIL(&rig, own->open_res <= 0);
    ck_assert_msg(own->is_open, "%s: %s", rig.name, own->err.text);
    LINK_UNTIL(&rig, p->has_end && p->is_fin);
    link_peer_write(p, 100, 1, 0);
    LINK_UNTIL(&rig, own->in_len == 100);
    link_rig_close(&rig);
}
END_TEST

/* ---- receiving */

START_TEST(test_a_pause_loses_nothing_and_holds_little)
{
    uint8_t *bytes = bulk_new(1);
    struct link_peer *p;
    struct link_own *own;
    size_t before;

    LINK_OPEN_OR_SKIP(&rig);
    own = link_accept(&rig, &p);
    link_secure(own);
    /* what the peer says at once comes with its last words of the handshake */
    if (!rig.is_client || rig.version == FLARE_TLS_1_2)
        p->is_silent = true;
    LINK_UNTIL(&rig, own->is_open || p->out_len > 0);
    p->is_silent = false;
    LINK_UNTIL(&rig, SSL_is_init_finished(p->ssl));
    before = rig.fault.live_bytes;
    for (size_t at = 0; at < BULK; at += 10000)
        link_peer_write(p, 10000, 1, at);
    link_turns(&rig, 100);
    ck_assert_uint_eq(own->in_len, 0);
    ck_assert_msg(rig.fault.live_bytes < before + 150000, "%s: holds %zu bytes",
                  rig.name, rig.fault.live_bytes - before);
    link_recv_start(own);
    LINK_UNTIL(&rig, own->in_len == BULK);
    link_in_check(own, BULK, 1);
    link_rig_close(&rig);
    free(bytes);
}
END_TEST

static void stop_hook(struct link_own *own, const struct flare__event *ev)
{
    if (ev->kind != FLARE__EV_RECV)
        return;
    if (ev->res > 0 && !own->is_stopped)
        link_recv_stop(own);
    else if (ev->res == -ECANCELED && !own->is_closing)
        link_recv_start(own);
}

START_TEST(test_stopping_in_every_callback_loses_nothing)
{
    struct link_peer *p;
    struct link_own *own;

    LINK_OPEN_OR_SKIP(&rig);
    own = link_open(&rig, &p);
    own->hook = stop_hook;
    link_recv_start(own);
    for (size_t at = 0; at < 100000; at += 1000)
        link_peer_write(p, 1000, 3, at);
    LINK_UNTIL(&rig, own->in_len == 100000);
    link_in_check(own, 100000, 3);
    own->hook = NULL;
    link_rig_close(&rig);
}
END_TEST

START_TEST(test_stopping_and_starting_in_the_handshake)
{
    struct link_peer *p;
    struct link_own *own;

    LINK_OPEN_OR_SKIP(&rig);
    own = link_accept(&rig, &p);
    p->cut = 50;
    link_secure(own);
    for (int i = 0; i < 20; i++) {
        link_recv_start(own);
        link_turn(&rig);
        link_recv_stop(own);
        LINK_UNTIL(&rig, !own->is_receiving);
        ck_assert_int_eq(own->recv_res, -ECANCELED);
    }
    p->cut = 0;
    LINK_UNTIL(&rig, own->is_open && SSL_is_init_finished(p->ssl));
    link_peer_write(p, 1000, 3, 0);
    link_turns(&rig, 5);
    link_recv_start(own);
    LINK_UNTIL(&rig, own->in_len == 1000);
    link_in_check(own, 1000, 3);
    link_rig_close(&rig);
}
END_TEST

START_TEST(test_an_empty_pool_parks_and_loses_nothing)
{
    struct link_peer *p;
    struct link_own *own;
    size_t len = 0;

    LINK_OPEN_OR_SKIP(&rig);
    link_rig_kernel_off(&rig); /* where the wire's leases are not used */
    own = link_open(&rig, &p);
    own->holds_leases = true;
    link_recv_start(own);
    for (; len < 20 * (FLARE__WIRE_LEASES + 50); len += 20)
        link_peer_write(p, 20, 5, len);
    while (own->in_len < len) {
        size_t before;

        LINK_UNTIL(&rig,
                   own->in_len == len || rig.held_count == FLARE__WIRE_LEASES);
        before = own->in_len;
        link_turns(&rig, 5); /* no error, no bytes */
        ck_assert_msg(own->in_len == before && own->is_receiving,
                      "%s: %zu of %zu bytes, %d", rig.name, own->in_len, len,
                      own->recv_res);
        link_held_put(&rig);
    }
    link_in_check(own, len, 5);
    link_rig_close(&rig);
}
END_TEST

START_TEST(test_sends_go_on_while_no_lease_is_left)
{
    uint8_t *bytes = bulk_new(4);
    struct iovec iov[3] = {{bytes, 100}, {bytes + 100, 200}, {bytes + 300, 50}};
    struct link_peer *p, *other;
    struct link_own *own, *hog;

    LINK_OPEN_OR_SKIP(&rig);
    link_rig_kernel_off(&rig);
    hog = link_open(&rig, &other);
    own = link_open(&rig, &p);
    hog->holds_leases = true;
    link_recv_start(hog);
    link_recv_start(own);
    for (size_t len = 0; len < 20 * (FLARE__WIRE_LEASES + 50); len += 20)
        link_peer_write(other, 20, 5, len);
    LINK_UNTIL(&rig, rig.held_count == FLARE__WIRE_LEASES);
    link_peer_write(p, 500, 6, 0);
    link_turns(&rig, 5);
    ck_assert_uint_eq(own->in_len, 0);
    link_send(own, iov, 3);
    LINK_UNTIL(&rig, !own->is_sending && p->got_len == 350);
    link_peer_check(p, 350, 4);
    ck_assert(own->is_receiving);
    /* one that waits for a lease may be closed */
    link_close(hog, FLARE__CLOSE_GRACEFUL);
    LINK_UNTIL(&rig, hog->is_closed);
    link_held_put(&rig);
    LINK_UNTIL(&rig, own->in_len == 500);
    link_in_check(own, 500, 6);
    link_rig_close(&rig);
    free(bytes);
}
END_TEST

/* ---- sending */

START_TEST(test_a_send_is_whole_whatever_its_buffers)
{
    uint8_t *bytes = bulk_new(7);
    struct link_peer *p;
    struct link_own *own;
    size_t total = 0;

    LINK_OPEN_OR_SKIP(&rig);
    own = link_open(&rig, &p);
    for (uint32_t count = 1; count <= 64;
         count = count < 4 ? count + 1 : count * 2) {
        struct iovec iov[64];
        size_t start = total;

        for (uint32_t i = 0; i < count; i++) {
            size_t len = i % 5 == 3 ? 0 : 1 + (i * 977 + count * 131) % 3000;

            iov[i] = (struct iovec){bytes + total, len};
            total += len;
        }
        link_send(own, iov, count);
        LINK_UNTIL(&rig, !own->is_sending);
        ck_assert_int_eq(own->sent_res, (int)(total - start));
    }
    ck_assert_uint_lt(total, BULK);
    /* large ones beside small ones, and the rest at once */
    link_send(own,
              (struct iovec[]){{bytes + total, 3},
                               {bytes + total + 3, 40000},
                               {bytes + total + 40003, 1},
                               {bytes + total + 40004, BULK - total - 40004}},
              4);
    LINK_UNTIL(&rig, !own->is_sending);
    ck_assert_int_eq(own->sent_res, (int)(BULK - total));
    LINK_UNTIL(&rig, p->got_len == BULK);
    link_peer_check(p, BULK, 7);
    link_rig_close(&rig);
    free(bytes);
}
END_TEST

/* What the owner sees move while one send of its is in flight (net/stall.h). */
START_TEST(test_R03_what_is_out_of_a_send_only_grows)
{
    uint8_t *bytes = bulk_new(5);
    struct link_peer *p;
    struct link_own *own;
    uint32_t seen;

    LINK_OPEN_OR_SKIP(&rig);
    link_rig_kernel_off(&rig);
    own = link_open(&rig, &p);
    seen = flare__wire_sent(&own->sock);
    for (int i = 0; i < 3; i++) {
        link_send_bytes(own, bytes, BULK);
        LINK_UNTIL(&rig, !own->is_sending);
        ck_assert_uint_ge(flare__wire_sent(&own->sock) - seen, BULK);
        seen = flare__wire_sent(&own->sock);
    }
    link_rig_close(&rig);
    free(bytes);
}
END_TEST

static int file_new(size_t len, uint32_t stream)
{
    char path[] = "/tmp/flare-link-XXXXXX";
    uint8_t *bytes = bulk_new(stream);
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    unlink(path);
    ck_assert_int_eq(write(fd, bytes, len), (int)len);
    free(bytes);
    return fd;
}

START_TEST(test_U05_a_file_is_sent_as_far_as_there_is_one)
{
    static const struct {
        uint32_t size, count, at;
        bool is_early; /* before the handshake */
    } rows[] = {
        {100000, 100000, 0, false}, {100000, 100000, 0, true},
        {5000, 20000, 0, false},    {70000, 200000, 1000, false},
        {0, 100, 0, false},         {0, 100, 0, true},
        {16384, 20000, 0, false},   {100, 50, 200, false},
    };

    LINK_OPEN_OR_SKIP(&rig);
    for (int i = 0; i < ROWS(rows); i++) {
        uint32_t there =
            rows[i].at < rows[i].size ? rows[i].size - rows[i].at : 0;
        uint32_t want = rows[i].count < there ? rows[i].count : there;
        int file = file_new(rows[i].size, 0);
        struct link_peer *p;
        struct link_own *own =
            rows[i].is_early ? link_accept(&rig, &p) : link_open(&rig, &p);

        if (rows[i].is_early)
            link_secure(own);
        link_recv_start(own);
        link_send_file(own, file, rows[i].at, rows[i].count);
        LINK_UNTIL(&rig, !own->is_sending);
        ck_assert_int_eq(own->sent_res, (int)want);
        LINK_UNTIL(&rig, p->got_len == want);
        link_close(own, FLARE__CLOSE_GRACEFUL);
        LINK_UNTIL(&rig, own->is_closed);
        close(file);
    }
    link_rig_close(&rig);
}
END_TEST

START_TEST(test_after_shutdown_reading_goes_on)
{
    uint8_t *bytes = bulk_new(8);
    struct link_peer *p;
    struct link_own *own;

    LINK_OPEN_OR_SKIP(&rig);
    link_rig_kernel_off(&rig); /* not every kernel follows new keys */
    own = link_open(&rig, &p);
    link_recv_start(own);
    link_send_bytes(own, bytes, 50000);
    LINK_UNTIL(&rig, !own->is_sending);
    link_shutdown(own);
    LINK_UNTIL(&rig, p->has_end && p->is_fin);
    link_peer_check(p, 50000, 8);
    link_peer_write(p, 50000, 9, 0);
    LINK_UNTIL(&rig, own->in_len == 50000);
    link_in_check(own, 50000, 9);
    if (rig.version == FLARE_TLS_1_3) { /* an answer cannot be sent any more */
        SSL_key_update(p->ssl, SSL_KEY_UPDATE_REQUESTED);
        link_peer_write(p, 1, 9, 50000);
        LINK_UNTIL(&rig, own->in_len == 50001);
        ck_assert(own->is_receiving);
    }
    SSL_shutdown(p->ssl);
    LINK_UNTIL(&rig, !own->is_receiving);
    ck_assert_int_eq(own->recv_res, 0);
    link_rig_close(&rig);
    free(bytes);
}
END_TEST

/* ---- closing */

START_TEST(test_closing_at_every_stage)
{
    uint8_t *bytes = bulk_new(1);

    LINK_OPEN_OR_SKIP(&rig);
    for (int stage = 0; stage < 24; stage++) {
        enum flare__close_how how =
            stage % 2 ? FLARE__CLOSE_ABORT : FLARE__CLOSE_GRACEFUL;
        struct link_peer *p;
        struct link_own *own = link_accept(&rig, &p);

        p->cut = 100;
        link_secure(own);
        if (stage / 2 % 2 == 0)
            link_recv_start(own);
        if (stage / 4 % 2 == 0)
            link_send_bytes(own, bytes, BULK);
        link_turns(&rig, stage * 3 / 2);
        link_close(own, how);
        LINK_UNTIL(&rig, own->is_closed);
        rig.h->peer_close(p->wire, /* is_abort = */ false);
        p->wire = NULL;
        SSL_free(p->ssl);
        p->ssl = NULL;
        free(p->out);
        free(p->got);
        rig.peer_count--;
    }
    link_rig_close(&rig);
    free(bytes);
}
END_TEST

static void close_hook(struct link_own *own, const struct flare__event *ev)
{
    if ((int)ev->kind == own->number && !own->is_closing)
        link_close(own, own->in_len % 2 ? FLARE__CLOSE_ABORT
                                        : FLARE__CLOSE_GRACEFUL);
}

START_TEST(test_closing_inside_every_callback)
{
    static const int kinds[] = {FLARE__EV_OPEN, FLARE__EV_RECV, FLARE__EV_SENT};
    uint8_t *bytes = bulk_new(1);

    LINK_OPEN_OR_SKIP(&rig);
    for (int i = 0; i < 2 * ROWS(kinds); i++) {
        struct link_peer *p;
        struct link_own *own = link_accept(&rig, &p);

        own->hook = close_hook;
        own->number = kinds[i / 2];
        link_secure(own);
        link_recv_start(own);
        link_send_bytes(own, bytes, 20000);
        LINK_UNTIL(&rig, SSL_is_init_finished(p->ssl) || own->is_closing);
        if (own->number == FLARE__EV_RECV) {
            link_peer_write(p, 100 + (size_t)i % 2, 3, 0);
            link_peer_write(p, 100, 3, 0);
        }
        LINK_UNTIL(&rig, own->is_closed);
    }
    link_rig_close(&rig);
    free(bytes);
}
END_TEST

START_TEST(test_close_does_not_wait_for_ever_for_a_peer_that_takes_nothing)
{
    uint8_t *bytes = bulk_new(1);
    struct link_peer *p;
    struct link_own *own;
    uint64_t start;

    LINK_OPEN_OR_SKIP(&rig);
    own = link_open(&rig, &p);
    p->is_deaf = true;
    link_send_bytes(own, bytes, BULK);
    link_turns(&rig, 30);
    ck_assert(own->is_sending);
    start = rig.loop->now_ms;
    link_close(own, FLARE__CLOSE_GRACEFUL);
    LINK_UNTIL(&rig, own->is_closed);
    ck_assert_int_eq(own->sent_res, -ECANCELED);
    ck_assert_uint_le(rig.loop->now_ms - start, 3000);
    link_rig_close(&rig);
    free(bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/link");
    TCase *tc = tcase_create("rules");

    tcase_set_timeout(tc, 60);
#define RULE(name) tcase_add_loop_test(tc, test_##name, 0, LINK_WAYS)
    RULE(bytes_pass_both_ways_however_they_are_cut);
    RULE(what_is_started_before_the_handshake_waits_for_it);
    RULE(shutdown_before_the_handshake_comes_after_it);
    RULE(a_pause_loses_nothing_and_holds_little);
    RULE(stopping_in_every_callback_loses_nothing);
    RULE(stopping_and_starting_in_the_handshake);
    RULE(an_empty_pool_parks_and_loses_nothing);
    RULE(sends_go_on_while_no_lease_is_left);
    RULE(a_send_is_whole_whatever_its_buffers);
    RULE(R03_what_is_out_of_a_send_only_grows);
    RULE(U05_a_file_is_sent_as_far_as_there_is_one);
    RULE(after_shutdown_reading_goes_on);
    RULE(closing_at_every_stage);
    RULE(closing_inside_every_callback);
    RULE(close_does_not_wait_for_ever_for_a_peer_that_takes_nothing);
#undef RULE
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
