/* SPDX-License-Identifier: MIT */
/*
 * See system.h.
 *
 * AI_ADDRCONFIG is not asked for.  Where only loopback is configured (a network
 * namespace, a test machine) glibc with it finds no IPv4 address for
 * "localhost" (glibc 2.36, EAI_NONAME); an answer would depend on the
 * interfaces of the moment, and a kept one on those of another; and what it
 * saves is little: an address of a family that is not there is sorted last (RFC
 * 6724 rule 1), and connecting to it fails at once.
 */
#include "dns/system.h"

#include "base/assert.h"
#include "base/log.h"
#include "dns/collect.h"
#include "dns/host.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static const struct system_code {
    int eai;
    int rc;
    const char *name;
} system_codes[] = {
    {EAI_NONAME, FLARE_E_DNS_NOT_FOUND, "EAI_NONAME"},
#if defined(EAI_NODATA) && EAI_NODATA != EAI_NONAME
    {EAI_NODATA, FLARE_E_DNS_NO_ADDRESS, "EAI_NODATA"},
#endif
#ifdef EAI_ADDRFAMILY
    {EAI_ADDRFAMILY, FLARE_E_DNS_NO_ADDRESS, "EAI_ADDRFAMILY"},
#endif
    {EAI_FAMILY, FLARE_E_DNS_NO_ADDRESS, "EAI_FAMILY"},
    {EAI_AGAIN, FLARE_E_DNS_TEMPORARY, "EAI_AGAIN"},
    {EAI_FAIL, FLARE_E_DNS_FAILED, "EAI_FAIL"},
    {EAI_MEMORY, -ENOMEM, "EAI_MEMORY"},
};

static int system_error(struct flare_error *err, struct flare_str host, int eai,
                        int number)
{
    const char *name = "getaddrinfo";
    char shown[FLARE__DNS_SHOWN_MAX];
    int rc = FLARE_E_DNS_FAILED;

    flare__dns_host_show(shown, host);
    if (eai == EAI_SYSTEM && number > 0)
        return flare__error(err, -number, "host '%s': %s (EAI_SYSTEM %d)",
                            shown, flare_strerror(-number), eai);
    for (size_t i = 0; i < sizeof(system_codes) / sizeof(system_codes[0]);
         i++) {
        if (system_codes[i].eai != eai)
            continue;
        name = system_codes[i].name;
        rc = system_codes[i].rc;
    }
    return flare__error(err, rc, "host '%s': %s (%s %d)", shown,
                        gai_strerror(eai), name, eai);
}

static struct flare_ip ip_of(const struct addrinfo *ai)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (ai->ai_family == AF_INET && ai->ai_addrlen >= sizeof(v4)) {
        memcpy(&v4, ai->ai_addr, sizeof(v4));
        return flare_ip_v4((const uint8_t *)&v4.sin_addr);
    }
    if (ai->ai_family == AF_INET6 && ai->ai_addrlen >= sizeof(v6)) {
        memcpy(&v6, ai->ai_addr, sizeof(v6));
        return flare_ip_v6(v6.sin6_addr.s6_addr, v6.sin6_scope_id);
    }
    return (struct flare_ip){.family = FLARE_IP_NONE};
}

int flare__dns_system(struct flare_dns_result *out, struct flare_str host,
                      enum flare_dns_family family, struct flare_error *err)
{
    static const int families[] = {
        [FLARE_DNS_ANY] = AF_UNSPEC,
        [FLARE_DNS_V4] = AF_INET,
        [FLARE_DNS_V6] = AF_INET6,
    };
    /* one type, or each address comes once for each that there is */
    const struct addrinfo hints = {.ai_family = families[family],
                                   .ai_socktype = SOCK_STREAM};
    char name[FLARE_DNS_HOST_MAX + 2];
    struct flare__dns_collect found;
    struct flare_dns_result result;
    struct addrinfo *list = NULL;
    int eai;

    FLARE_ASSERT(host.len < sizeof(name));
    memcpy(name, host.ptr, host.len);
    name[host.len] = '\0';
    errno = 0;
    eai = getaddrinfo(name, NULL, &hints, &list);
    if (eai != 0)
        return system_error(err, host, eai, errno);
    flare__dns_collect_init(&found, family);
    for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
        struct flare_ip ip = ip_of(ai);

        flare__dns_collect_add(&found, &ip);
    }
    freeaddrinfo(list);
    flare__dns_collect_end(&found, &result);
    if (result.count == 0)
        return system_error(err, host, EAI_FAMILY, 0);
    *out = result;
    return 0;
}
