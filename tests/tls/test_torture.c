/* SPDX-License-Identifier: MIT */
/*
 * Memory: every allocation of ours and of OpenSSL fails in turn, in the making
 * of configurations and in a handshake with data; and how much an idle
 * connection holds.
 */
#include "base/alloc.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"
#include "tests/tls/soft_kernel.h"
#include "tests/tls/tls_rig.h"
#include "tls/control.h"
#include "tls/kernel.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <errno.h>
#include <malloc.h>
#include <string.h>

/*
 * OpenSSL's allocator, set before its first allocation.  Sites are counted
 * while `is_armed`; what is live is counted always.
 */
static struct {
    struct fault *f;
    bool is_armed;
    long blocks;
    long bytes;
} crypto;

static bool crypto_fails(void)
{
    return crypto.is_armed && fault_site(crypto.f);
}

static void *crypto_malloc(size_t size, const char *file, int line)
{
    void *block;

    (void)file;
    (void)line;
    if (crypto_fails())
        return NULL;
    block = malloc(size);
    if (block != NULL) {
        crypto.blocks++;
        crypto.bytes += (long)malloc_usable_size(block);
    }
    return block;
}

static void crypto_free(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    if (block == NULL)
        return;
    crypto.blocks--;
    crypto.bytes -= (long)malloc_usable_size(block);
    free(block);
}

static void *crypto_realloc(void *block, size_t size, const char *file,
                            int line)
{
    void *bigger;

    if (block == NULL)
        return crypto_malloc(size, file, line);
    if (size == 0) {
        crypto_free(block, file, line);
        return NULL;
    }
    if (crypto_fails())
        return NULL;
    crypto.bytes -= (long)malloc_usable_size(block);
    bigger = realloc(block, size);
    crypto.bytes += (long)malloc_usable_size(bigger != NULL ? bigger : block);
    return bigger;
}

static struct tls_rig rig;

static void set_up(void)
{
    memset(&crypto, 0, sizeof(crypto));
    rig_init(&rig);
}

static void tear_down(void)
{
    rig_fini(&rig);
}

struct made {
    flare_tls_server *server;
    flare_tls_client *client;
};

static int make(struct made *made, const struct flare_allocator *al,
                enum flare_tls_version version)
{
    static const char *const alpn[] = {"http/1.1", NULL};
    struct flare_tls_cert cert = cert_config(&rig.leaf);
    struct flare_error err;
    int rc;

    *made = (struct made){.server = NULL};
    rc = flare_tls_server_new(&made->server,
                              &(struct flare_tls_server_config){
                                  .certs = &cert,
                                  .cert_count = 1,
                                  .alpn = alpn,
                                  .version_max = version,
                                  .client_auth = FLARE_TLS_CLIENT_ASKED,
                                  .client_ca = {.pem = flare_str(rig.ca.pem)},
                                  .allocator = al},
                              &err);
    if (rc < 0)
        return rc;
    return flare_tls_client_new(
        &made->client,
        &(struct flare_tls_client_config){.ca = {.pem = flare_str(rig.ca.pem)},
                                          .alpn = alpn,
                                          .version_max = version,
                                          .cert = &cert,
                                          .allocator = al},
        &err);
}

static void unmake(struct made *made)
{
    flare_tls_server_free(made->server);
    flare_tls_client_free(made->client);
}

/* Moves bytes between two engines until both are quiet; 0 or the error. */
static int talk(struct flare__tls *a, struct flare__tls *b)
{
    struct flare__tls *ends[2] = {a, b};
    char room[256];
    bool is_busy = true;

    while (is_busy) {
        is_busy = false;
        for (int i = 0; i < 2; i++) {
            struct flare_str in = flare__tls_output(ends[1 - i]);
            size_t len = in.len;
            int rc = flare__tls_read(ends[i], &in, room, sizeof(room));

            if (rc < 0 && rc != -EAGAIN)
                return rc;
            is_busy |= rc > 0 || in.len < len || len > 0;
            flare__tls_sent(ends[1 - i], len - in.len);
        }
    }
    return 0;
}

static int connect_once(struct made *made)
{
    const struct flare__tls_start start = {.unix_now = CERTS_NOW,
                                           .host = FLARE_STR("a.test")};
    struct flare__tls *s = NULL;
    struct flare__tls *c = NULL;
    int rc = flare__tls_new_server(&s, made->server, &start);

    if (rc == 0)
        rc = flare__tls_new_client(&c, made->client, &start, NULL);
    if (rc == 0)
        rc = talk(c, s);
    if (rc == 0)
        rc = flare__tls_write(c, FLARE_STR("up"));
    if (rc >= 0)
        rc = flare__tls_write(s, FLARE_STR("down"));
    if (rc >= 0)
        rc = talk(c, s);
    if (rc == 0)
        rc = flare__tls_close(c);
    if (rc == 0)
        rc = talk(c, s);
    flare__tls_free(c);
    flare__tls_free(s);
    return rc;
}

