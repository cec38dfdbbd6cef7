/* SPDX-License-Identifier: MIT */
/* Addresses of sockets as text: an IP address with a port, or a Unix socket. */
#include "net/addr.h"

#include "base/assert.h"
#include "base/log.h"

#include <string.h>

enum {
    /* a path and its NUL, or a NUL and a name, in struct sockaddr_un */
    PATH_TEXT_MAX = FLARE_UNIX_PATH_MAX - 1
};

static int bad_address(struct flare_error *err, struct flare_str text,
                       const char *what)
{
    char shown[160];

    flare__log_escape(shown, sizeof(shown), text);
    return flare__error(err, FLARE_E_BAD_ADDRESS, "address '%s': %s", shown,
                        what);
}

static struct flare_str str_from(struct flare_str text, size_t start)
{
    return (struct flare_str){text.ptr + start, text.len - start};
}

int flare__port_read(struct flare_str text)
{
    uint32_t port;

    return flare__number_read(&port, text, UINT16_MAX) ? (int)port : -1;
}

struct flare_addr flare__addr_of_ip(const struct flare_ip *ip, uint16_t port)
{
    struct flare_addr addr = {.kind = FLARE_ADDR_IP, .ip = *ip, .port = port};

    return addr;
}

struct flare_addr flare__addr_of_unix(const char *sun_path, size_t len)
{
    struct flare_addr addr = {.kind = FLARE_ADDR_UNIX};
    const char *end;

    FLARE_ASSERT(len <= FLARE_UNIX_PATH_MAX);
    if (len == 0)
        return addr;
    if (sun_path[0] == '\0') {
        addr.kind = FLARE_ADDR_ABSTRACT;
        sun_path++;
        len--;
    } else {
        end = memchr(sun_path, '\0', len);
        len = end != NULL ? (size_t)(end - sun_path) : len;
    }
    memcpy(addr.path, sun_path, len);
    addr.path_len = (uint8_t)len;
    return addr;
}

static bool is_hidden(char c)
{
    return (unsigned char)c <= ' ' || c == 0x7f;
}

static const char *unix_read(struct flare_addr *addr, struct flare_str path)
{
    bool is_abstract = path.len > 0 && path.ptr[0] == '@';

    if (path.len < 2 || (path.ptr[0] != '/' && !is_abstract))
        return "not unix:/path or unix:@name";
    if (path.len > PATH_TEXT_MAX)
        return "path is longer than 107 bytes";
    for (size_t i = 0; i < path.len; i++) {
        if (is_hidden(path.ptr[i]))
            return "space or control byte in path";
    }
    *addr = flare__addr_of_unix(path.ptr, path.len);
    if (is_abstract) {
        addr->kind = FLARE_ADDR_ABSTRACT;
        addr->path_len--;
        memmove(addr->path, addr->path + 1, sizeof(addr->path) - 1);
    }
    return NULL;
}

static const char *port_read(struct flare_addr *addr, const struct flare_ip *ip,
                             struct flare_str text)
{
    int port = flare__port_read(text);

    if (port < 0)
        return "port is not a number from 0 to 65535";
    *addr = flare__addr_of_ip(ip, (uint16_t)port);
    return NULL;
}

static const char *v6_read(struct flare_addr *addr, struct flare_str text)
{
    const char *end = memchr(text.ptr, ']', text.len);
    struct flare_str host = str_from(text, 1);
    struct flare_str rest;
    struct flare_ip ip;

    if (end == NULL)
        return "']' is missing";
    host.len = (size_t)(end - host.ptr);
    rest = str_from(text, host.len + 2);
    if (host.len == 0 || memchr(host.ptr, ':', host.len) == NULL ||
        flare_ip_parse(&ip, host, NULL) < 0)
        return "not an IPv6 address in brackets (a zone is a number, of a "
               "link-local address)";
    if (rest.len == 0 || rest.ptr[0] != ':')
        return "':port' is missing";
    return port_read(addr, &ip, str_from(rest, 1));
}

