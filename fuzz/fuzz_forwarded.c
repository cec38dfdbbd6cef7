/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what a client sends in front of a trusted proxy's element: the
 * client is the one that the proxy saw, whether the bytes are in the proxy's
 * field or in one before it.  And as the proxy's own words: read in bounds,
 * and what is told is valid.  The first byte chooses the field.
 */
#include "http/forwarded.h"
#include "http/host.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    enum flare__forwarded_kind kind;
    const char *name;
    const char *element;
} forms[] = {
    {FLARE__FORWARDED_STANDARD, "Forwarded",
     "for=\"192.0.2.1:7\";host=\"a:1\";proto=https;x=\"\\\\,\\\"\""},
    {FLARE__FORWARDED_X, "X-Forwarded-For", "192.0.2.1:7"},
};

static void check(bool is_right, const char *what)
{
    if (!is_right) {
        fprintf(stderr, "fuzz_forwarded: %s\n", what);
        abort();
    }
}

static void forwarded(struct flare__forwarded *out, size_t form,
                      const struct flare_str *values, size_t count)
{
    const uint8_t peer_bytes[4] = {10, 0, 0, 1};
    const uint8_t net_bytes[4] = {10};
    const struct flare_ip_net net = {.base = flare_ip_v4(net_bytes),
                                     .prefix = 8};
    const struct flare__forwarded_rules rules = {
        .kind = forms[form].kind, .nets = &net, .net_count = 1};
    const struct flare_addr peer = {.kind = FLARE_ADDR_IP,
                                    .ip = flare_ip_v4(peer_bytes)};
    struct flare__field fields[2];

    for (size_t i = 0; i < count; i++) {
        fields[i].name = forms[form].name;
        fields[i].name_len = (uint32_t)strlen(forms[form].name);
        fields[i].value = values[i].ptr;
        fields[i].value_len = (uint32_t)values[i].len;
    }
    flare__forwarded_read(out, &rules, &peer, fields, count);
}

static void check_proxys_word(const struct flare__forwarded *out)
{
    const uint8_t want[4] = {192, 0, 2, 1};

    check(out->end == FLARE__FORWARDED_FOUND && out->hops == 1 &&
              out->client.port == 7 &&
              memcmp(out->client.ip.bytes + 12, want, 4) == 0,
          "not the client that the proxy saw");
}

static void check_any(const struct flare__forwarded *out)
{
    check(out->hops <= FLARE__FORWARDED_HOPS_MAX, "hops");
    check(out->client.kind == FLARE_ADDR_IP, "no address");
    check(out->host.len == 0 ||
              flare__host_is_valid(out->host, FLARE__PORT_MAY_BE),
          "host");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char joined[INPUT_MAX + 128];
    struct flare__forwarded out;
    struct flare_str values[2];
    size_t form;
    int len;

    if (size == 0 || size > INPUT_MAX)
        return 0;
    form = data[0] % 2;
    values[0] = (struct flare_str){(const char *)data + 1, size - 1};
    values[1] = flare_str(forms[form].element);
    forwarded(&out, form, values, 1);
    check_any(&out);
    forwarded(&out, form, values, 2);
    check_proxys_word(&out);
    memcpy(joined, values[0].ptr, values[0].len);
    len = snprintf(joined + values[0].len, 128, ", %s", values[1].ptr);
    values[0] = (struct flare_str){joined, values[0].len + (size_t)len};
    forwarded(&out, form, values, 1);
    check_proxys_word(&out);
    return 0;
}
