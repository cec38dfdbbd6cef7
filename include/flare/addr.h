/* SPDX-License-Identifier: MIT */
/*
 * Addresses as values: IP addresses, networks, and the addresses of sockets.
 *
 * One address has one form.  An IPv4 address and the IPv6 address it is mapped
 * to (::ffff:192.0.2.1) are the same value, and its text is the IPv4 one, so
 * that no list of addresses is passed by writing one of them in another way.
 * Text is read strictly and without the system: numbers only, no names, none
 * of inet_aton's short, octal and hexadecimal forms.
 *
 * Nothing here allocates.  Thread: any, for all of it.
 */
#ifndef FLARE_ADDR_H
#define FLARE_ADDR_H

#include <flare/base.h>
#include <flare/error.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    /* Enough for every text of an IP address and its NUL. */
    FLARE_IP_TEXT_MAX = 64,
    /* Enough for every text that flare_addr_parse takes and its NUL. */
    FLARE_ADDR_TEXT_MAX = 128,
    /* struct sockaddr_un holds 108 bytes */
    FLARE_UNIX_PATH_MAX = 108
};

enum flare_ip_family {
    FLARE_IP_NONE = 0, /* no address: what a zeroed struct is */
    FLARE_IP_V4 = 4,
    FLARE_IP_V6 = 6
};

/*
 * An IP address.  Made by flare_ip_parse, flare_ip_v4 or flare_ip_v6, which
 * keep this true: the family is V4 exactly if the bytes are ::ffff:0:0/96, and
 * only link-local addresses have a zone.  So equal addresses are equal member
 * by member, and the 16 bytes are a key.
 */
struct flare_ip {
    uint8_t bytes[16]; /* network order; IPv4 in the last four */
    uint32_t zone;     /* the interface's number, 0: none */
    uint8_t family;    /* enum flare_ip_family */
};

/* What an address is for; by the registries of RFC 6890. */
enum flare_ip_class {
    FLARE_IP_UNSPECIFIED,   /* 0.0.0.0 and :: */
    FLARE_IP_LOOPBACK,      /* 127.0.0.0/8 and ::1 */
    FLARE_IP_PRIVATE,       /* RFC 1918, and fc00::/7 of RFC 4193 */
    FLARE_IP_LINK_LOCAL,    /* 169.254.0.0/16 and fe80::/10 */
    FLARE_IP_MULTICAST,     /* 224.0.0.0/4 and ff00::/8 */
    FLARE_IP_DOCUMENTATION, /* RFC 5737, 3849 and 9637 */
    FLARE_IP_RESERVED,      /* anything else that is not global unicast */
    FLARE_IP_GLOBAL
};

/* A network: the addresses whose first `prefix` bits are `base`'s. */
struct flare_ip_net {
    struct flare_ip base; /* no bits after the prefix, no zone */
    uint8_t prefix;       /* 0-32 if base is IPv4, else 0-128 */
};

enum flare_addr_kind {
    FLARE_ADDR_NONE = 0, /* no address: what a zeroed struct is */
    FLARE_ADDR_IP,
    FLARE_ADDR_UNIX,    /* a path; an empty one is a nameless socket */
    FLARE_ADDR_ABSTRACT /* a name in Linux's abstract space */
};

/* The address of one end of a connection, or one to listen on. */
struct flare_addr {
    enum flare_addr_kind kind;
    struct flare_ip ip;                 /* of IP */
    uint16_t port;                      /* of IP; host order */
    uint8_t path_len;                   /* of UNIX and ABSTRACT */
    char path[FLARE_UNIX_PATH_MAX + 1]; /* terminated */
};

/* The IPv4 address of four bytes in network order. */
FLARE_API struct flare_ip flare_ip_v4(const uint8_t bytes[4]);

/*
 * The IPv6 address of 16 bytes in network order; an IPv4 one if they are one
 * mapped.  `zone` is dropped where the address is not link-local.
 */
FLARE_API struct flare_ip flare_ip_v6(const uint8_t bytes[16], uint32_t zone);

/*
 * Reads an IPv4 address of four decimal numbers without leading zeros, or an
 * IPv6 address of RFC 4291 section 2.2 without brackets; a link-local one may
 * have "%" and its interface's number from 1 to 4294967295, without leading
 * zeros (an interface's name would have to be asked of the system).
 *
 * Returns 0, or FLARE_E_BAD_ADDRESS with a sentence in `err` (may be NULL) and
 * `*ip` untouched.  Borrows `text`.
 */
