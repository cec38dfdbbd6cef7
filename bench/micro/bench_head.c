/* SPDX-License-Identifier: MIT */
/*
 * The head parsers alone: nanoseconds per head of every kernel this CPU runs,
 * on three requests, on the first of them pipelined, and on two responses.
 *
 *   bench_head                     a table: medians of interleaved rounds
 *   bench_head PARSER MESSAGE N    parses N times and prints nothing: run it
 *                                  under valgrind --tool=callgrind, with two
 *                                  different N, to count instructions
 *
 * A comparison with picohttpparser, which is no part of this tree, is built by
 * hand: -DWITH_PICO -I<its folder> and its object linked in.
 */
#include "http/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef WITH_PICO
#include <picohttpparser.h>
#endif

enum { ROUNDS = 201, SLICE_NS = 300000, FIELDS_MAX = 100, PARSERS_MAX = 8 };

#define WRK "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"

static const struct message {
    const char *name;
    const char *bytes; /* one head, or pipelined ones */
    bool is_reply;
} messages[] = {
    {"wrk", WRK},
    {"pipelined",
     WRK WRK WRK WRK WRK WRK WRK WRK WRK WRK WRK WRK WRK WRK WRK WRK},
    {"path", "GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"},
    {"api", "GET /api/v1/users/12345?fields=name,email HTTP/1.1\r\n"
            "Host: api.example.com\r\n"
            "Accept: application/json\r\n"
            "Authorization: Bearer abcdef0123456789\r\n"
            "User-Agent: client/1.0\r\n\r\n"},
    {"browser",
     "GET /articles/2024/05/a-long-title HTTP/1.1\r\n"
     "Host: www.example.com\r\n"
     "Connection: keep-alive\r\n"
     "Cache-Control: max-age=0\r\n"
     "Upgrade-Insecure-Requests: 1\r\n"
     "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "
     "(KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36\r\n"
     "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,"
     "image/avif,image/webp,*/*;q=0.8\r\n"
     "Sec-Fetch-Site: same-origin\r\n"
     "Sec-Fetch-Mode: navigate\r\n"
     "Sec-Fetch-Dest: document\r\n"
     "Referer: https://www.example.com/articles\r\n"
     "Accept-Encoding: gzip, deflate, br\r\n"
     "Accept-Language: en-GB,en;q=0.9\r\n"
     "Cookie: sid=0123456789abcdef; theme=dark\r\n\r\n"},
    {"hello",
     "HTTP/1.1 200 OK\r\nDate: Mon, 30 Nov 2026 23:00:00 GMT\r\n"
     "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\n",
     .is_reply = true},
    {"site",
     "HTTP/1.1 200 OK\r\n"
     "Server: nginx/1.22.1\r\n"
     "Date: Mon, 30 Nov 2026 23:00:00 GMT\r\n"
     "Content-Type: text/html; charset=utf-8\r\n"
     "Transfer-Encoding: chunked\r\n"
     "Connection: keep-alive\r\n"
     "Vary: Accept-Encoding\r\n"
     "Cache-Control: private, max-age=0, must-revalidate\r\n"
     "Content-Security-Policy: default-src 'self'; img-src *; "
     "script-src 'self' https://static.example.com\r\n"
     "Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n"
     "X-Frame-Options: DENY\r\n"
     "Set-Cookie: sid=0123456789abcdef; Path=/; Secure; HttpOnly\r\n\r\n",
     .is_reply = true},
};

enum { MESSAGES = sizeof(messages) / sizeof(messages[0]) };

/* Parses `len` bytes at `buf` once; the bytes of the head. */
typedef int parse_once_fn(const struct flare__scan_kernel *kernel,
                          bool is_reply, const char *buf, size_t len);

struct parser {
    const char *name;
    parse_once_fn *once;
    struct flare__scan_kernel kernel;
};

static struct flare__field fields[FIELDS_MAX];

static int once_ours(const struct flare__scan_kernel *kernel, bool is_reply,
                     const char *buf, size_t len)
{
    static const struct flare__head_limits limits = {8192, 8192, FIELDS_MAX};
    static const struct flare__reply_head_limits reply_limits = {8192, 8192,
                                                                 FIELDS_MAX};
    struct flare__head head;
    struct flare__reply_head reply;

    if (is_reply) {
        reply.fields = fields;
        return kernel->parse_reply(&reply, &reply_limits, buf, len);
    }
    head.fields = fields;
    return kernel->parse(&head, &limits, buf, len);
}

