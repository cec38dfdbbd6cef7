/* SPDX-License-Identifier: MIT */
/*
 * Everything fails in turn, in a connection of two streams that speak TLS:
 * every allocation of ours and every call of the backend from the making of the
 * configurations on, and every allocation of OpenSSL's in the connection.
 */
#include "base/alloc.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"
#include "tests/tcp/tcp_rig.h"
#include "tests/tls/stream_rig.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <errno.h>
#include <string.h>

enum { BYTES = 40000, BLOCKS_SPARE = 8, WAIT_MS = 15000 };

static struct tcp_rig rig;

/* OpenSSL's allocator, set before its first allocation. */
static struct {
    struct fault *f; /* NULL: nothing fails */
    long blocks;
} crypto;

static bool crypto_fails(void)
{
    return crypto.f != NULL && fault_site(crypto.f);
}

static void *crypto_malloc(size_t size, const char *file, int line)
{
    void *block;

    (void)file;
    (void)line;
    if (crypto_fails())
        return NULL;
    block = malloc(size);
    crypto.blocks += block != NULL;
    return block;
}

static void crypto_free(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    crypto.blocks -= block != NULL;
    free(block);
}

static void *crypto_realloc(void *block, size_t size, const char *file,
                            int line)
{
    if (block == NULL)
        return crypto_malloc(size, file, line);
    if (size == 0) {
        crypto_free(block, file, line);
        return NULL;
    }
    return crypto_fails() ? NULL : realloc(block, size);
}

static int world_site(void *ctx, const char *name)
{
    (void)name;
    return fault_site(ctx) ? -ENOBUFS : 0;
}

static void echo_hook(struct tcp_end *end, enum tcp_end_call what)
{
    if (what == TCP_END_END)
        flare_stream_close(end->stream);
}

/*
 * A connection, its echo, its end: 0, or the error of whom it met first.  It
 * must come to an end by itself.
 */
static int talk(void)
{
    int first = rig.count;
    int rc;
    struct tcp_end *c = tcp_rig_try(&rig, &rc);
    uint64_t until;

    if (c == NULL)
        return rc;
    until = rig.loop->now_ms + WAIT_MS;
    rc = tcp_rig_write(c, 0, BYTES);
    flare_stream_shutdown(c->stream);
    while (c->closes == 0) {
        ck_assert_msg(rig.loop->now_ms < until, "it never ends");
        ck_assert_int_eq(flare__loop_turn(rig.loop, (until + 1) * 1000000), 0);
    }
    tcp_rig_run(&rig, 5000); /* the other end, if there is one */
    if (c->rc == 0 && rc >= 0 && c->len != BYTES)
        ck_abort_msg("in order, and %zu bytes of %d", c->len, BYTES);
    ck_assert(tcp_rig_is_stream(c));
    for (int i = first; i < rig.count && rc >= 0; i++) {
        ck_assert_msg(rig.ends[i].closes == 1, "end %d is still there", i);
        if (rig.ends[i].rc < 0)
            rc = rig.ends[i].rc;
    }
    return rc < 0 ? rc : 0;
}

static int begin(struct fault *f)
{
    const struct flare__sim_config config = {
        .is_calm = true, .fault_site = world_site, .fault_ctx = f};
    int rc;

    rc = stream_rig_make();
    if (rc < 0)
        return rc;
    tcp_rig_init(&rig);
    rig.fault = f;
    rig.is_echo = true;
    rig.on_accept = echo_hook;
    rig.client.tls_handshake_timeout_ms = 3000;
    rig.server.tls_handshake_timeout_ms = 3000;
    return tcp_rig_open(&rig, TCP_RIG_SIM, &config);
}

static int scenario_ours(struct fault *f, void *ctx)
{
    int rc;

    (void)ctx;
    stream_rig_forget(&f->al);
    rc = begin(f);
    if (rc == 0) {
        rc = talk();
        fault_disarm(f);
        if (rc >= 0 || f->failed > 0)
            ck_assert_int_eq(talk(), 0); /* as if nothing had been */
        tcp_rig_close(&rig);
    }
    ck_assert_uint_eq(ERR_peek_error(), 0);
    stream_rig_forget(NULL);
    return rc;
}

START_TEST(test_torture_every_allocation_of_ours_and_call_of_the_backend)
{
    struct fault_report report;

    ck_assert_int_eq(stream_rig_make(), 0); /* certificates, once */
    report = fault_each("tls: link", scenario_ours, NULL);
    ck_assert_uint_gt(report.sites, 40);
}
END_TEST

static int run_theirs(struct fault *f, uint64_t *sites)
{
    struct fault none;
    long blocks;
    int rc;

    fault_init(&none, FAULT_NEVER, 0);
    ck_assert_int_eq(begin(&none), 0);
    ck_assert_int_eq(talk(), 0);
    blocks = crypto.blocks;
    crypto.f = f;
    rc = talk();
    crypto.f = NULL;
    ck_assert_msg(crypto.blocks <= blocks + BLOCKS_SPARE,
                  "%ld blocks of OpenSSL left", crypto.blocks - blocks);
    ck_assert_int_eq(talk(), 0);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    tcp_rig_close(&rig);
    fault_fini(&none, "tls: OpenSSL's");
    *sites = f->sites;
    return rc;
}

/* Sanitized one in `STRIDE`, other ones in each mode: all take minutes. */
START_TEST(test_torture_allocations_of_openssl)
{
#ifdef FLARE__ASAN
    enum { STRIDE = 17 };
#else
    enum { STRIDE = 2 };
#endif
    uint64_t sites = 0;
    uint64_t runs = 0;

    for (int mode = FAULT_ONCE; mode <= FAULT_FROM; mode++) {
        bool is_hit = true;

        for (uint64_t at = (uint64_t)(mode * 3); is_hit; at += STRIDE) {
            struct fault f;
            int rc;

            fault_init(&f, (enum fault_mode)mode, at);
            rc = run_theirs(&f, &sites);
            is_hit = f.failed > 0;
            ck_assert_msg(is_hit || rc == 0, "%s", flare_error_name(rc));
            fault_fini(&f, "tls: OpenSSL's");
            runs++;
        }
    }
    printf("fault: tls: OpenSSL's: %llu sites, %llu runs\n",
           (unsigned long long)sites, (unsigned long long)runs);
    ck_assert_uint_gt(sites, 200);
    stream_rig_forget(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/link torture");
    TCase *tc = tcase_create("torture");

    /* before OpenSSL's first allocation, or it is refused */
    if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) !=
        1)
        return EXIT_FAILURE;
    tcase_set_timeout(tc, 600);
    tcase_add_test(
        tc, test_torture_every_allocation_of_ours_and_call_of_the_backend);
    tcase_add_test(tc, test_torture_allocations_of_openssl);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