FLARE_API FLARE_MUST_USE int flare_ip_parse(struct flare_ip *ip,
                                            struct flare_str text,
                                            struct flare_error *err);

/*
 * Writes the address as RFC 5952 has it, which flare_ip_parse reads as the
 * same; "?" for no address.  Terminated, cut to `size` (at least 1).  Returns
 * the length written.
 */
FLARE_API size_t flare_ip_format(const struct flare_ip *ip, char *out,
                                 size_t size);

/* Whether both are the same address, zone included. */
FLARE_API bool flare_ip_equal(const struct flare_ip *a,
                              const struct flare_ip *b);

/*
 * The class of an address; UNSPECIFIED for no address.  Addresses that carry
 * an IPv4 address to be reached through a gateway (2002::/16, 64:ff9b::/96)
 * are RESERVED unless that one is global.
 */
FLARE_API enum flare_ip_class flare_ip_class(const struct flare_ip *ip);

/* "loopback", "private" ...; "unknown" for a number that is no class.  Static.
 */
FLARE_API const char *flare_ip_class_name(enum flare_ip_class class_);

/* Whether the address is the machine's own. */
FLARE_API bool flare_ip_is_loopback(const struct flare_ip *ip);

/*
 * Whether the address is one of RFC 1918 or RFC 4193.  Not the question to ask
 * before connecting to where a stranger wants: that is flare_ip_is_global.
 */
FLARE_API bool flare_ip_is_private(const struct flare_ip *ip);

/*
 * Whether the address is a host's on the public internet: true for no loopback,
 * private, link-local, multicast, documentation or reserved address, in none
 * of their disguises.
 */
FLARE_API bool flare_ip_is_global(const struct flare_ip *ip);

/*
 * Reads a network: an address, "/" and the number of bits, without leading
 * zeros; without "/" the one address.  Bits of the address after the prefix
 * are an error, not ignored; so is a zone.  "::ffff:10.0.0.0/104" is
 * "10.0.0.0/8".
 *
 * Returns 0, or FLARE_E_BAD_ADDRESS with a sentence in `err` (may be NULL) and
 * `*net` untouched.  Borrows `text`.
 */
FLARE_API FLARE_MUST_USE int flare_ip_net_parse(struct flare_ip_net *net,
                                                struct flare_str text,
                                                struct flare_error *err);

/*
 * Writes the network, always with its prefix, as flare_ip_net_parse reads it;
 * FLARE_IP_TEXT_MAX is enough.  As flare_ip_format else.
 */
FLARE_API size_t flare_ip_net_format(const struct flare_ip_net *net, char *out,
                                     size_t size);

/*
 * Whether the address is in the network; its zone does not matter.  A network
 * of one family never contains an address of the other: "::/0" has no IPv4
 * address in it, and an IPv4-mapped address is an IPv4 one.
 */
FLARE_API bool flare_ip_net_contains(const struct flare_ip_net *net,
                                     const struct flare_ip *ip);

/*
 * Reads the address of a socket:
 *
 *   192.0.2.1:8080    [2001:db8::1]:80    unix:/run/app.sock    unix:@name
 *
 * A port is 0 to 65535 without leading zeros.  A path is absolute; a path or
 * name has 1 to 106 bytes after its '/' or '@', without spaces and control
 * bytes.
 *
 * Returns 0, or FLARE_E_BAD_ADDRESS with a sentence in `err` (may be NULL) and
 * `*addr` untouched.  Borrows `text`.
 */
FLARE_API FLARE_MUST_USE int flare_addr_parse(struct flare_addr *addr,
                                              struct flare_str text,
                                              struct flare_error *err);

/*
 * Writes the address as flare_addr_parse reads it; "unix:" for a nameless
 * socket, "?" for no address.  Spaces and control bytes, which a path from the
 * system may have, are written \xNN.  Terminated, cut to `size` (at least 1).
 * Returns the length written.
 */
FLARE_API size_t flare_addr_format(const struct flare_addr *addr, char *out,
                                   size_t size);

/*
 * Whether both are the same address.  Two nameless sockets are not told apart.
 */
FLARE_API bool flare_addr_equal(const struct flare_addr *a,
                                const struct flare_addr *b);

#ifdef __cplusplus
}
#endif
#endif
