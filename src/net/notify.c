/* SPDX-License-Identifier: MIT */
/* See notify.h. */
#include "net/notify.h"

#include "net/os.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

int flare__notify_open(struct flare__notify *n)
{
    const char *text = getenv("NOTIFY_SOCKET");
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t len;

    *n = (struct flare__notify){.fd = -1};
    if (text == NULL || *text == '\0')
        return 0;
    len = strlen(text);
    if (text[0] != '/' && text[0] != '@')
        return -EAFNOSUPPORT;
    if (len < 2 || len >= sizeof(un.sun_path))
        return -ENAMETOOLONG;
    memcpy(un.sun_path, text, len);
    if (text[0] == '@')
        un.sun_path[0] = '\0'; /* an abstract name is all of its length */
    memcpy(&n->to, &un, sizeof(un));
    n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len +
                            (text[0] == '/'));
    n->fd = flare__os_socket(AF_UNIX, SOCK_DGRAM, FLARE__OS_NONBLOCK);
    return n->fd < 0 ? n->fd : 0;
}

int flare__notify_send(const struct flare__notify *n, struct flare_str text)
{
    ssize_t sent;

    if (n->fd < 0)
        return 0;
    sent = sendto(n->fd, text.ptr, text.len, MSG_NOSIGNAL,
                  (const struct sockaddr *)&n->to, n->to_len);
    return sent < 0 ? -errno : 0; /* a datagram goes whole */
}

int flare__notify_ready(const struct flare__notify *n)
{
    char text[64];

    /* After a hot restart another process is the service's. */
    (void)snprintf(text, sizeof(text), "READY=1\nMAINPID=%ld", (long)getpid());
    return flare__notify_send(n, flare_str(text));
}

void flare__notify_close(struct flare__notify *n)
{
    flare__sock_close(n->fd);
    n->fd = -1;
}
