/* SPDX-License-Identifier: MIT */
/*
 * What bench/client.c does, by libcurl's multi interface as it is fastest:
 * curl_multi_socket_action over an epoll that is kept as libcurl says, one easy
 * handle for each connection, added again when its request is done.
 *
 *   client_curl URL CONNECTIONS SECONDS
 *
 * Prints requests, nanoseconds and CPU nanoseconds as bench/client.c.
 */
#include "bench/number.h"

#include <curl/curl.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <time.h>

enum { EVENTS = 256, CONNECTIONS_MAX = 4096, WARM = 1000 };

struct client {
    CURLM *multi;
    int epoll_fd;
    long timeout_ms;
    uint64_t done;
    uint64_t bytes;
    uint64_t until_ns;
};

static uint64_t now_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "client_curl: %s\n", what);
    exit(1);
}

static size_t on_body(char *data, size_t size, size_t count, void *client)
{
    (void)data;
    ((struct client *)client)->bytes += size * count;
    return size * count;
}

/* libcurl says which descriptors it waits for, and when that changes. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *client,
                     void *known)
{
    struct client *c = client;
    struct epoll_event ev = {.data.fd = fd};

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(c->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    ev.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) |
                (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (epoll_ctl(c->epoll_fd, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
                  fd, &ev) < 0)
        die("epoll_ctl");
    curl_multi_assign(c->multi, fd, c);
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *client)
{
    (void)multi;
    ((struct client *)client)->timeout_ms = timeout_ms;
    return 0;
}

static void start(struct client *c, const char *url, unsigned long connections)
{
    c->multi = curl_multi_init();
    c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)connections);
    for (unsigned long i = 0; i < connections; i++) {
        CURL *easy = curl_easy_init();

        curl_easy_setopt(easy, CURLOPT_URL, url);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, c);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
        curl_multi_add_handle(c->multi, easy);
    }
}

/* What is done begins again. */
static void collect(struct client *c)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(c->multi, &left)) != NULL) {
        CURL *easy = message->easy_handle;

        if (message->msg != CURLMSG_DONE)
            continue;
        if (message->data.result != CURLE_OK)
            die(curl_easy_strerror(message->data.result));
        c->done++;
        curl_multi_remove_handle(c->multi, easy);
        curl_multi_add_handle(c->multi, easy);
    }
}

static void turn(struct client *c)
{
    struct epoll_event events[EVENTS];
    int running;
    int n = 0;

    if (c->timeout_ms != 0)
        n = epoll_wait(c->epoll_fd, events, EVENTS,
                       c->timeout_ms < 0 ? 1000 : (int)c->timeout_ms);
    if (n <= 0) {
        c->timeout_ms = -1;
        curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    for (int i = 0; i < n; i++) {
        int what = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                   (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                   (events[i].events & EPOLLERR ? CURL_CSELECT_ERR : 0);

        curl_multi_socket_action(c->multi, events[i].data.fd, what, &running);
    }
    collect(c);
}

int main(int argc, char **argv)
{
    struct client c = {.timeout_ms = -1};
    uint64_t start_ns, start_cpu, done;
    unsigned long connections, seconds;

    if (argc != 4)
        die("usage: client_curl URL CONNECTIONS SECONDS");
    connections = bench_number("connections", argv[2], 1, CONNECTIONS_MAX);
    seconds = bench_number("seconds", argv[3], 1, 3600);
    start(&c, argv[1], connections);
    while (c.done < WARM + connections)
        turn(&c);
    done = c.done;
    start_ns = now_ns(CLOCK_MONOTONIC);
    start_cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    c.until_ns = start_ns + seconds * 1000000000;
    while (now_ns(CLOCK_MONOTONIC) < c.until_ns)
        turn(&c);
    printf("{\"requests\": %llu, \"elapsed_ns\": %llu, \"cpu_ns\": %llu}\n",
           (unsigned long long)(c.done - done),
           (unsigned long long)(now_ns(CLOCK_MONOTONIC) - start_ns),
           (unsigned long long)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - start_cpu));
    return 0;
}
