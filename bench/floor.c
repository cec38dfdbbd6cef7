/* SPDX-License-Identifier: MIT */
/* The part of a floor server that is the same in all of them. */
#include "bench/floor.h"

#include "bench/number.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

struct floor_options floor_options = {
    .address = "127.0.0.1",
    .workers = 1,
    .buffers = 1024,
};

void floor_die(const char *what, int rc)
{
    fprintf(stderr, "floor: %s: %s\n", what, strerror(-rc));
    exit(1);
}

void floor_sheet_refresh(struct floor_sheet *sheet)
{
    struct timespec now;
    char *answers;

    clock_gettime(CLOCK_REALTIME_COARSE, &now); /* no system call: vDSO */
    if (now.tv_sec == sheet->second)
        return;
    sheet->second = now.tv_sec;
    sheet->which ^= 1;
    answers = sheet->bytes[sheet->which];
    for (int i = 0; i < FLOOR_SHEET_ANSWERS; i++) {
        memcpy(answers, BENCH_ANSWER, BENCH_ANSWER_BYTES);
        bench_date_write(answers + BENCH_ANSWER_DATE_AT, now.tv_sec);
        answers += BENCH_ANSWER_BYTES;
    }
}

/* Ends of CRLF CRLF in 64 bytes, given their CR and LF bits. */
static inline unsigned heads_in_masks(struct floor_cut *cut, uint64_t cr,
                                      uint64_t lf, uint32_t valid)
{
    uint64_t ends;

    if (valid < 64) {
        cr &= (UINT64_C(1) << valid) - 1;
        lf &= (UINT64_C(1) << valid) - 1;
    }
    ends = lf & (cr << 1 | cut->cr >> 2) & (lf << 2 | cut->lf >> 1) &
           (cr << 3 | cut->cr);
    if (valid >= 3) {
        cut->cr = (uint8_t)(cr >> (valid - 3));
        cut->lf = (uint8_t)(lf >> (valid - 3));
    } else { /* bit 2 is the last byte, bit 0 the third last */
        cut->cr = (uint8_t)((cut->cr | cr << 3) >> valid & 7);
        cut->lf = (uint8_t)((cut->lf | lf << 3) >> valid & 7);
    }
    return (unsigned)__builtin_popcountll(ends);
}

static unsigned heads_scalar(struct floor_cut *cut, const uint8_t *data,
                             uint32_t len)
{
    unsigned heads = 0;

    while (len > 0) {
        uint32_t n = len < 64 ? len : 64;
        uint64_t cr = 0;
        uint64_t lf = 0;

        for (uint32_t i = 0; i < n; i++) {
            cr |= (uint64_t)(data[i] == '\r') << i;
            lf |= (uint64_t)(data[i] == '\n') << i;
        }
        heads += heads_in_masks(cut, cr, lf, n);
        data += n;
        len -= n;
    }
    return heads;
}

#ifdef __x86_64__
__attribute__((target("avx2,popcnt"))) static uint64_t mask_avx2(
    const uint8_t *data, __m256i wanted)
{
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)data);
    __m256i high =
        _mm256_loadu_si256((const __m256i *)(const void *)(data + 32));
    uint32_t low_bits =
        (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted));
    uint32_t high_bits =
        (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted));

    return (uint64_t)high_bits << 32 | low_bits;
}

__attribute__((target("avx2,popcnt"))) static unsigned heads_avx2(
    struct floor_cut *cut, const uint8_t *data, uint32_t len)
{
    const __m256i cr = _mm256_set1_epi8('\r');
    const __m256i lf = _mm256_set1_epi8('\n');
    unsigned heads = 0;

    while (len > 0) {
        uint32_t n = len < 64 ? len : 64;

        heads +=
            heads_in_masks(cut, mask_avx2(data, cr), mask_avx2(data, lf), n);
        data += n;
        len -= n;
    }
    return heads;
}
#endif

unsigned floor_heads_count(struct floor_cut *cut, const uint8_t *data,
                           uint32_t len)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) /* a load and a test */
        return heads_avx2(cut, data, len);
#endif
    return heads_scalar(cut, data, len);
}

int floor_listen(void)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET,
        .sin_port = htons(floor_options.port),
    };
    socklen_t len = sizeof(sin);
    const int on = 1;
    const int room = FLOOR_DATAGRAM_ROOM;
    const int is_datagram = floor_options.is_datagram;
    int type = is_datagram ? SOCK_DGRAM : SOCK_STREAM;
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (inet_pton(AF_INET, floor_options.address, &sin.sin_addr) != 1)
        floor_die(floor_options.address, -EINVAL);
    if (fd < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 ||
        /* accepted sockets inherit it: no call per connection */
        (!is_datagram &&
         setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0) ||
        (is_datagram &&
         setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) < 0) ||
        bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
        (!is_datagram && listen(fd, 4096) < 0) ||
        getsockname(fd, (struct sockaddr *)&sin, &len) < 0)
        floor_die("listen", -errno);
    floor_options.port = ntohs(sin.sin_port); /* the other workers join it */
    return fd;
}

static void options_parse(int argc, char **argv)
{
    static const char usage[] =
        "usage: floor [-a ADDRESS] [-p PORT] [-w WORKERS] [-b BUFFERS] [-d]\n"
        "             [-e] [-u]\n"
        "  -b, -d   io_uring only: receive buffers (a power of two), direct\n"
        "           descriptors\n"
        "  -e       io_uring only: an echo\n"
        "  -u       echo only: UDP\n";
    int opt;

    while ((opt = getopt(argc, argv, "a:p:w:b:deu")) != -1) {
        switch (opt) {
        case 'a':
            floor_options.address = optarg;
            break;
        case 'p':
            floor_options.port =
                (uint16_t)bench_number("PORT", optarg, 0, 65535);
            break;
        case 'w':
            floor_options.workers =
                (unsigned)bench_number("WORKERS", optarg, 1, FLOOR_WORKERS_MAX);
            break;
        case 'b':
            floor_options.buffers =
                (unsigned)bench_number("BUFFERS", optarg, 1, FLOOR_BUFFERS_MAX);
            break;
        case 'd':
            floor_options.is_direct = 1;
            break;
        case 'e':
            floor_options.is_echo = 1;
            break;
        case 'u':
            floor_options.is_datagram = 1;
            break;
        default:
            fputs(usage, stderr);
            exit(2);
        }
    }
}

void floor_main(int argc, char **argv, void *(*worker)(void *))
{
    struct rlimit files;
    pthread_t thread;
    int fds[FLOOR_WORKERS_MAX];

    options_parse(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files); /* fewer connections then */
    }
    for (unsigned i = 0; i < floor_options.workers; i++)
        fds[i] = floor_listen();
    printf("listening %s:%u\n", floor_options.address, floor_options.port);
    fflush(stdout);
    for (unsigned i = 1; i < floor_options.workers; i++) {
        int rc = pthread_create(&thread, NULL, worker, &fds[i]);

        if (rc != 0)
            floor_die("thread", -rc);
    }
    worker(&fds[0]);
    exit(1);
}
