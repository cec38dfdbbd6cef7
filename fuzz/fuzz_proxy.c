/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a PROXY header: the verdict is the same at every cut, and a
 * header written from what was read is read as the same.  The first byte
 * chooses the limit.
 */
#include "http/proxy.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint32_t limits[] = {FLARE__PROXY_V1_MAX, 232,
                                  FLARE__PROXY_BYTES_DEFAULT,
                                  FLARE__PROXY_BYTES_MAX};

static void check(bool is_right, const char *what)
{
    if (!is_right) {
        fprintf(stderr, "fuzz_proxy: %s\n", what);
        abort();
    }
}

/* Version 1 again, from addresses of one family. */
static void check_text(const struct flare__proxy *proxy)
{
    struct flare__proxy again;
    char source[FLARE_IP_TEXT_MAX];
    char destination[FLARE_IP_TEXT_MAX];
    char line[256];
    int len;

    flare_ip_format(&proxy->source.ip, source, sizeof(source));
    flare_ip_format(&proxy->destination.ip, destination, sizeof(destination));
    len = snprintf(line, sizeof(line), "PROXY TCP%d %s %s %u %u\r\n",
                   proxy->source.ip.family == FLARE_IP_V4 ? 4 : 6, source,
                   destination, proxy->source.port, proxy->destination.port);
    check(flare__proxy_parse(&again, (struct flare_str){line, (size_t)len},
                             FLARE__PROXY_V1_MAX) == len,
          "a line written from it is refused");
    check(flare_addr_equal(&again.source, &proxy->source) &&
              flare_addr_equal(&again.destination, &proxy->destination),
          "a line written from it is read otherwise");
}

static void check_cuts(struct flare_str bytes, uint32_t limit, int rc)
{
    int last = 0;

    for (size_t cut = 0; cut <= bytes.len; cut++) {
        struct flare__proxy proxy;
        int now = flare__proxy_parse(&proxy, (struct flare_str){bytes.ptr, cut},
                                     limit);

        check(last == 0 || now == last, "a verdict has changed");
        check(now <= (int)cut, "longer than the bytes");
        check(now <= 0 || now == rc, "a length too early");
        last = now;
    }
    check(last == rc, "the last cut is the whole");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct flare__proxy proxy;
    struct flare_str bytes;
    uint32_t limit;
    int rc;

    if (size == 0 || size > FLARE__PROXY_BYTES_MAX + 64)
        return 0;
    limit = limits[data[0] % 4];
    bytes = (struct flare_str){(const char *)data + 1, size - 1};
    rc = flare__proxy_parse(&proxy, bytes, limit);
    check(rc >= 0 || rc == FLARE_E_BAD_REQUEST, "another error");
    check(rc <= (int)limit, "longer than the limit");
    if (size < 700)
        check_cuts(bytes, limit, rc);
    if (rc <= 0)
        return 0;
    check(proxy.is_local == (proxy.source.kind == FLARE_ADDR_NONE) &&
              proxy.is_local == (proxy.destination.kind == FLARE_ADDR_NONE),
          "addresses of a local one");
    if (proxy.source.kind == FLARE_ADDR_IP &&
        proxy.source.ip.family == proxy.destination.ip.family)
        check_text(&proxy);
    return 0;
}