/* Ours only: every failure is -ENOMEM or harmless, and nothing is left. */
static int scenario_ours(struct fault *f, void *ctx)
{
    const enum flare_tls_version *version = ctx;
    struct made made;
    int rc = make(&made, &f->al, *version);

    for (int i = 0; rc == 0 && i < 2; i++)
        rc = connect_once(&made);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    if (rc < 0)
        ck_assert_msg(rc == -ENOMEM, "%s", flare_error_name(rc));
    unmake(&made);
    return rc;
}

static enum flare_tls_version versions[] = {FLARE_TLS_1_2, FLARE_TLS_1_3};

START_TEST(test_torture_every_allocation_of_ours)
{
    fault_each("tls: ours", scenario_ours, &versions[_i]);
}
END_TEST

/* As fault_each, but one site in `stride`, other ones in each mode. */
static void torture_some(fault_scenario_fn scenario, void *ctx, uint64_t stride)
{
    for (int mode = FAULT_ONCE; mode <= FAULT_FROM; mode++) {
        bool is_hit = true;

        for (uint64_t at = (uint64_t)mode; is_hit; at += stride) {
            struct fault f;
            int rc;

            fault_init(&f, (enum fault_mode)mode, at);
            rc = scenario(&f, ctx);
            is_hit = f.failed > 0;
            ck_assert(is_hit || rc == 0);
            fault_fini(&f, "tls");
        }
    }
}

/* OpenSSL's too, of a connection; the configurations are there. */
static int scenario_theirs(struct fault *f, void *ctx)
{
    struct made *made = ctx;
    long blocks;
    int rc;

    blocks = crypto.blocks;
    crypto.f = f;
    crypto.is_armed = true;
    rc = connect_once(made);
    crypto.is_armed = false;
    ck_assert_uint_eq(ERR_peek_error(), 0);
    ck_assert_msg(crypto.blocks <= blocks + 8, "%ld blocks of OpenSSL left",
                  crypto.blocks - blocks);
    /* and the next connection is as if nothing had been */
    ck_assert_int_eq(connect_once(made), 0);
    return rc;
}

