/* SPDX-License-Identifier: MIT */
/*
 * What a request, an answer or a message passes through, each part alone on a
 * usual input: the rows whose instructions bench/micro/run holds to a baseline.
 *
 *   bench_parts            nanoseconds per operation: medians of rounds
 *   bench_parts N          every row N times, nothing printed: for callgrind,
 *                          where a row's count is that of its function
 *   bench_parts --build    what the counts depend on, one line; no baseline
 *                          can be held to a build that begins with "no "
 *
 * Vectors are AVX2 at most, since valgrind knows no others.
 */
#include "base/alloc.h"
#include "base/cpu.h"
#include "base/utf8_kernels.h"
#include "http/ask.h"
#include "http/chunked.h"
#include "http/cookie.h"
#include "http/date.h"
#include "http/deflate.h"
#include "http/router.h"
#include "http/scan.h"
#include "net/timer.h"
#include "ws/frame.h"
#include "ws/mask.h"

#include <flare/url.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

enum { ROUNDS = 41, SLICE_NS = 200000, FIELDS_MAX = 100, TEXT_BYTES = 1024 };

#define ROW(name) static __attribute__((noinline)) void row_##name(long n)
/* Part of its row: a call at a row's end would be a jump out of it. */
#define IN_ROW static inline __attribute__((always_inline))
/* The compiler must believe that everything has changed. */
#define AGAIN __asm__ volatile("" : : : "memory")

static struct flare__scan_kernel scan;
static struct flare__mask_kernel mask;
static struct flare__utf8_kernel utf8;
static struct flare__field fields[FIELDS_MAX];
static struct flare__head browser;
static struct flare__router *router;
static struct flare__deflate *deflate_stream;
static char text[TEXT_BYTES + 64];
static char room[FLARE__COOKIE_BYTES_MAX]; /* the largest of outputs */

static void must(bool is_so)
{
    if (!is_so)
        abort();
}

/* ---- heads ---- */

#define REQUEST_SHORT                                                          \
    "GET /plaintext HTTP/1.1\r\n"                                              \
    "Host: 127.0.0.1:8080\r\n\r\n"
#define REQUEST_API                                                            \
    "GET /api/v1/users/12345?fields=name,email HTTP/1.1\r\n"                   \
    "Host: api.example.com\r\n"                                                \
    "Accept: application/json\r\n"                                             \
    "Authorization: Bearer abcdef0123456789\r\n"                               \
    "User-Agent: client/1.0\r\n\r\n"
