/* SPDX-License-Identifier: MIT */
/* Method names and reason phrases. */
#include "tests/support/test.h"

#include <flare/http.h>

#include <string.h>

static const struct {
    enum flare_method method;
    const char *name;
} methods[] = {
    {FLARE_METHOD_GET, "GET"},         {FLARE_METHOD_HEAD, "HEAD"},
    {FLARE_METHOD_POST, "POST"},       {FLARE_METHOD_PUT, "PUT"},
    {FLARE_METHOD_PATCH, "PATCH"},     {FLARE_METHOD_DELETE, "DELETE"},
    {FLARE_METHOD_OPTIONS, "OPTIONS"}, {FLARE_METHOD_CONNECT, "CONNECT"},
    {FLARE_METHOD_TRACE, "TRACE"},
};

_Static_assert(sizeof(methods) / sizeof(methods[0]) == FLARE_METHOD_COUNT,
               "a row per method");

START_TEST(test_method_has_its_name)
{
    ck_assert_str_eq(flare_method_name(methods[_i].method), methods[_i].name);
}
END_TEST

START_TEST(test_number_that_is_no_method_has_no_name)
{
    ck_assert_ptr_null(flare_method_name(FLARE_METHOD_ANY));
    ck_assert_ptr_null(flare_method_name((enum flare_method)12345));
    ck_assert_ptr_null(flare_method_name((enum flare_method) - 1));
}
END_TEST

/* www.iana.org/assignments/http-status-codes, without 104, 306 and 418. */
static const struct {
    int status;
    const char *reason;
} registry[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {510, "Not Extended"},
    {511, "Network Authentication Required"},
};

START_TEST(test_every_number_has_the_registered_reason_or_unknown)
{
    for (int status = -1000; status <= 2000; status++) {
        const char *expect = "Unknown";

        for (int i = 0; i < ROWS(registry); i++)
            if (registry[i].status == status)
                expect = registry[i].reason;
        ck_assert_msg(strcmp(flare_status_reason(status), expect) == 0,
                      "%d: '%s' is not '%s'", status,
                      flare_status_reason(status), expect);
    }
}
END_TEST

static Suite *words_suite(void)
{
    Suite *suite = suite_create("http/words");
    TCase *tc = tcase_create("words");

    tcase_add_loop_test(tc, test_method_has_its_name, 0, ROWS(methods));
    tcase_add_test(tc, test_number_that_is_no_method_has_no_name);
    tcase_add_test(tc, test_every_number_has_the_registered_reason_or_unknown);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return test_run(words_suite());
}
