/* SPDX-License-Identifier: MIT */
/*
 * IP addresses and networks: text, classes, membership.  Every struct flare_ip
 * made here is canonical (flare/addr.h), so the bytes alone decide.
 */
#include "net/addr.h"

#include "base/log.h"

#include <string.h>

enum {
    IP_GROUPS = 8,
    V4_PREFIX = 96 /* bits of ::ffff:0:0/96, before an IPv4 address */
};

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static int bad_address(struct flare_error *err, const char *kind,
                       struct flare_str text, const char *what)
{
    char shown[160];

    flare__log_escape(shown, sizeof(shown), text);
    return flare__error(err, FLARE_E_BAD_ADDRESS, "%s '%s': %s", kind, shown,
                        what);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool flare__number_read(uint32_t *out, struct flare_str text, uint32_t max)
{
    uint64_t number = 0;

    if (text.len == 0 || text.len > 10 || (text.ptr[0] == '0' && text.len > 1))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.ptr[i]))
            return false;
        number = number * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    if (number > max)
        return false;
    *out = (uint32_t)number;
    return true;
}

struct flare_ip flare_ip_v4(const uint8_t bytes[4])
{
    struct flare_ip ip = {.family = FLARE_IP_V4};

    memcpy(ip.bytes, mapped, sizeof(mapped));
    memcpy(ip.bytes + sizeof(mapped), bytes, 4);
    return ip;
}

