/* SPDX-License-Identifier: MIT */
/* See inherit.h. */
#include "net/inherit.h"

#include "base/log.h"
#include "net/addr.h"
#include "net/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INHERIT_NUMBER_MAX = 1000000 }; /* a PID or a count; 2^22 is the most */

/* A decimal number and nothing else, at most `max`; -1: it is none. */
static long inherit_number(const char *text, long max)
{
    long n = 0;

    if (*text == '\0')
        return -1;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        n = n * 10 + (*text - '0');
        if (n > max)
            return -1;
    }
    return n;
}

int flare__inherit_read(struct flare__inherit *in, struct flare_error *err)
{
    const char *pid = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    long n;

    *in = (struct flare__inherit){.names = getenv("LISTEN_FDNAMES")};
    if (pid == NULL || count == NULL)
        return 0;
    n = inherit_number(pid, 1L << 30);
    if (n < 0)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "LISTEN_PID is no process id");
    if (n != (long)getpid())
        return 0; /* meant for another: a parent that did not unset them */
    n = inherit_number(count, INHERIT_NUMBER_MAX);
    if (n < 0)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "LISTEN_FDS is no number of descriptors");
    in->count = (uint32_t)n;
    return 0;
}

struct flare_str flare__inherit_name(const struct flare__inherit *in,
                                     uint32_t i)
{
    const char *at = in->names;

    for (; at != NULL && i > 0; i--) {
        at = strchr(at, ':');
        if (at != NULL)
            at++;
    }
    if (at == NULL)
        return FLARE_STR("unknown");
    return (struct flare_str){at, strcspn(at, ":")};
}

static int inherit_option(int fd, int name, int *value)
{
    socklen_t len = sizeof(*value);

    return getsockopt(fd, SOL_SOCKET, name, value, &len) < 0 ? -errno : 0;
}

int flare__inherit_check(int fd, struct flare_error *err)
{
    int type = 0;
    int listens = 0;
    int rc = inherit_option(fd, SO_TYPE, &type);

    if (rc == 0)
        rc = inherit_option(fd, SO_ACCEPTCONN, &listens);
    if (rc < 0)
        return flare__error(err, rc, "descriptor %d: %s", fd,
                            flare_strerror(rc));
    if (type != SOCK_STREAM)
        return flare__error(err, -EPROTOTYPE,
                            "descriptor %d is no stream socket", fd);
    if (!listens)
        return flare__error(err, -EINVAL, "descriptor %d does not listen", fd);
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return flare__error(err, -errno, "descriptor %d: %s", fd,
                            flare_strerror(-errno));
    return 0;
}

/* ---- one of them, by what it is called ---- */

/* What stands behind `prefix`; ptr is NULL if it is not there. */
static struct flare_str inherit_after(struct flare_str text,
                                      struct flare_str prefix)
{
    if (text.len < prefix.len || memcmp(text.ptr, prefix.ptr, prefix.len) != 0)
        return (struct flare_str){NULL, 0};
    return (struct flare_str){text.ptr + prefix.len, text.len - prefix.len};
}

static struct flare_str inherit_number_of(struct flare_str text)
{
    return inherit_after(text, FLARE_STR("fd:"));
}

static struct flare_str inherit_name_of(struct flare_str text)
{
    return inherit_after(text, FLARE_STR("inherit:"));
}

bool flare__inherit_is(struct flare_str text)
{
    return inherit_number_of(text).ptr != NULL ||
           inherit_name_of(text).ptr != NULL;
}

/* The descriptor of that name. */
static int inherit_find(struct flare_str name, struct flare_str text,
                        struct flare_error *err)
{
    struct flare__inherit in;
    int found = -1;
    int rc = flare__inherit_read(&in, err);

    if (rc < 0)
        return rc;
    for (uint32_t i = 0; i < in.count; i++) {
        if (name.len > 0 && !flare_str_equal(name, flare__inherit_name(&in, i)))
            continue;
        if (found >= 0)
            return flare__error(err, FLARE_E_BAD_CONFIG,
                                "%.*s: several inherited sockets are meant",
                                FLARE_STR_ARG(text));
        found = FLARE__INHERIT_FIRST + (int)i;
    }
    if (found < 0)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "%.*s: no such socket was inherited (LISTEN_PID, "
                            "LISTEN_FDS, LISTEN_FDNAMES)",
                            FLARE_STR_ARG(text));
    return found;
}

int flare__inherit_open(int *fd, struct flare_str text, struct flare_error *err)
{
    struct flare_str number = inherit_number_of(text);
    uint32_t given = 0;
    int rc;

    if (number.ptr == NULL)
        rc = inherit_find(inherit_name_of(text), text, err);
    else if (flare__number_read(&given, number, INT32_MAX))
        rc = (int)given;
    else
        rc = flare__error(err, FLARE_E_BAD_ADDRESS,
                          "%.*s: fd: is followed by a descriptor",
                          FLARE_STR_ARG(text));
    if (rc < 0)
        return rc;
    given = (uint32_t)rc;
    rc = flare__inherit_check((int)given, err);
    if (rc < 0)
        return rc;
    rc = flare__sock_dup((int)given);
    if (rc < 0)
        return flare__error(err, rc, "%.*s: %s", FLARE_STR_ARG(text),
                            flare_strerror(rc));
    *fd = rc;
    return 0;
}
