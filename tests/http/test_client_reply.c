/* SPDX-License-Identifier: MIT */
/* What a reply says of what the engine has filled in. */
#include "http/client_reply.h"

#include "base/alloc.h"
#include "http/reply_head.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

static const char head_text[] = "HTTP/1.1 404 Not  Here\r\n"
                                "Content-Type: text/plain\r\n"
                                "Set-Cookie: a=1\r\n"
                                "X-Empty:\r\n"
                                "set-cookie:   b=2  \r\n\r\n";
static char received[256];
static struct flare__field fields[8];

/* As the engine has it when the head is read: slices of a receive buffer. */
static flare_reply *reply_new(const struct flare_allocator *al)
{
    static const struct flare__reply_head_limits limits = {100, 1000, 8};
    struct flare__reply_head head = {.fields = fields};
    flare_reply *r = flare__calloc(al, 1, sizeof(*r));

    if (r == NULL)
        return NULL;
    memcpy(received, head_text, sizeof(head_text));
    ck_assert_int_gt(flare__reply_head_parse(&head, &limits, received,
                                             sizeof(head_text) - 1),
                     0);
    r->al = *al;
    r->status = head.status;
    r->minor = head.minor;
    r->reason = head.reason;
    r->fields = head.fields;
    r->field_count = head.field_count;
    r->length = 7;
    memcpy(r->method, "PURGE", 6);
    return r;
}

static void is_text(struct flare_str got, const char *wanted)
{
    ck_assert_uint_eq(got.len, strlen(wanted));
    ck_assert_ptr_nonnull(got.ptr);
    ck_assert_mem_eq(got.ptr, wanted, got.len);
}

static void check_head(const flare_reply *r)
{
    struct flare_str name, value;
    size_t place = 0;

    ck_assert_int_eq(flare_reply_status(r), 404);
    ck_assert_int_eq(flare_reply_version_minor(r), 1);
    is_text(flare_reply_reason(r), "Not  Here");
    is_text(flare_reply_header(r, "content-type"), "text/plain");
    is_text(flare_reply_header(r, "X-EMPTY"), "");
    ck_assert_ptr_null(flare_reply_header(r, "Content").ptr);
    is_text(flare_reply_header_next(r, "Set-Cookie", &place), "a=1");
    is_text(flare_reply_header_next(r, "Set-Cookie", &place), "b=2");
    ck_assert_ptr_null(flare_reply_header_next(r, "Set-Cookie", &place).ptr);
    ck_assert_ptr_null(flare_reply_header_next(r, "Set-Cookie", &place).ptr);
    ck_assert_uint_eq(flare_reply_header_count(r), 4);
    ck_assert_int_eq(flare_reply_header_at(r, 3, &name, &value), 0);
    is_text(name, "set-cookie");
    is_text(value, "b=2");
    ck_assert_int_eq(flare_reply_header_at(r, 4, &name, &value), FLARE_E_RANGE);
}

START_TEST(test_a_head_is_read_and_outlives_its_buffer)
{
    flare_reply *r = reply_new(&flare__allocator_default);

    check_head(r);
    ck_assert_int_eq(flare_reply_keep(r), 0);
    memset(received, 'x', sizeof(received));
    memset(fields, 0, sizeof(fields));
    check_head(r);
    ck_assert_int_eq(flare__reply_settle(r), 0); /* again: nothing */
    check_head(r);
    flare_reply_free(r);
    flare_reply_free(NULL);
}
END_TEST

START_TEST(test_what_is_not_there_is_empty)
{
    flare_reply *r = flare__calloc(&flare__allocator_default, 1, sizeof(*r));
    struct flare_str name, value;
    struct flare_reply_tls tls;

    r->al = flare__allocator_default;
    is_text(flare_reply_body(r), "");
    ck_assert_str_eq(flare_reply_text(r), "");
    is_text(flare_reply_url(r), "");
    ck_assert_ptr_null(flare_reply_header(r, "A").ptr);
    ck_assert_ptr_null(flare_reply_trailer(r, "A").ptr);
    ck_assert_uint_eq(flare_reply_trailer_count(r), 0);
    ck_assert_int_eq(flare_reply_trailer_at(r, 0, &name, &value),
                     FLARE_E_RANGE);
    ck_assert_int_eq(flare_reply_tls_info(r, &tls), -ENOTCONN);
    ck_assert_int_eq(flare_reply_peer(r).kind, FLARE_ADDR_NONE);
    ck_assert_int_eq(flare_reply_keep(r), 0);
    flare_reply_free(r);
}
END_TEST

