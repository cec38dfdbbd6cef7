/* SPDX-License-Identifier: MIT */
/* The PROXY protocol: a line of text, or sixteen bytes and a block. */
#include "http/proxy.h"

#include "base/assert.h"
#include "net/addr.h"

#include <string.h>

enum {
    V2_COMMAND_LOCAL = 0x20, /* with the version, 2, in front */
    V2_COMMAND_PROXY = 0x21,
    V2_FAMILY_V4 = 1,
    V2_FAMILY_V6 = 2,
    V2_FAMILY_UNIX = 3,
    V2_STREAM = 1,
    V2_DGRAM = 2,
    V2_TYPE_CRC32C = 3,
    V2_TYPE_UNIQUE_ID = 5,
    V2_UNIQUE_ID_MAX = 128,
    TLV_HEAD = 3
};

static const char v2_signature[12] = {
    '\r', '\n', '\r', '\n', '\0', '\r', '\n', 'Q', 'U', 'I', 'T', '\n',
};

static unsigned byte_at(struct flare_str s, size_t i)
{
    return (unsigned char)s.ptr[i];
}

static unsigned u16_at(struct flare_str s, size_t i)
{
    return byte_at(s, i) << 8 | byte_at(s, i + 1);
}

/* Whether `bytes` begins like `start`, as far as either goes. */
static bool begins_like(struct flare_str bytes, struct flare_str start)
{
    size_t len = bytes.len < start.len ? bytes.len : start.len;

    return memcmp(bytes.ptr, start.ptr, len) == 0;
}

/* Version 1 */

/* Cuts the text before the first space, which must be there, off `rest`. */
static bool word_cut(struct flare_str *word, struct flare_str *rest)
{
    const char *space = rest->len ? memchr(rest->ptr, ' ', rest->len) : NULL;

    if (space == NULL)
        return false;
    *word = (struct flare_str){rest->ptr, (size_t)(space - rest->ptr)};
    rest->ptr += word->len + 1;
    rest->len -= word->len + 1;
    return true;
}

/* "source destination port port" of the family, which each address shows. */
static bool v1_read(struct flare__proxy *proxy, struct flare_str rest,
                    bool is_v6)
{
    struct flare_str word[3];
    struct flare_ip ip[2];
    int port[2];

    for (int i = 0; i < 3; i++) {
        if (!word_cut(&word[i], &rest))
            return false;
    }
    for (int i = 0; i < 2; i++) {
        if (is_v6 ? !flare__ip_read_v6(&ip[i], word[i])
                  : !flare__ip_read_v4(&ip[i], word[i]))
            return false;
    }
    port[0] = flare__port_read(word[2]);
    port[1] = flare__port_read(rest);
    if (port[0] < 0 || port[1] < 0)
        return false;
    proxy->source = flare__addr_of_ip(&ip[0], (uint16_t)port[0]);
    proxy->destination = flare__addr_of_ip(&ip[1], (uint16_t)port[1]);
    return true;
}

/* The line's length with CRLF, 0 as long as it is not there. */
static int v1_length(struct flare_str bytes)
{
    size_t len =
        bytes.len < FLARE__PROXY_V1_MAX ? bytes.len : FLARE__PROXY_V1_MAX;

    for (size_t i = 0; i < len; i++) {
        if (bytes.ptr[i] == '\n')
            return FLARE_E_BAD_REQUEST;
        if (bytes.ptr[i] != '\r')
            continue;
        if (i + 1 == FLARE__PROXY_V1_MAX)
            return FLARE_E_BAD_REQUEST;
        if (i + 1 == bytes.len)
            return 0;
        return bytes.ptr[i + 1] == '\n' ? (int)i + 2 : FLARE_E_BAD_REQUEST;
    }
    return len == FLARE__PROXY_V1_MAX ? FLARE_E_BAD_REQUEST : 0;
}

/* What stands between "PROXY " and CRLF. */
static bool v1_read_line(struct flare__proxy *proxy, struct flare_str line)
{
    const struct flare_str unknown = FLARE_STR("UNKNOWN");
    struct flare_str family;

    if (flare_str_equal(line, unknown)) {
        proxy->is_local = true;
        return true;
    }
    if (!word_cut(&family, &line))
        return false;
    if (flare_str_equal(family, unknown)) {
        proxy->is_local = true; /* what follows is to be ignored */
        return true;
    }
    if (flare_str_equal(family, FLARE_STR("TCP4")))
        return v1_read(proxy, line, /* is_v6 = */ false);
    return flare_str_equal(family, FLARE_STR("TCP6")) &&
           v1_read(proxy, line, /* is_v6 = */ true);
}

static int v1_parse(struct flare__proxy *proxy, struct flare_str bytes)
{
    const struct flare_str start = FLARE_STR("PROXY ");
    struct flare__proxy read = {.version = 1};
    int len;

    if (!begins_like(bytes, start))
        return FLARE_E_BAD_REQUEST;
    len = v1_length(bytes);
    if (len <= 0)
        return len;
    if ((size_t)len < start.len + 2 ||
        !v1_read_line(&read, (struct flare_str){bytes.ptr + start.len,
                                                (size_t)len - start.len - 2}))
        return FLARE_E_BAD_REQUEST;
    *proxy = read;
    return len;
}

/* Version 2 */

/* CRC32c of RFC 4960 appendix B, four bits at a time. */
static uint32_t crc32c(uint32_t crc, unsigned byte)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };

    crc ^= byte;
    crc = table[crc & 15] ^ crc >> 4;
    return table[crc & 15] ^ crc >> 4;
}