#define REQUEST_BROWSER                                                        \
    "GET /articles/2024/05/a-long-title HTTP/1.1\r\n"                          \
    "Host: www.example.com\r\n"                                                \
    "Connection: keep-alive\r\n"                                               \
    "Cache-Control: max-age=0\r\n"                                             \
    "Upgrade-Insecure-Requests: 1\r\n"                                         \
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "          \
    "(KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36\r\n"                   \
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,"           \
    "image/avif,image/webp,*/*;q=0.8\r\n"                                      \
    "Referer: https://www.example.com/articles\r\n"                            \
    "Accept-Encoding: gzip, deflate, br\r\n"                                   \
    "Accept-Language: en-GB,en;q=0.9\r\n"                                      \
    "Cookie: sid=0123456789abcdef; theme=dark\r\n\r\n"
#define REPLY                                                                  \
    "HTTP/1.1 200 OK\r\nDate: Mon, 30 Nov 2026 23:00:00 GMT\r\n"               \
    "Server: nginx/1.22.1\r\nContent-Type: text/plain\r\n"                     \
    "Content-Length: 5\r\n\r\n"

IN_ROW void head_read(const struct flare__scan_kernel *kernel,
                      const char *bytes, size_t len, long n)
{
    static const struct flare__head_limits limits = {8192, 8192, FIELDS_MAX};

    for (long i = 0; i < n; i++) {
        struct flare__head head = {.fields = fields};

        must(kernel->parse(&head, &limits, bytes, len) == (int)len);
        AGAIN;
    }
}

ROW(head_short)
{
    head_read(&scan, REQUEST_SHORT, sizeof(REQUEST_SHORT) - 1, n);
}

ROW(head_api)
{
    head_read(&scan, REQUEST_API, sizeof(REQUEST_API) - 1, n);
}

ROW(head_browser)
{
    head_read(&scan, REQUEST_BROWSER, sizeof(REQUEST_BROWSER) - 1, n);
}

ROW(head_browser_scalar)
{
    const struct flare__scan_kernel scalar = {
        "scalar", flare__head_parse_scalar, flare__reply_parse_scalar};

    head_read(&scalar, REQUEST_BROWSER, sizeof(REQUEST_BROWSER) - 1, n);
}

ROW(head_reply)
{
    static const struct flare__reply_head_limits limits = {8192, 8192,
                                                           FIELDS_MAX};

    for (long i = 0; i < n; i++) {
        struct flare__reply_head head = {.fields = fields};

        must(scan.parse_reply(&head, &limits, REPLY, sizeof(REPLY) - 1) > 0);
        AGAIN;
    }
}

/* The last of a browser's fields, and one that is not there. */
ROW(field_find)
{
    for (long i = 0; i < n; i++) {
        must(flare__head_find(&browser, FLARE_STR("cookie")) != NULL);
        must(flare__head_find(&browser, FLARE_STR("if-none-match")) == NULL);
        AGAIN;
    }
}

ROW(head_write)
{
    static const struct flare__ask_field list[] = {
        {{"Accept", 6}, {"application/json", 16}},
        {{"User-Agent", 10}, {"client/1.0", 10}},
    };
    const struct flare__ask ask = {
        .method = FLARE_STR("GET"),
        .target = FLARE_STR("/api/v1/users/12345?fields=name,email"),
        .host = FLARE_STR("api.example.com"),
        .fields = list,
        .field_count = 2,
    };

    for (long i = 0; i < n; i++) {
        int len = flare__ask_check(&ask);

        must(len > 0 && len <= (int)sizeof(room));
        flare__ask_write(&ask, room);
        AGAIN;
    }
}

/* ---- other text of HTTP ---- */

static int on_any(flare_req *req, flare_res *res)
{
    (void)req;
    (void)res;
    return 0;
}

IN_ROW void route(const char *path, long n)
{
    struct flare__match m;

    for (long i = 0; i < n; i++) {
        must(flare__router_match(router, FLARE_METHOD_GET, flare_str(path),
                                 &m) == 0);
        AGAIN;
    }
}

ROW(route_literal)
{
    route("/api/v1/status", n);
}

ROW(route_params)
{
    route("/api/v1/users/12345/items/678", n);
}

ROW(chunked_read)
{
    static const char wire[] = "5\r\nhello\r\n10\r\n0123456789abcdef\r\n"
                               "1;x=y\r\n.\r\n0\r\n\r\n";
    static const struct flare__chunked_limits limits = {8192, 4096};

    for (long i = 0; i < n; i++) {
        struct flare__chunked c;
        struct flare_str in = {wire, sizeof(wire) - 1};
        struct flare_str data;
        int rc;

        flare__chunked_init(&c);
        do
            rc = flare__chunked_decode(&c, &limits, &in, &data);
        while (rc == FLARE__CHUNKED_DATA);
        must(rc == FLARE__CHUNKED_END);
        AGAIN;
    }
}

ROW(chunk_line)
{
    for (long i = 0; i < n; i++) {
        (void)flare__chunk_line(room, 16384);
        AGAIN;
    }
}

ROW(date_write)
{
    for (long i = 0; i < n; i++) {
        flare__date_write(room, 1796000000 + i % 64);
        AGAIN;
    }
}

ROW(date_read)
{
    int64_t at;

    for (long i = 0; i < n; i++) {
        must(flare__date_parse(FLARE_STR("Sun, 06 Nov 1994 08:49:37 GMT"), 0,
                               &at) == 0);
        AGAIN;
    }
}

ROW(url_read)
{
    static const struct flare_str from = {
        "https://www.example.com:8443/a/b/c?x=1&y=2#part", 47};
    struct flare_url url;

    for (long i = 0; i < n; i++) {
        must(flare_url_parse(&url, from, NULL) == 0);
        AGAIN;
    }
}

ROW(cookies_read)
{
    static const struct flare_str from = {
        "sid=0123456789abcdef; theme=dark; _ga=GA1.2.1234567890.1234567890",
        65};
    struct flare__arena arena;

    flare__arena_init(&arena, &flare__allocator_default, 2048, 65536);
    for (long i = 0; i < n; i++) {
        struct flare__params p = {0};

        flare__cookies_parse(&p, &arena, from);
        must(p.rc == 0 && p.count == 3);
        flare__arena_reset(&arena);
        AGAIN;
    }
    flare__arena_fini(&arena);
}

ROW(cookie_write)
{
    static const struct flare_cookie cookie = {
        .name = "sid",
        .value = {"0123456789abcdef", 16},
        .path = "/",
        .max_age_s = 3600,
    };

    for (long i = 0; i < n; i++) {
        must(flare__cookie_write(room, &cookie) > 0);
        AGAIN;
    }
}

/* ---- bytes ---- */

ROW(mask_125)
{
    for (long i = 0; i < n; i++) {
        mask.mask(text + 14, text + 14, 125, 0x01020304);
        AGAIN;
    }
}

ROW(mask_1024)
{
    for (long i = 0; i < n; i++) {
        mask.mask(text + 14, text + 14, TEXT_BYTES, 0x01020304);
        AGAIN;
    }
}

IN_ROW void validate(const char *bytes, size_t len, long n)
{
    for (long i = 0; i < n; i++) {
        struct flare__utf8 u;

        flare__utf8_init(&u);
        must(flare__utf8_feed_with(&u, utf8.scan, bytes, len) == len);
        AGAIN;
    }
}

ROW(utf8_ascii_1024)
{
    static char ascii[TEXT_BYTES];

    memset(ascii, 'a', sizeof(ascii));
    validate(ascii, sizeof(ascii), n);
}

ROW(utf8_mixed_1024)
{
    static const char word[] = "na\xC3\xAFve \xD0\xBC\xD0\xB8\xD1\x80 "
                               "\xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x94\xA5 ok ";
    static char mixed[TEXT_BYTES];

    memset(mixed, 'a', sizeof(mixed));
    for (size_t at = 0; at + sizeof(word) <= TEXT_BYTES; at += sizeof(word) - 1)
        memcpy(mixed + at, word, sizeof(word) - 1);
    validate(mixed, sizeof(mixed), n);
}

/* 32 binary bytes; a key of zeros leaves them as they are. */
ROW(frame_read)
{
    static const struct flare__ws_rules rules = {&flare__allocator_default,
                                                 TEXT_BYTES, 1, false};
    static char wire[6 + 32] = {(char)0x82, (char)(0x80 | 32)};
    struct flare__ws_decoder d;
    struct flare__ws_piece piece;

    flare__ws_decoder_init(&d, &rules, false);
    for (long i = 0; i < n; i++) {
        struct flare__ws_bytes in = {wire, sizeof(wire)};

        must(flare__ws_decode(&d, &in, &piece) == FLARE__WS_DATA);
        AGAIN;
    }
    flare__ws_decoder_fini(&d);
}

/* A message of JSON's kind: our share is little, zlib's the rest. */
ROW(deflate_1024)
{
    static char json[TEXT_BYTES];

    for (size_t i = 0; i < sizeof(json); i++)
        json[i] = "{\"id\":12345,\"name\":\"x\"},"[i * 7 / 6 % 24];
    for (long i = 0; i < n; i += 16) { /* it is the dearest by far */
        struct flare_str in = {json, sizeof(json)};

        must(flare__deflate_feed(deflate_stream, &in, FLARE__FLUSH_FINISH, room,
                                 sizeof(room)) < (int)sizeof(room));
        flare__deflate_reset(deflate_stream);
    }
}

/* ---- timers ---- */

static void on_timer(struct flare__timer *timer)
{
    (void)timer;
}

ROW(timer_start_stop)
{
    static struct flare__wheel wheel;
    static struct flare__timer timers[64];

    flare__wheel_init(&wheel, 1000);
    for (long i = 0; i < n; i++) {
        struct flare__timer *timer = &timers[i % 64];

        flare__wheel_stop(&wheel, timer);
        flare__wheel_start(&wheel, timer, 2000 + (uint64_t)(i * 7919 % 60000),
                           on_timer);
        AGAIN;
    }
}

ROW(timer_run)
{
    static struct flare__wheel wheel;
    static struct flare__timer timer;

    flare__wheel_init(&wheel, 0);
    for (long i = 0; i < n; i++) {
        flare__wheel_start(&wheel, &timer, (uint64_t)i * 10 + 10, on_timer);
        must(flare__wheel_advance(&wheel, (uint64_t)i * 10 + 10) == 1);
        AGAIN;
    }
}

static const struct row {
    const char *name;
    void (*run)(long n);
    long per; /* so many of n are one operation */
} rows[] = {
#define LIST(name)                                                             \
    {                                                                          \
#name, row_##name, 1                                                   \
    }
    LIST(head_short),       LIST(head_api),
    LIST(head_browser),     LIST(head_reply),
    LIST(head_write),       LIST(head_browser_scalar),
    LIST(field_find),       LIST(route_literal),
    LIST(route_params),     LIST(chunked_read),
    LIST(chunk_line),       LIST(date_write),
    LIST(date_read),        LIST(url_read),
    LIST(cookies_read),     LIST(cookie_write),
    LIST(mask_125),         LIST(mask_1024),
    LIST(frame_read),       LIST(utf8_ascii_1024),
    LIST(utf8_mixed_1024),  LIST(timer_run),
    LIST(timer_start_stop), {"deflate_1024", row_deflate_1024, 16},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static void prepare(void)
{
    static const struct flare_route list[] = {
        FLARE_GET("/", on_any),
        FLARE_GET("/api/v1/status", on_any),
        FLARE_GET("/api/v1/users/:id", on_any),
        FLARE_GET("/api/v1/users/:id/items/:item", on_any),
        FLARE_POST("/api/v1/users", on_any),
        FLARE_GET("/files/*path", on_any),
    };
    static const struct flare__head_limits limits = {8192, 8192, FIELDS_MAX};
    static struct flare__field own[FIELDS_MAX];
    struct flare__scan_kernel scans[FLARE__SCAN_KERNELS_MAX + 1];
    struct flare__mask_kernel masks[FLARE__MASK_KERNELS_MAX + 1];
    struct flare__utf8_kernel utf8s[FLARE__UTF8_KERNELS_MAX + 1];
    struct flare_error err;

    (void)flare__scan_kernels(scans, FLARE__CPU_AVX512BW);
    (void)flare__mask_kernels(masks, FLARE__CPU_AVX512BW);
    (void)flare__utf8_kernels(utf8s, FLARE__CPU_AVX512BW);
    scan = scans[0];
    mask = masks[0];
    utf8 = utf8s[0];
    browser.fields = own;
    must(scan.parse(&browser, &limits, REQUEST_BROWSER,
                    sizeof(REQUEST_BROWSER) - 1) > 0);
    must(flare__router_new(&router, &flare__allocator_default,
                           (struct flare_routes){.list = list, .count = 6},
                           &err) == 0);
    must(flare__deflate_new(&deflate_stream, &flare__allocator_default,
                            FLARE__WRAP_RAW, FLARE__DEFLATE_LEVEL) == 0);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure(const struct row *row)
{
    double ns[ROUNDS];
    uint64_t start = now_ns();
    long n = 320;

    row->run(n);
    n = (long)(SLICE_NS * (uint64_t)n / (now_ns() - start + 1)) / 16 * 16 + 16;
    for (int round = 0; round < ROUNDS; round++) {
        start = now_ns();
        row->run(n);
        ns[round] = (double)(now_ns() - start) * (double)row->per / (double)n;
    }
    qsort(ns, ROUNDS, sizeof(ns[0]), by_value);
    printf("%s %.1f %.1f %.1f\n", row->name, ns[ROUNDS / 2], ns[ROUNDS / 4],
           ns[ROUNDS * 3 / 4]);
}

static void print_build(void)
{
#if !defined(__OPTIMIZE__)
    printf("no optimisation");
#elif defined(FLARE_DEBUG) || defined(__SANITIZE_ADDRESS__) ||                 \
    defined(__SANITIZE_THREAD__)
    printf("no release build");
#elif defined(__clang__) || !defined(__GLIBC__)
    printf("no gcc and glibc");
#else
    printf("gcc-%s glibc-%s %s %s", __VERSION__, gnu_get_libc_version(),
           scan.name, BENCH_CFLAGS);
#ifndef __SSP_STRONG__
    printf(" not hardened");
#endif
#endif
    printf("\n");
}

int main(int argc, char **argv)
{
    long n;

    prepare();
    if (argc == 2 && !strcmp(argv[1], "--build")) {
        print_build();
        return EXIT_SUCCESS;
    }
    n = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
    for (int i = 0; i < ROWS; i++) {
        if (n > 0)
            rows[i].run(n);
        else
            measure(&rows[i]);
    }
    flare__router_free(router);
    flare__deflate_free(deflate_stream);
    return EXIT_SUCCESS;
}