START_TEST(test_torture_every_allocation_of_openssl)
{
    struct made made;

    ck_assert_int_eq(make(&made, NULL, versions[_i]), 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(connect_once(&made), 0);
#ifdef FLARE__ASAN
    torture_some(scenario_theirs, &made, 7); /* all of them take minutes */
#else
    fault_each("tls: OpenSSL's", scenario_theirs, &made);
#endif
    unmake(&made);
}
END_TEST

/*
 * A server's end from the hand-over on: refused for want of memory it goes on
 * in user space, and once it is in the kernel it follows, or ends.
 */
static int hand_over(struct flare__tls *e, struct soft_kernel *kernel)
{
    static const struct flare_str update = FLARE_STR("\x18\0\0\1\1");
    int rc = flare__tls_kernel_tx(e, kernel->loop, &kernel->sock);
    int more = flare__tls_kernel_rx(e, kernel->loop, &kernel->sock);

    ck_assert_msg(rc == 0 || rc == -ENOMEM, "%s", flare_error_name(rc));
    ck_assert_msg(more == 0 || more == -ENOMEM, "%s", flare_error_name(more));
    ck_assert(flare__tls_is_open(e));
    if (rc < 0 || more < 0)
        return -ENOMEM;
    more = flare__tls_control(e, 22, update);
    if (more == -EAGAIN)
        more = flare__tls_kernel_rekey(e, kernel->loop, &kernel->sock, false);
    if (more == 0)
        more = flare__tls_control_send(e, kernel->loop, &kernel->sock);
    return more == 0 ? flare__tls_close(e) : more;
}

static int scenario_hand_over(struct fault *f, void *ctx)
{
    const struct flare__tls_start start = {.unix_now = CERTS_NOW,
                                           .host = FLARE_STR("a.test")};
    struct made *made = ctx;
    struct soft_kernel kernel;
    struct flare__tls *s;
    struct flare__tls *c;
    long blocks = crypto.blocks;
    int rc;

    soft_init(&kernel);
    ck_assert_int_eq(flare__tls_new_server(&s, made->server, &start), 0);
    ck_assert_int_eq(flare__tls_new_client(&c, made->client, &start, NULL), 0);
    ck_assert_int_eq(talk(c, s), 0);
    crypto.f = f;
    crypto.is_armed = true;
    rc = hand_over(s, &kernel);
    crypto.is_armed = false;
    ck_assert_uint_eq(ERR_peek_error(), 0);
    flare__tls_free(c);
    flare__tls_free(s);
    soft_fini(&kernel);
    ck_assert_msg(crypto.blocks <= blocks + 8, "%ld blocks of OpenSSL left",
                  crypto.blocks - blocks);
    return rc;
}

START_TEST(test_torture_every_allocation_of_a_hand_over)
{
    struct made made;

    ck_assert_int_eq(make(&made, NULL, FLARE_TLS_1_3), 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(connect_once(&made), 0);
#ifdef FLARE__ASAN
    torture_some(scenario_hand_over, &made, 7);
#else
    fault_each("tls: a hand-over", scenario_hand_over, &made);
#endif
    unmake(&made);
}
END_TEST

/* And of configurations, which fail whole. */
static int scenario_make(struct fault *f, void *ctx)
{
    struct made made;
    long blocks = crypto.blocks;
    int rc;

    (void)ctx;
    crypto.f = f;
    crypto.is_armed = true;
    rc = make(&made, NULL, FLARE_TLS_ANY);
    crypto.is_armed = false;
    ck_assert_uint_eq(ERR_peek_error(), 0);
    unmake(&made);
    ck_assert_msg(crypto.blocks <= blocks + 8, "%ld blocks of OpenSSL left",
                  crypto.blocks - blocks);
    return rc;
}

START_TEST(test_torture_every_allocation_of_openssl_in_a_configuration)
{
    struct made made;

    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(make(&made, NULL, FLARE_TLS_ANY), 0);
        unmake(&made);
    }
    /* OpenSSL makes 15000 */
    torture_some(scenario_make, NULL, 17);
}
END_TEST

/* Issue 5: at most 16 KiB beyond OpenSSL's own minimum. */
START_TEST(test_torture_idle_connection_is_small)
{
    const struct flare__tls_start start = {.unix_now = CERTS_NOW,
                                           .host = FLARE_STR("a.test")};
    enum { CONNECTIONS = 50 };
    static struct flare__tls *ends[CONNECTIONS][2];
    struct fault f;
    struct made made;
    long before;
    size_t ours;
    long theirs;

    fault_init(&f, FAULT_NEVER, 0);
    ck_assert_int_eq(make(&made, &f.al, versions[_i]), 0);
    ck_assert_int_eq(connect_once(&made), 0);
    before = crypto.bytes;
    ours = f.live_bytes;
    for (int i = 0; i < CONNECTIONS; i++) {
        ck_assert_int_eq(
            flare__tls_new_server(&ends[i][0], made.server, &start), 0);
        ck_assert_int_eq(
            flare__tls_new_client(&ends[i][1], made.client, &start, NULL), 0);
        ck_assert_int_eq(talk(ends[i][1], ends[i][0]), 0);
        ck_assert_int_gt(flare__tls_write(ends[i][1], FLARE_STR("x")), 0);
        ck_assert_int_eq(talk(ends[i][1], ends[i][0]), 0);
    }
    theirs = crypto.bytes - before;
    for (int i = 0; i < CONNECTIONS; i++)
        flare__tls_free(ends[i][1]);
    theirs = crypto.bytes - before;
    ours = f.live_bytes - ours;
    printf("tls: an idle server connection: %ld bytes of OpenSSL's, %zu of "
           "ours\n",
           theirs / CONNECTIONS, ours / CONNECTIONS);
    ck_assert_uint_le(ours / CONNECTIONS, 1024);
    ck_assert_int_le(theirs / CONNECTIONS, 24 * 1024);
    for (int i = 0; i < CONNECTIONS; i++)
        flare__tls_free(ends[i][0]);
    unmake(&made);
    fault_fini(&f, "idle");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/torture");
    TCase *tc = tcase_create("torture");

    /* before OpenSSL's first allocation, or it is refused */
    if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) !=
        1)
        return EXIT_FAILURE;
    tcase_set_timeout(tc, 600); /* thousands of handshakes, sanitized too */
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, test_torture_every_allocation_of_ours, 0, 2);
    tcase_add_loop_test(tc, test_torture_every_allocation_of_openssl, 0, 2);
    tcase_add_test(tc,
                   test_torture_every_allocation_of_openssl_in_a_configuration);
    tcase_add_test(tc, test_torture_every_allocation_of_a_hand_over);
    tcase_add_loop_test(tc, test_torture_idle_connection_is_small, 0, 2);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