#ifdef WITH_PICO
static int once_pico(const struct flare__scan_kernel *kernel, bool is_reply,
                     const char *buf, size_t len)
{
    static struct phr_header headers[FIELDS_MAX];
    const char *method, *path;
    size_t method_len, path_len, count = FIELDS_MAX;
    int minor, status;

    (void)kernel;
    if (is_reply)
        return phr_parse_response(buf, len, &minor, &status, &path, &path_len,
                                  headers, &count, 0);
    return phr_parse_request(buf, len, &method, &method_len, &path, &path_len,
                             &minor, headers, &count, 0);
}
#endif

static int parsers_list(struct parser out[PARSERS_MAX])
{
    struct flare__scan_kernel kernels[FLARE__SCAN_KERNELS_MAX + 1];
    int n = 0;

    (void)flare__scan_kernels(kernels, 0);
    for (int i = 0; kernels[i].parse; i++)
        out[n++] = (struct parser){kernels[i].name, once_ours, kernels[i]};
#ifdef WITH_PICO
    out[n++] = (struct parser){.name = "pico", .once = once_pico};
#endif
    return n;
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Parses all heads in a message n times; returns how many heads there are. */
static long run(const struct parser *parser, const struct message *message,
                long n)
{
    const char *bytes = message->bytes;
    const char *end = bytes + strlen(bytes);
    long heads = 0;

    for (long i = 0; i < n; i++) {
        heads = 0;
        for (const char *p = bytes; p < end; heads++) {
            int len = parser->once(&parser->kernel, message->is_reply, p,
                                   (size_t)(end - p));

            if (len <= 0)
                abort();
            p += len;
        }
        __asm__ volatile("" : : : "memory");
    }
    return heads;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Runs that fill one slice of time. */
static long runs_per_slice(const struct parser *parser,
                           const struct message *message)
{
    const long n = 1000;
    uint64_t start = now_ns();

    (void)run(parser, message, n);
    return (long)(SLICE_NS * (uint64_t)n / (now_ns() - start + 1)) + 1;
}

static void measure(const struct parser *parsers, int count,
                    const struct message *message)
{
    static double ns[PARSERS_MAX][ROUNDS];
    long n[PARSERS_MAX];
    long heads = 1;
    size_t len;

    for (int i = 0; i < count; i++)
        n[i] = runs_per_slice(&parsers[i], message);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < count; i++) {
            uint64_t start = now_ns();

            heads = run(&parsers[i], message, n[i]);
            ns[i][round] = (double)(now_ns() - start) / (double)(n[i] * heads);
        }
    len = strlen(message->bytes) / (size_t)heads;
    for (int i = 0; i < count; i++) {
        qsort(ns[i], ROUNDS, sizeof(ns[i][0]), by_value);
        printf("%-9s %4zu B  %-7s %7.1f ns  [%.1f %.1f]  %.2f GB/s\n",
               message->name, len, parsers[i].name, ns[i][ROUNDS / 2],
               ns[i][ROUNDS / 4], ns[i][ROUNDS * 3 / 4],
               (double)len / ns[i][ROUNDS / 2]);
    }
}

static int run_named(const struct parser *parsers, int count, char **argv)
{
    for (int i = 0; i < count; i++)
        for (int r = 0; r < MESSAGES; r++)
            if (!strcmp(parsers[i].name, argv[1]) &&
                !strcmp(messages[r].name, argv[2])) {
                (void)run(&parsers[i], &messages[r], strtol(argv[3], NULL, 10));
                return EXIT_SUCCESS;
            }
    fprintf(stderr, "bench_head: no such parser or message\n");
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct parser parsers[PARSERS_MAX];
    int count = parsers_list(parsers);

    if (argc == 4)
        return run_named(parsers, count, argv);
    if (argc != 1) {
        fprintf(stderr, "usage: bench_head [PARSER MESSAGE N]\n");
        return EXIT_FAILURE;
    }
    for (int r = 0; r < MESSAGES; r++)
        measure(parsers, count, &messages[r]);
    return EXIT_SUCCESS;
}
