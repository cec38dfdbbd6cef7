/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as an address, a network and the address of a socket: what is
 * taken has one text, which is read as the same again; and the C library takes
 * the same IP addresses, apart from zones.
 */
#include "net/addr.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_right, const char *what)
{
    if (!is_right) {
        fprintf(stderr, "fuzz_addr: %s\n", what);
        abort();
    }
}

static bool libc_reads(struct flare_ip *ip, struct flare_str text)
{
    char copy[64];
    uint8_t bytes[16];

    if (text.len >= sizeof(copy) || memchr(text.ptr, 0, text.len) != NULL)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, bytes) == 1) {
        *ip = flare_ip_v4(bytes);
        return true;
    }
    if (inet_pton(AF_INET6, copy, bytes) != 1)
        return false;
    *ip = flare_ip_v6(bytes, 0);
    return true;
}

static void check_ip(struct flare_str text)
{
    struct flare_ip ip;
    struct flare_ip other;
    struct flare_error err = {.code = 0};
    char out[FLARE_IP_TEXT_MAX];
    int rc = flare_ip_parse(&ip, text, &err);
    bool is_libcs = libc_reads(&other, text);

    if (text.len == 0 || memchr(text.ptr, '%', text.len) == NULL)
        check((rc == 0) == is_libcs, "the C library thinks otherwise");
    if (rc != 0) {
        check(rc == FLARE_E_BAD_ADDRESS && err.code == rc,
              "error without code");
        return;
    }
    check(!is_libcs || flare_ip_equal(&ip, &other), "another address");
    check(flare_ip_format(&ip, out, sizeof(out)) == strlen(out), "length");
    check(flare_ip_parse(&other, flare_str(out), NULL) == 0 &&
              flare_ip_equal(&ip, &other),
          "its text is not read as the address");
    check(flare_ip_is_global(&ip) == (flare_ip_class(&ip) == FLARE_IP_GLOBAL),
          "class");
}

static void check_net(struct flare_str text)
{
    struct flare_ip_net net;
    struct flare_ip_net other;
    char out[FLARE_IP_TEXT_MAX];

    if (flare_ip_net_parse(&net, text, NULL) != 0)
        return;
    flare_ip_net_format(&net, out, sizeof(out));
    check(flare_ip_net_parse(&other, flare_str(out), NULL) == 0 &&
              flare_ip_equal(&net.base, &other.base) &&
              net.prefix == other.prefix,
          "the network's text is not read as the network");
    check(flare_ip_net_contains(&net, &net.base), "not in its own network");
}

static void check_addr(struct flare_str text)
{
    struct flare_addr addr;
    struct flare_addr other;
    char out[FLARE_ADDR_TEXT_MAX];

    if (flare_addr_parse(&addr, text, NULL) != 0)
        return;
    flare_addr_format(&addr, out, sizeof(out));
    check(flare_addr_parse(&other, flare_str(out), NULL) == 0 &&
              flare_addr_equal(&addr, &other),
          "the socket address's text is not read as the address");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct flare_str text = {(const char *)data, size};

    check_ip(text);
    check_net(text);
    check_addr(text);
    return 0;
}
