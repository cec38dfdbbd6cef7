/* SPDX-License-Identifier: MIT */
/* See script_rig.h. */
#include "tests/http/script_rig.h"

#include "tests/support/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* One request into `out`; its length, 0 at the end of the connection. */
static size_t read_request(struct script *s, int fd, char *out)
{
    size_t len = 0, want = SIZE_MAX;

    while (len < want) {
        ssize_t n = recv(fd, out + len, 1, 0); /* and nothing of the next */
        const char *field;

        s->resets += n < 0;
        if (n <= 0)
            return 0;
        ck_assert_uint_lt(++len, SCRIPT_ASKED_MAX);
        out[len] = '\0';
        if (want != SIZE_MAX || len < 4 ||
            memcmp(out + len - 4, "\r\n\r\n", 4) != 0)
            continue;
        field = strcasestr(out, "\r\ncontent-length:");
        want = len + (field ? strtoul(field + 17, NULL, 10) : 0);
    }
    return len;
}

static void answer(int fd, const struct script_answer *a)
{
    size_t len = a->len > 0 ? a->len : strlen(a->text);
    size_t at = 0;

    while (at < len) {
        ssize_t n = send(fd, a->text + at, len - at, MSG_NOSIGNAL);

        if (n <= 0)
            return; /* the client has seen enough */
        at += (size_t)n;
    }
}

static void serve(struct script *s, int fd)
{
    char request[SCRIPT_ASKED_MAX];

    while (read_request(s, fd, request) > 0) {
        const struct script_answer *a;

        pthread_mutex_lock(&s->lock);
        ck_assert_uint_lt(s->requests, SCRIPT_ANSWERS_MAX);
        if (s->is_endless)
            s->requests = 0;
        a = &s->answers[s->requests];
        ck_assert_ptr_nonnull(a->text);
        memcpy(s->asked[s->requests++], request, sizeof(request));
        pthread_mutex_unlock(&s->lock);
        answer(fd, a);
        if (a->closes)
            break;
    }
    close(fd);
    pthread_mutex_lock(&s->lock);
    s->closed++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void *script_main(void *ctx)
{
    struct script *s = ctx;
    int fd;

    while ((fd = accept(s->listen_fd, NULL, NULL)) >= 0) {
        pthread_mutex_lock(&s->lock);
        s->connections++;
        pthread_mutex_unlock(&s->lock);
        serve(s, fd);
    }
    return NULL;
}

void script_start(struct script *s, const struct script_answer *answers)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    socklen_t len = sizeof(in);

    memset(s, 0, sizeof(*s));
    s->answers = answers;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(s->listen_fd, (struct sockaddr *)&in, len), 0);
    ck_assert_int_eq(listen(s->listen_fd, 16), 0);
    ck_assert_int_eq(getsockname(s->listen_fd, (struct sockaddr *)&in, &len),
                     0);
    s->port = ntohs(in.sin_port);
    ck_assert_int_eq(pthread_create(&s->thread, NULL, script_main, s), 0);
}

void script_wait_closed(struct script *s, unsigned count)
{
    pthread_mutex_lock(&s->lock);
    while (s->closed < count)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

void script_finish(struct script *s)
{
    shutdown(s->listen_fd, SHUT_RDWR); /* accept returns */
    pthread_join(s->thread, NULL);
    close(s->listen_fd);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
}

const char *script_url(const struct script *s, const char *path)
{
    static char urls[8][128];
    static unsigned next;
    char *url = urls[next++ % 8];

    (void)snprintf(url, sizeof(urls[0]), "http://127.0.0.1:%u%s",
                   (unsigned)s->port, path);
    return url;
}
