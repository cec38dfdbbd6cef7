/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a host to look up: judged as a naive reader judges them; what is
 * taken for a name is an address for no C library and has no byte that means
 * something to a shell, a log or a protocol; what is refused is said in
 * printable words.
 */
#include "dns/host.h"
#include "tests/support/dns_host_oracle.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_right, const char *what)
{
    if (!is_right) {
        fprintf(stderr, "fuzz_dns_host: %s\n", what);
        abort();
    }
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

static void check_name(struct flare_str host)
{
    char copy[FLARE_DNS_HOST_MAX + 2];
    struct in_addr v4;
    struct in6_addr v6;

    check(host.len > 0 && host.len < sizeof(copy), "a name too long");
    for (size_t i = 0; i < host.len; i++)
        check(is_plain(host.ptr[i]), "a byte that is not for names");
    check(host.ptr[0] != '-' && host.ptr[0] != '.', "a name like an option");
    memcpy(copy, host.ptr, host.len);
    copy[host.len] = '\0';
    check(inet_aton(copy, &v4) == 0, "an address of inet_aton's");
    check(inet_pton(AF_INET, copy, &v4) != 1 &&
              inet_pton(AF_INET6, copy, &v6) != 1,
          "an address of inet_pton's");
    if (copy[host.len - 1] == '.') {
        copy[host.len - 1] = '\0';
        check(inet_aton(copy, &v4) == 0, "an address without its dot");
    }
}

static void check_refusal(const struct flare_error *err)
{
    check(err->code == FLARE_E_BAD_HOSTNAME, "a refusal without a code");
    check(strncmp(err->text, "host '", 6) == 0, "a refusal without the host");
    for (const char *p = err->text; *p != '\0'; p++)
        check(*p >= ' ' && *p <= '~', "a refusal that is not printable");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct flare_str host = {(const char *)data, size};
    struct flare_error err = {.code = 0};
    struct flare_ip ip;
    enum flare__dns_host_kind kind = flare__dns_host_read(&ip, host, &err);
    bool has_zone = size > 0 && memchr(data, '%', size) != NULL;

    check(flare_dns_host_check(host, NULL) ==
              (kind == FLARE__DNS_HOST_BAD ? FLARE_E_BAD_HOSTNAME : 0),
          "two answers to one question");
    if (kind != FLARE__DNS_HOST_ADDRESS || !has_zone)
        check("bna"[kind] == dns_host_oracle(host),
              "the naive reader thinks otherwise");
    if (kind == FLARE__DNS_HOST_NAME)
        check_name(host);
    if (kind == FLARE__DNS_HOST_BAD)
        check_refusal(&err);
    else
        check(err.code == 0, "an error of what is good");
    return 0;
}
