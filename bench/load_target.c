/* SPDX-License-Identifier: MIT */
/* A target's connections, and the answers it is held to. */
#include "bench/load.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Becomes a WebSocket; byte by byte, lest it take more than the head. */
static void upgrade(const struct load_target *target, int fd)
{
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    char head[1024] = "";
    size_t len = 0;

    if (send(fd, request, sizeof(request) - 1, 0) < 0)
        load_die(target->name, -errno);
    while (len < 4 || memcmp(head + len - 4, "\r\n\r\n", 4) != 0) {
        ssize_t n = recv(fd, head + len, 1, 0);

        if (n <= 0 || ++len == sizeof(head) - 1)
            load_die("no answer to the upgrade", n < 0 ? -errno : 0);
    }
    if (strncmp(head, "HTTP/1.1 101 ", 13) != 0)
        load_die("the upgrade is refused", 0);
}

int load_target_connect(const struct load_target *target)
{
    const int on = 1;
    int type = target->is_datagram ? SOCK_DGRAM : SOCK_STREAM;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    if (fd < 0 ||
        (!target->is_datagram &&
         setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0) ||
        connect(fd, (const struct sockaddr *)&target->address,
                sizeof(target->address)) < 0)
        load_die(target->name, -errno);
    if (target->is_ws)
        upgrade(target, fd);
    return fd;
}

static void request_send(const struct load_target *target,
                         const struct load_kind *kind, int fd)
{
    uint32_t at = 0;

    while (at < kind->request_bytes) {
        ssize_t n = send(fd, kind->requests + at, kind->request_bytes - at, 0);

        if (n < 0)
            load_die(target->name, -errno);
        at += (uint32_t)n;
    }
}

/* Bytes of the whole answer, once its head is here; 0: it is not. */
static uint32_t answer_length(const struct load_kind *kind)
{
    const char *head = (const char *)kind->answer;
    const char *end = strstr(head, "\r\n\r\n");
    const char *length = strcasestr(head, "\r\nContent-Length:");
    uint32_t head_bytes;

    if (end == NULL)
        return 0;
    head_bytes = (uint32_t)(end + 4 - head);
    if (strncmp(head, "HTTP/1.1 ", 9) != 0)
        load_die("the first answer is no HTTP/1.1", 0);
    if (memcmp(kind->requests, "HEAD ", 5) == 0 ||
        strncmp(head + 9, "204", 3) == 0)
        return head_bytes;
    if (length == NULL || length > end)
        load_die("the first answer has no length", 0);
    return head_bytes + (uint32_t)strtoul(length + 17, NULL, 10);
}

/* Learns the answer from a first request, which no loop is needed for. */
static void kind_learn(const struct load_target *target, struct load_kind *kind)
{
    int fd = load_target_connect(target);
    uint32_t want = 0;
    const char *date;

    kind->answer = calloc(1, LOAD_ANSWER_MAX);
    if (kind->answer == NULL)
        load_die("memory", -ENOMEM);
    request_send(target, kind, fd);
    while (want == 0 || kind->answer_bytes < want) {
        ssize_t n = recv(fd, kind->answer + kind->answer_bytes,
                         LOAD_ANSWER_MAX - 1 - kind->answer_bytes, 0);

        if (n <= 0)
            load_die("no complete answer to the first request",
                     n < 0 ? -errno : 0);
        kind->answer_bytes += (uint32_t)n;
        if (want == 0)
            want = answer_length(kind);
    }
    if (kind->answer_bytes != want)
        load_die("bytes after the first answer", 0);
    date = strcasestr((const char *)kind->answer, "\r\nDate: ");
    if (date != NULL) {
        kind->date_at = (uint32_t)(date + 8 - (const char *)kind->answer);
        kind->date_bytes = 29;
    }
    close(fd);
}

void load_target_learn(struct load_target *target)
{
    for (unsigned i = 0; i < target->kind_count; i++) {
        struct load_kind *kind = &target->kinds[i];

        if (target->is_echo && kind->answer == NULL) {
            kind->answer = (uint8_t *)kind->requests;
            kind->answer_bytes = kind->request_bytes;
        } else if (!target->is_echo) {
            kind_learn(target, kind);
        }
    }
}