static const char *v4_read(struct flare_addr *addr, struct flare_str text)
{
    const char *colon = text.len ? memchr(text.ptr, ':', text.len) : NULL;
    struct flare_str host = text;
    struct flare_ip ip;

    if (colon == NULL)
        return "':port' is missing";
    host.len = (size_t)(colon - text.ptr);
    if (host.len == 0)
        return "host is missing (all of them: 0.0.0.0 or [::])";
    if (!flare__ip_read_v4(&ip, host))
        return "not an IPv4 address, an IPv6 one in brackets, or unix: (names "
               "are not resolved here)";
    return port_read(addr, &ip, str_from(text, host.len + 1));
}

int flare_addr_parse(struct flare_addr *addr, struct flare_str text,
                     struct flare_error *err)
{
    struct flare_addr read;
    const char *why;

    if (text.len >= 5 && memcmp(text.ptr, "unix:", 5) == 0)
        why = unix_read(&read, str_from(text, 5));
    else if (text.len > 0 && text.ptr[0] == '[')
        why = v6_read(&read, text);
    else
        why = v4_read(&read, text);
    if (why != NULL)
        return bad_address(err, text, why);
    *addr = read;
    return 0;
}

/* Appends `len` bytes as far as they fit, and the NUL.  The new length. */
static size_t append(char *out, size_t size, size_t at, struct flare_str text)
{
    size_t room = size - 1 - at;
    size_t len = text.len < room ? text.len : room;

    memcpy(out + at, text.ptr, len);
    out[at + len] = '\0';
    return at + len;
}

static size_t append_path(char *out, size_t size, size_t at,
                          const struct flare_addr *addr)
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < addr->path_len; i++) {
        unsigned byte = (unsigned char)addr->path[i];
        char shown[4] = {'\\', 'x', hex[byte >> 4], hex[byte & 15]};

        if (is_hidden(addr->path[i]))
            at = append(out, size, at, (struct flare_str){shown, 4});
        else
            at = append(out, size, at, (struct flare_str){addr->path + i, 1});
    }
    return at;
}

static size_t ip_format(const struct flare_addr *addr, char *out, size_t size)
{
    bool is_v6 = addr->ip.family == FLARE_IP_V6;
    char host[FLARE_IP_TEXT_MAX];
    char port[8];
    size_t start = sizeof(port);
    unsigned number = addr->port;
    size_t at = 0;

    flare_ip_format(&addr->ip, host, sizeof(host));
    if (is_v6)
        at = append(out, size, at, FLARE_STR("["));
    at = append(out, size, at, flare_str(host));
    at = append(out, size, at, is_v6 ? FLARE_STR("]:") : FLARE_STR(":"));
    do {
        port[--start] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    return append(out, size, at,
                  (struct flare_str){port + start, sizeof(port) - start});
}

size_t flare_addr_format(const struct flare_addr *addr, char *out, size_t size)
{
    size_t at;

    switch (addr->kind) {
    case FLARE_ADDR_IP:
        return ip_format(addr, out, size);
    case FLARE_ADDR_UNIX:
        at = append(out, size, 0, FLARE_STR("unix:"));
        return append_path(out, size, at, addr);
    case FLARE_ADDR_ABSTRACT:
        at = append(out, size, 0, FLARE_STR("unix:@"));
        return append_path(out, size, at, addr);
    case FLARE_ADDR_NONE:
        break;
    }
    return append(out, size, 0, FLARE_STR("?"));
}

bool flare_addr_equal(const struct flare_addr *a, const struct flare_addr *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case FLARE_ADDR_IP:
        return a->port == b->port && flare_ip_equal(&a->ip, &b->ip);
    case FLARE_ADDR_UNIX:
    case FLARE_ADDR_ABSTRACT:
        return a->path_len == b->path_len &&
               memcmp(a->path, b->path, a->path_len) == 0;
    case FLARE_ADDR_NONE:
        break;
    }
    return true;
}
