/* SPDX-License-Identifier: MIT */
/* The slice lent to a call, and the output with its bound. */
#include "tls/bio.h"

#include "tests/support/fault.h"
#include "tests/support/test.h"
#include "tests/tls/tls_rig.h"

#include <string.h>

static struct tls_rig rig;
static flare_tls_client *client;
static struct flare__tls *e;
static BIO *bio;
static struct fault f;

static void set_up(void)
{
    const struct flare__tls_start start = {
        .unix_now = CERTS_NOW, .host = FLARE_STR("a.test"), .out_max = 2000};

    fault_init(&f, FAULT_NEVER, 0);
    rig_init(&rig);
    client =
        rig_client(&rig, &(struct flare_tls_client_config){.allocator = &f.al});
    ck_assert_int_eq(flare__tls_new_client(&e, client, &start, NULL), 0);
    bio = SSL_get_wbio(e->ssl);
    ck_assert_ptr_eq(bio, SSL_get_rbio(e->ssl));
}

static void tear_down(void)
{
    flare__tls_free(e);
    flare_tls_client_free(client);
    rig_fini(&rig);
    fault_fini(&f, "bio");
}

START_TEST(test_bio_output_takes_what_fits_and_says_not_now)
{
    char bytes[3000];
    struct flare_str out;

    memset(bytes, 'a', sizeof(bytes));
    ck_assert_int_eq(BIO_write(bio, bytes, 1500), 1500);
    ck_assert_int_eq(BIO_write(bio, bytes, 1500), 500);
    ck_assert_int_eq(BIO_write(bio, bytes, 1500), -1);
    ck_assert(BIO_should_retry(bio) && BIO_should_write(bio));
    ck_assert(flare__tls_wants_drain(e));
    /* an alert goes out all the same, but not without end */
    ck_assert_int_eq(BIO_write(bio, "alert", 5), 5);
    for (int i = 0; i < 1000; i++)
        (void)BIO_write(bio, bytes, 31);
    ck_assert_int_eq(BIO_write(bio, bytes, 31), -1);
    out = flare__tls_output(e);
    ck_assert_uint_le(out.len, 2000 + 4096);
    flare__tls_sent(e, out.len - 1);
    ck_assert_uint_eq(flare__tls_output(e).len, 1);
    ck_assert_int_eq(BIO_write(bio, "bc", 2), 2);
    out = flare__tls_output(e);
    ck_assert_mem_eq(out.ptr, "abc", 3);
    flare__tls_sent(e, 3);
    ck_assert_uint_eq(flare__tls_output(e).len, 0);
    ck_assert_ptr_null(flare__tls_output(e).ptr);
}
END_TEST

START_TEST(test_bio_output_is_a_queue)
{
    static char sent[100000];
    size_t put = 0;
    size_t got = 0;

    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (char)(i * 7);
    for (int round = 0; got < sizeof(sent); round++) {
        size_t n = (size_t)(round * 37 % 700) + 1;
        int wrote;
        struct flare_str out;

        if (n > sizeof(sent) - put)
            n = sizeof(sent) - put;
        wrote = BIO_write(bio, sent + put, (int)n);
        put += wrote > 0 ? (size_t)wrote : 0;
        out = flare__tls_output(e);
        n = (size_t)(round * 53 % 900);
        if (n > out.len)
            n = out.len;
        ck_assert_mem_eq(out.ptr, sent + got, n);
        flare__tls_sent(e, n);
        got += n;
    }
}
END_TEST

START_TEST(test_bio_input_is_the_slice_and_no_more)
{
    char room[8];

    ck_assert_int_eq(BIO_read(bio, room, sizeof(room)), -1);
    ck_assert(BIO_should_retry(bio) && BIO_should_read(bio));
    e->in = FLARE_STR("hello");
    ck_assert_int_eq(BIO_read(bio, room, 2), 2);
    ck_assert_mem_eq(room, "he", 2);
    ck_assert_int_eq(BIO_read(bio, room, sizeof(room)), 3);
    ck_assert_mem_eq(room, "llo", 3);
    ck_assert_int_eq(BIO_read(bio, room, sizeof(room)), -1);
    ck_assert_mem_eq(e->first, "hello", 5);
}
END_TEST

START_TEST(test_bio_without_memory_is_no_retry)
{
    f.mode = FAULT_FROM;
    f.at = 1;
    ck_assert_int_eq(BIO_write(bio, "x", 1), -1);
    ck_assert(!BIO_should_retry(bio));
    ck_assert_int_eq(e->stop, FLARE__TLS_STOP_MEMORY);
    fault_disarm(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/bio");
    TCase *tc = tcase_create("bio");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, test_bio_output_takes_what_fits_and_says_not_now);
    tcase_add_test(tc, test_bio_output_is_a_queue);
    tcase_add_test(tc, test_bio_input_is_the_slice_and_no_more);
    tcase_add_test(tc, test_bio_without_memory_is_no_retry);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
