/* SPDX-License-Identifier: MIT */
/*
 * What other parsers need of addresses: the grammars alone, without sentences.
 * Knows no system call; the kernel's form of an address is in net/sock.h.
 */
#ifndef FLARE__NET_ADDR_H
#define FLARE__NET_ADDR_H

#include <flare/addr.h>

/* Four decimal numbers.  `*ip` is written only on success. */
FLARE_MUST_USE
bool flare__ip_read_v4(struct flare_ip *ip, struct flare_str text);

/*
 * IPv6 without zone or brackets; the result is an IPv4 address if it is a
 * mapped one.  `*ip` is written only on success.
 */
FLARE_MUST_USE
bool flare__ip_read_v6(struct flare_ip *ip, struct flare_str text);

/*
 * Reads a decimal number up to `max` without leading zeros or sign.  `*out` is
 * written only on success.
 */
FLARE_MUST_USE
bool flare__number_read(uint32_t *out, struct flare_str text, uint32_t max);

/* 0 to 65535; -1: something else. */
FLARE_MUST_USE
int flare__port_read(struct flare_str text);

/* An IP address and a port. */
struct flare_addr flare__addr_of_ip(const struct flare_ip *ip, uint16_t port);

/*
 * The address that a struct sockaddr_un's `sun_path` of `len` bytes stands
 * for: a path up to its first NUL, or with a NUL in front an abstract name of
 * the whole length.  At most FLARE_UNIX_PATH_MAX bytes.
 */
struct flare_addr flare__addr_of_unix(const char *sun_path, size_t len);

#endif
