/* SPDX-License-Identifier: MIT */
/*
 * A room of many: one connection publishes, all hear it.  The next message goes
 * out when all have the last one; each takes as long as from before the
 * publisher's send until that subscriber's bytes are read here.
 *
 *   ws_room PORT SUBSCRIBERS BYTES SECONDS PID[,PID...]
 *
 * Prints one line of JSON.  A wrong byte ends it with 1.
 */
#include "bench/histogram.h"
#include "bench/number.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_MAX = 125, FRAME_MAX = 2 + MESSAGE_MAX, PIDS_MAX = 8 };

static struct {
    unsigned port;
    unsigned count;
    unsigned bytes;
    unsigned seconds;
    pid_t pids[PIDS_MAX];
    unsigned pid_count;
} options;

struct room {
    int epoll_fd;
    int *fds; /* the first publishes, and hears it too */
    uint64_t published;
    uint64_t delivered;
    struct histogram latency;
    unsigned char frame[FRAME_MAX]; /* as it has to come */
};

__attribute__((noreturn, cold)) static void die(const char *what)
{
    fprintf(stderr, "ws_room: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec ts;

    if (clock_gettime(clock, &ts) < 0)
        die("a server process is gone");
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint64_t server_cpu(void)
{
    uint64_t ns = 0;

    for (unsigned i = 0; i < options.pid_count; i++) {
        clockid_t clock;

        if (clock_getcpuclockid(options.pids[i], &clock) != 0)
            die("a server process is gone");
        ns += clock_ns(clock);
    }
    return ns;
}

/* From one of several addresses, lest ports run out. */
static int subscriber_connect(unsigned number)
{
    static const char request[] =
        "GET /room HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    const int on = 1;
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_addr.s_addr =
                                   htonl(0x7f000002 + number % 8)};
    struct sockaddr_in there = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)options.port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char head[1024] = "";
    size_t len = 0;

    if (fd < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) <
            0 ||
        bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0 ||
        connect(fd, (struct sockaddr *)&there, sizeof(there)) < 0 ||
        send(fd, request, sizeof(request) - 1, 0) < 0)
        die("connect");
    while (len < 4 || memcmp(head + len - 4, "\r\n\r\n", 4) != 0)
        if (len == sizeof(head) - 1 || recv(fd, head + len++, 1, 0) != 1)
            die("no answer to the upgrade");
    if (strncmp(head, "HTTP/1.1 101 ", 13) != 0)
        die("the upgrade is refused");
    return fd;
}

static void room_open(struct room *room)
{
    room->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    room->fds = calloc(options.count, sizeof(int));
    if (room->epoll_fd < 0 || room->fds == NULL)
        die("memory");
    for (unsigned i = 0; i < options.count; i++) {
        struct epoll_event ev = {.events = EPOLLIN};

        room->fds[i] = subscriber_connect(i);
        ev.data.fd = room->fds[i];
        if (epoll_ctl(room->epoll_fd, EPOLL_CTL_ADD, room->fds[i], &ev) < 0)
            die("epoll");
    }
    room->frame[0] = 0x82; /* the whole of a binary message */
    room->frame[1] = (unsigned char)options.bytes;
    for (unsigned i = 0; i < options.bytes; i++)
        room->frame[2 + i] = (unsigned char)(i * 7);
}

/* RFC 6455 section 5.3, with a key. */
static void room_publish(const struct room *room)
{
    static const unsigned char key[4] = {0x37, 0xfa, 0x21, 0x3d};
    unsigned char masked[FRAME_MAX + 4] = {0x82};
    size_t len = options.bytes + 6;

    masked[1] = (unsigned char)(0x80 | options.bytes);
    memcpy(masked + 2, key, 4);
    for (unsigned i = 0; i < options.bytes; i++)
        masked[6 + i] = room->frame[2 + i] ^ key[i % 4];
    if (send(room->fds[0], masked, len, 0) != (ssize_t)len)
        die("send");
}

/* Publishes once and waits until all have it. */
static void room_round(struct room *room)
{
    struct epoll_event events[512];
    unsigned left = options.count;
    uint64_t start = clock_ns(CLOCK_MONOTONIC);

    room_publish(room);
    while (left > 0) {
        int n = epoll_wait(room->epoll_fd, events, 512, 10000);

        if (n == 0)
            errno = ETIMEDOUT;
        if (n <= 0)
            die("a message is lost");
        for (int i = 0; i < n; i++) {
            unsigned char got[FRAME_MAX + 1];
            ssize_t len = recv(events[i].data.fd, got, sizeof(got), 0);

            errno = EBADMSG;
            if (len != (ssize_t)options.bytes + 2 ||
                memcmp(got, room->frame, (size_t)len) != 0)
                die("not the message");
            histogram_add(&room->latency, clock_ns(CLOCK_MONOTONIC) - start, 1);
        }
        left -= (unsigned)n;
    }
    room->published++;
    room->delivered += options.count;
}

static void options_parse(char **argv)
{
    options.port = (unsigned)bench_number("PORT", argv[1], 1, 65535);
    options.count = (unsigned)bench_number("SUBSCRIBERS", argv[2], 1, 100000);
    options.bytes = (unsigned)bench_number("BYTES", argv[3], 1, MESSAGE_MAX);
    options.seconds = (unsigned)bench_number("SECONDS", argv[4], 1, 600);
    for (char *rest = argv[5], *pid; (pid = strsep(&rest, ",")) != NULL;) {
        if (options.pid_count == PIDS_MAX)
            die("too many processes");
        options.pids[options.pid_count++] =
            (pid_t)bench_number("PID", pid, 1, 1UL << 22);
    }
}

int main(int argc, char **argv)
{
    static struct room room;
    uint64_t start, cpu;

    if (argc != 6)
        return fprintf(stderr, "usage: ws_room PORT SUBSCRIBERS BYTES SECONDS "
                               "PID[,PID...]\n"),
               2;
    options_parse(argv);
    room_open(&room);
    for (int i = 0; i < 5; i++)
        room_round(&room); /* warm */
    histogram_clear(&room.latency);
    room.published = room.delivered = 0;
    cpu = server_cpu();
    start = clock_ns(CLOCK_MONOTONIC);
    do
        room_round(&room);
    while (clock_ns(CLOCK_MONOTONIC) - start <
           options.seconds * UINT64_C(1000000000));
    printf("{\"published\":%" PRIu64 ",\"delivered\":%" PRIu64
           ",\"elapsed_ns\":%" PRIu64 ",\"server_cpu_ns\":%" PRIu64
           ",\"p50_ns\":%" PRIu64 ",\"p99_ns\":%" PRIu64 "}\n",
           room.published, room.delivered, clock_ns(CLOCK_MONOTONIC) - start,
           server_cpu() - cpu, histogram_at(&room.latency, 0.50),
           histogram_at(&room.latency, 0.99));
    return 0;
}