/* A unicast or multicast address that is good on one link, RFC 4007. */
static bool is_link_local(const uint8_t bytes[16])
{
    unsigned scope = bytes[1] & 15; /* of a multicast address, RFC 4291 2.7 */

    if (bytes[0] == 0xff)
        return scope == 1 || scope == 2;
    return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

struct flare_ip flare_ip_v6(const uint8_t bytes[16], uint32_t zone)
{
    struct flare_ip ip = {.family = FLARE_IP_V6};

    if (memcmp(bytes, mapped, sizeof(mapped)) == 0)
        return flare_ip_v4(bytes + sizeof(mapped));
    memcpy(ip.bytes, bytes, sizeof(ip.bytes));
    if (is_link_local(bytes))
        ip.zone = zone;
    return ip;
}

/* Four numbers from 0 to 255, and nothing else. */
static bool v4_read(uint8_t out[4], const char *p, const char *end)
{
    for (int i = 0; i < 4; i++) {
        const char *start;
        uint32_t octet;

        if (i > 0 && (p == end || *p++ != '.'))
            return false;
        start = p;
        while (p < end && p - start < 4 && is_digit(*p))
            p++;
        if (!flare__number_read(
                &octet, (struct flare_str){start, (size_t)(p - start)}, 255))
            return false;
        out[i] = (uint8_t)octet;
    }
    return p == end;
}

bool flare__ip_read_v4(struct flare_ip *ip, struct flare_str text)
{
    uint8_t bytes[4];

    if (text.len == 0 || !v4_read(bytes, text.ptr, text.ptr + text.len))
        return false;
    *ip = flare_ip_v4(bytes);
    return true;
}

/* The state of reading one IPv6 address. */
struct v6_text {
    const char *p;
    const char *end;
    uint8_t bytes[16];
    int count; /* bytes so far */
    int gap;   /* where "::" was, in bytes; -1: nowhere */
};

/* One to four hexadecimal digits, or the IPv4 address at the end. */
static bool v6_read_group(struct v6_text *t)
{
    const char *start = t->p;
    unsigned group = 0;

    if (t->count > 14)
        return false;
    while (t->p < t->end && t->p - start < 4 && hex_value(*t->p) >= 0)
        group = group << 4 | (unsigned)hex_value(*t->p++);
    if (t->p == start)
        return false;
    if (t->p < t->end && *t->p == '.') {
        if (t->count > 12 || !v4_read(t->bytes + t->count, start, t->end))
            return false;
        t->count += 4;
        t->p = t->end;
        return true;
    }
    t->bytes[t->count++] = (uint8_t)(group >> 8);
    t->bytes[t->count++] = (uint8_t)group;
    return true;
}

/* What stands between two groups, or the "::" at the end. */
static bool v6_read_colons(struct v6_text *t)
{
    if (*t->p++ != ':' || t->p == t->end)
        return false;
    if (*t->p != ':')
        return true;
    if (t->gap >= 0)
        return false;
    t->gap = t->count;
    t->p++;
    return true;
}

static bool v6_read(uint8_t out[16], const char *p, const char *end)
{
    struct v6_text t = {.p = p, .end = end, .gap = -1};

    if (end - p >= 2 && p[0] == ':' && p[1] == ':') {
        t.gap = 0;
        t.p += 2;
    }
    while (t.p < t.end) {
        if (!v6_read_group(&t))
            return false;
        if (t.p < t.end && !v6_read_colons(&t))
            return false;
    }
    /* "::" stands for at least one group */
    if (t.gap < 0 ? t.count != 16 : t.count > 14)
        return false;
    memset(out, 0, 16);
    if (t.gap < 0)
        t.gap = t.count;
    memcpy(out, t.bytes, (size_t)t.gap);
    memcpy(out + 16 - (t.count - t.gap), t.bytes + t.gap,
           (size_t)(t.count - t.gap));
    return true;
}

bool flare__ip_read_v6(struct flare_ip *ip, struct flare_str text)
{
    uint8_t bytes[16];

    if (text.len == 0 || !v6_read(bytes, text.ptr, text.ptr + text.len))
        return false;
    *ip = flare_ip_v6(bytes, 0);
    return true;
}

/* Of "%zone", which an address of one link may have. */
static const char *zone_read(struct flare_ip *ip, struct flare_str zone)
{
    uint32_t number = 0;

    if (ip->family != FLARE_IP_V6 || !is_link_local(ip->bytes))
        return "only a link-local address has a zone";
    if (!flare__number_read(&number, zone, UINT32_MAX) || number == 0)
        return "a zone is an interface's number, from 1 to 4294967295";
    ip->zone = number;
    return NULL;
}

/* NULL, or what is wrong; `*ip` is written in any case. */
static const char *ip_read(struct flare_ip *ip, struct flare_str text)
{
    const char *percent = text.len ? memchr(text.ptr, '%', text.len) : NULL;
    struct flare_str host = text;

    if (percent != NULL)
        host.len = (size_t)(percent - text.ptr);
    if (host.len == 0 || memchr(host.ptr, ':', host.len) == NULL) {
        if (!flare__ip_read_v4(ip, host))
            return "not an IPv4 or IPv6 address (names are not resolved here)";
    } else if (!flare__ip_read_v6(ip, host)) {
        return host.ptr[0] == '[' ? "an IPv6 address without brackets is wanted"
                                  : "not an IPv6 address";
    }
    if (percent == NULL)
        return NULL;
    return zone_read(ip,
                     (struct flare_str){percent + 1, text.len - host.len - 1});
}

int flare_ip_parse(struct flare_ip *ip, struct flare_str text,
                   struct flare_error *err)
{
    struct flare_ip read;
    const char *why = ip_read(&read, text);

    if (why != NULL)
        return bad_address(err, "address", text, why);
    *ip = read;
    return 0;
}

/* Text under construction: what does not fit is dropped. */
struct writer {
    char *out;
    size_t size; /* with the NUL */
    size_t len;
};

static void put_char(struct writer *w, char c)
{
    if (w->len + 1 < w->size)
        w->out[w->len++] = c;
}

static void put_number(struct writer *w, uint32_t number, unsigned base)
{
    char digits[10];
    int count = 0;

    do {
        digits[count++] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0);
    while (count > 0)
        put_char(w, digits[--count]);
}

static size_t put_end(struct writer *w)
{
    w->out[w->len] = '\0';
    return w->len;
}

static void put_v4(struct writer *w, const uint8_t bytes[4])
{
    for (int i = 0; i < 4; i++) {
        if (i > 0)
            put_char(w, '.');
        put_number(w, bytes[i], 10);
    }
}

static unsigned group_at(const uint8_t bytes[16], int i)
{
    return (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
}

/* The first of the longest runs of zeros, of two or more; RFC 5952 4.2. */
static int run_find(const uint8_t bytes[16], int *len)
{
    int first = IP_GROUPS;

    *len = 1;
    for (int i = 0; i < IP_GROUPS; i++) {
        int end = i;

        while (end < IP_GROUPS && group_at(bytes, end) == 0)
            end++;
        if (end - i > *len) {
            first = i;
            *len = end - i;
        }
    }
    return first;
}

static void put_v6(struct writer *w, const uint8_t bytes[16])
{
    int run_len;
    int run = run_find(bytes, &run_len);

    for (int i = 0; i < IP_GROUPS; i++) {
        if (i == run) {
            put_char(w, ':');
            put_char(w, ':');
            i += run_len - 1;
            continue;
        }
        if (i > 0 && i != run + run_len)
            put_char(w, ':');
        put_number(w, group_at(bytes, i), 16);
    }
}

static void put_ip(struct writer *w, const struct flare_ip *ip)
{
    if (ip->family == FLARE_IP_NONE) {
        put_char(w, '?');
    } else if (ip->family == FLARE_IP_V4) {
        put_v4(w, ip->bytes + sizeof(mapped));
    } else {
        put_v6(w, ip->bytes);
        if (ip->zone != 0) {
            put_char(w, '%');
            put_number(w, ip->zone, 10);
        }
    }
}

size_t flare_ip_format(const struct flare_ip *ip, char *out, size_t size)
{
    struct writer w = {.out = out, .size = size};

    put_ip(&w, ip);
    return put_end(&w);
}

bool flare_ip_equal(const struct flare_ip *a, const struct flare_ip *b)
{
    return a->family == b->family && a->zone == b->zone &&
           memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* Whether the first `bits` bits are the same. */
static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned rest = bits % 8;

    if (memcmp(a, b, bits / 8) != 0)
        return false;
    return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

/* How many of the 16 bytes' bits the prefix covers. */
static unsigned net_bits(const struct flare_ip_net *net)
{
    return net->base.family == FLARE_IP_V4 ? V4_PREFIX + net->prefix
                                           : net->prefix;
}

bool flare_ip_net_contains(const struct flare_ip_net *net,
                           const struct flare_ip *ip)
{
    return ip->family != FLARE_IP_NONE && ip->family == net->base.family &&
           bits_equal(net->base.bytes, ip->bytes, net_bits(net));
}

static bool has_bits_after(const uint8_t bytes[16], unsigned bits)
{
    for (unsigned i = bits; i < 128; i++) {
        if (bytes[i / 8] & (0x80 >> i % 8))
            return true;
    }
    return false;
}

/*
 * The number after "/", as bits of the 16 bytes: it counts from the start of
 * the address as it is written.  -1 if it is none.
 */
static int bits_read(struct flare_str host, struct flare_str number)
{
    bool is_v6_text = memchr(host.ptr, ':', host.len) != NULL;
    uint32_t prefix;

    if (!flare__number_read(&prefix, number, is_v6_text ? 128 : 32))
        return -1;
    return (int)(is_v6_text ? prefix : V4_PREFIX + prefix);
}

/* NULL, or what is wrong; `*net` is written in any case. */
static const char *net_read(struct flare_ip_net *net, struct flare_str text)
{
    const char *slash = text.len ? memchr(text.ptr, '/', text.len) : NULL;
    struct flare_str host = text;
    const char *why;
    int bits = 128;

    if (slash != NULL)
        host.len = (size_t)(slash - text.ptr);
    why = ip_read(&net->base, host);
    if (why != NULL)
        return why;
    if (net->base.zone != 0)
        return "a network has no zone";
    if (slash != NULL)
        bits = bits_read(
            host, (struct flare_str){slash + 1, text.len - host.len - 1});
    if (bits < 0)
        return "after '/' comes a number of bits, up to 32 for IPv4 and 128 "
               "for IPv6";
    if (has_bits_after(net->base.bytes, (unsigned)bits))
        return "the address has bits after the prefix";
    /* a mapped address has bits up to the 96th: they are covered */
    if (net->base.family == FLARE_IP_V4)
        bits -= V4_PREFIX;
    net->prefix = (uint8_t)bits;
    return NULL;
}

int flare_ip_net_parse(struct flare_ip_net *net, struct flare_str text,
                       struct flare_error *err)
{
    struct flare_ip_net read;
    const char *why = net_read(&read, text);

    if (why != NULL)
        return bad_address(err, "network", text, why);
    *net = read;
    return 0;
}

size_t flare_ip_net_format(const struct flare_ip_net *net, char *out,
                           size_t size)
{
    struct writer w = {.out = out, .size = size};

    put_ip(&w, &net->base);
    put_char(&w, '/');
    put_number(&w, net->prefix, 10);
    return put_end(&w);
}