START_TEST(test_facts_are_told)
{
    flare_reply *r = reply_new(&flare__allocator_default);
    struct flare_reply_tls tls;
    struct {
        struct flare_reply_timings known;
        uint64_t later; /* a member of a version to come */
    } times = {.later = 1};
    uint64_t begun_ns = 0;

    r->timings.begun_ns = 5;
    r->timings.end_ns = 9;
    flare_reply_timings_sized(r, sizeof(times),
                              (struct flare_reply_timings *)&times);
    ck_assert_uint_eq(times.known.end_ns, 9);
    ck_assert_uint_eq(times.later, 0);
    flare_reply_timings_sized(r, sizeof(begun_ns),
                              (struct flare_reply_timings *)&begun_ns);
    ck_assert_uint_eq(begun_ns, 5);
    r->has_tls = r->is_reused = true;
    r->tls.version = "TLSv1.3";
    r->redirects = 3;
    r->elapsed_ms = 70;
    ck_assert_int_eq(
        flare__bytes_add(&r->url, &r->al, FLARE_STR("http://a.test/")), 0);
    ck_assert_int_eq(flare_reply_tls_info(r, &tls), 0);
    ck_assert_str_eq(tls.version, "TLSv1.3");
    ck_assert(flare_reply_is_reused(r));
    ck_assert_uint_eq(flare_reply_redirects(r), 3);
    ck_assert_uint_eq(flare_reply_elapsed_ms(r), 70);
    ck_assert_uint_eq(flare_reply_length(r), 7);
    is_text(flare_reply_url(r), "http://a.test/");
    ck_assert_int_eq(flare_reply_keep(r), 0);
    flare_reply_free(r);
}
END_TEST

static const struct {
    struct flare_str body;
    bool is_text;
} bodies[] = {
    {{"plain", 5}, true}, {{"\xc3\xbc", 2}, true},      {{"\xc3", 1}, false},
    {{"a\0b", 3}, false}, {{"\xed\xa0\x80", 3}, false},
};

START_TEST(test_text_is_utf8_without_nul)
{
    flare_reply *r = reply_new(&flare__allocator_default);
    const char *text;

    ck_assert_int_eq(flare__bytes_add(&r->body, &r->al, bodies[_i].body), 0);
    ck_assert_uint_eq(flare_reply_body(r).len, bodies[_i].body.len);
    ck_assert_int_eq(flare_reply_body(r).ptr[bodies[_i].body.len], '\0');
    text = flare_reply_text(r);
    ck_assert_int_eq(text != NULL, bodies[_i].is_text);
    flare__reply_release(r);
}
END_TEST

static const struct {
    uint16_t status;
    const char *reason;
    const char *text; /* NULL: no error */
} statuses[] = {
    {200, "OK", NULL},
    {204, "", NULL},
    {399, "", NULL},
    {400, "", "PURGE http://a.test/: 400 Bad Request"},
    {404, "Gone\x1b[1m", "PURGE http://a.test/: 404 Gone\\x1b[1m"},
    {599, "", "PURGE http://a.test/: 599 Unknown"},
};

START_TEST(test_an_error_of_a_status_has_its_sentence)
{
    flare_reply *r = reply_new(&flare__allocator_default);
    struct flare_error err = {0};
    int rc;

    ck_assert_int_eq(
        flare__bytes_add(&r->url, &r->al, FLARE_STR("http://a.test/")), 0);
    r->status = statuses[_i].status;
    r->reason = flare_str(statuses[_i].reason);
    rc = flare_reply_raise_for_status(r, &err);
    if (statuses[_i].text == NULL) {
        ck_assert_int_eq(rc, 0);
        ck_assert_int_eq(err.code, 0);
    } else {
        ck_assert_int_eq(rc, FLARE_E_HTTP_STATUS);
        ck_assert_int_eq(err.code, FLARE_E_HTTP_STATUS);
        ck_assert_str_eq(err.text, statuses[_i].text);
        ck_assert_int_eq(flare_reply_raise_for_status(r, NULL), rc);
    }
    flare__reply_release(r);
}
END_TEST

START_TEST(test_bytes_grow_as_they_must)
{
    struct flare__bytes b = {0};
    const struct flare_allocator *al = &flare__allocator_default;

    for (size_t i = 0; i < 3000; i++) {
        ck_assert_int_eq(flare__bytes_add(&b, al, FLARE_STR("0123456789")), 0);
        ck_assert_uint_eq(b.len, 10 * (i + 1));
        ck_assert_uint_lt(b.len, b.cap);
        ck_assert_int_eq(b.ptr[b.len], '\0');
    }
    ck_assert_int_eq(flare__bytes_room(&b, al, SIZE_MAX - 10), -ENOMEM);
    ck_assert_uint_eq(b.len, 30000);
    flare__free(al, b.ptr);
}
END_TEST

static int scenario_keep(struct fault *f, void *ctx)
{
    flare_reply *r = reply_new(&f->al);
    int rc;

    (void)ctx;
    if (r == NULL)
        return -ENOMEM;
    rc = flare__bytes_add(&r->body, &r->al, FLARE_STR("body"));
    if (rc == 0)
        rc = flare_reply_keep(r);
    if (rc == 0)
        flare_reply_free(r);
    else
        flare__reply_release(r);
    return rc;
}

START_TEST(test_every_allocation_may_fail)
{
    fault_each("client_reply", scenario_keep, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_reply");
    TCase *tc = tcase_create("all");

    tcase_add_test(tc, test_a_head_is_read_and_outlives_its_buffer);
    tcase_add_test(tc, test_what_is_not_there_is_empty);
    tcase_add_test(tc, test_facts_are_told);
    tcase_add_loop_test(tc, test_text_is_utf8_without_nul, 0, ROWS(bodies));
    tcase_add_loop_test(tc, test_an_error_of_a_status_has_its_sentence, 0,
                        ROWS(statuses));
    tcase_add_test(tc, test_bytes_grow_as_they_must);
    tcase_add_test(tc, test_every_allocation_may_fail);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