/* Of the header, with zeros where its four bytes at `at` are. */
static bool crc_is_right(struct flare_str header, size_t at)
{
    uint32_t crc = 0xffffffff;
    uint32_t sent = (uint32_t)u16_at(header, at) << 16 | u16_at(header, at + 2);

    for (size_t i = 0; i < header.len; i++)
        crc = crc32c(crc, i >= at && i < at + 4 ? 0 : byte_at(header, i));
    return (crc ^ 0xffffffff) == sent;
}

/* The vectors from `at` to the end of the header. */
static bool tlvs_are_valid(struct flare_str header, size_t at)
{
    bool has_crc = false;

    while (at < header.len) {
        unsigned type = byte_at(header, at);
        size_t len;

        if (header.len - at < TLV_HEAD)
            return false;
        len = u16_at(header, at + 1);
        at += TLV_HEAD;
        if (header.len - at < len)
            return false;
        if (type == V2_TYPE_CRC32C &&
            (has_crc || len != 4 || !crc_is_right(header, at)))
            return false;
        has_crc |= type == V2_TYPE_CRC32C;
        if (type == V2_TYPE_UNIQUE_ID && len > V2_UNIQUE_ID_MAX)
            return false;
        at += len;
    }
    return true;
}

static struct flare_addr v2_addr(struct flare_str header, size_t at,
                                 size_t port_at, bool is_v6)
{
    uint8_t bytes[16] = {0};
    struct flare_ip ip;

    memcpy(bytes, header.ptr + at, is_v6 ? 16 : 4);
    ip = is_v6 ? flare_ip_v6(bytes, 0) : flare_ip_v4(bytes);
    return flare__addr_of_ip(&ip, (uint16_t)u16_at(header, port_at));
}

/* What a struct sockaddr_un held: padded with NULs, whichever kind it is. */
static struct flare_addr v2_unix(struct flare_str header, size_t at)
{
    const char *path = header.ptr + at;
    size_t len = FLARE_UNIX_PATH_MAX;

    while (len > 0 && path[len - 1] == '\0')
        len--;
    return flare__addr_of_unix(path, len);
}

/* The addresses of `family`; where the vectors begin, or 0: not whole. */
static size_t v2_read(struct flare__proxy *proxy, struct flare_str header,
                      unsigned family)
{
    bool is_v6 = family == V2_FAMILY_V6;
    size_t ip_len = is_v6 ? 16 : 4;
    size_t at = FLARE__PROXY_V2_MIN;
    size_t ports = at + 2 * ip_len;
    size_t end = ports + 4;

    if (family == V2_FAMILY_UNIX) {
        end = at + (size_t)(2 * FLARE_UNIX_PATH_MAX);
        if (header.len < end)
            return 0;
        proxy->source = v2_unix(header, at);
        proxy->destination = v2_unix(header, at + FLARE_UNIX_PATH_MAX);
        return end;
    }
    if (header.len < end)
        return 0;
    proxy->source = v2_addr(header, at, ports, is_v6);
    proxy->destination = v2_addr(header, at + ip_len, ports + 2, is_v6);
    return end;
}

/* What the first bytes say, as far as they are here. */
static bool v2_begins_well(struct flare_str bytes, uint32_t bytes_max)
{
    unsigned command = V2_COMMAND_LOCAL;

    if (bytes.len > 12) {
        command = byte_at(bytes, 12);
        if (command != V2_COMMAND_LOCAL && command != V2_COMMAND_PROXY)
            return false;
    }
    if (bytes.len > 13 && command == V2_COMMAND_PROXY) {
        unsigned family = byte_at(bytes, 13) >> 4;
        unsigned transport = byte_at(bytes, 13) & 15;

        if (family > V2_FAMILY_UNIX || transport > V2_DGRAM ||
            (family == 0) != (transport == 0))
            return false;
    }
    return bytes.len < FLARE__PROXY_V2_MIN ||
           u16_at(bytes, 14) + FLARE__PROXY_V2_MIN <= bytes_max;
}

static int v2_parse(struct flare__proxy *proxy, struct flare_str bytes,
                    uint32_t bytes_max)
{
    struct flare__proxy read = {.version = 2};
    struct flare_str header = bytes;
    unsigned kind;
    size_t at;

    if (!begins_like(bytes, (struct flare_str){v2_signature, 12}) ||
        !v2_begins_well(bytes, bytes_max))
        return FLARE_E_BAD_REQUEST;
    if (bytes.len < FLARE__PROXY_V2_MIN)
        return 0;
    header.len = u16_at(bytes, 14) + (size_t)FLARE__PROXY_V2_MIN;
    if (bytes.len < header.len)
        return 0;
    kind = byte_at(bytes, 13);
    read.is_local = byte_at(bytes, 12) == V2_COMMAND_LOCAL || kind == 0;
    if (!read.is_local) {
        at = v2_read(&read, header, kind >> 4);
        if (at == 0 || !tlvs_are_valid(header, at))
            return FLARE_E_BAD_REQUEST;
        read.is_datagram = (kind & 15) == V2_DGRAM;
    }
    *proxy = read;
    return (int)header.len;
}

int flare__proxy_parse(struct flare__proxy *proxy, struct flare_str bytes,
                       uint32_t bytes_max)
{
    FLARE_ASSERT(bytes_max >= FLARE__PROXY_V1_MAX &&
                 bytes_max <= FLARE__PROXY_BYTES_MAX);
    if (bytes.len == 0)
        return 0;
    if (bytes.ptr[0] == v2_signature[0])
        return v2_parse(proxy, bytes, bytes_max);
    return v1_parse(proxy, bytes);
}
