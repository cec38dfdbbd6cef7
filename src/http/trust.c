/* SPDX-License-Identifier: MIT */
/* See trust.h. */
#include "http/trust.h"

#include "base/log.h"

#include <string.h>

static struct flare_str trust_trim(struct flare_str s)
{
    while (s.len > 0 && s.ptr[0] == ' ') {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && s.ptr[s.len - 1] == ' ')
        s.len--;
    return s;
}

static int trust_add(struct flare__trust *trust, struct flare_str word,
                     struct flare_error *err)
{
    struct flare_error why;

    if (flare_str_equal(word, FLARE_STR("unix"))) {
        trust->has_unix = true;
        return 0;
    }
    if (trust->net_count == FLARE__TRUST_NETS_MAX)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "trusted has more than %d networks",
                            FLARE__TRUST_NETS_MAX);
    if (flare_ip_net_parse(&trust->nets[trust->net_count], word, &why) < 0)
        return flare__error(err, FLARE_E_BAD_CONFIG, "trusted: %s", why.text);
    trust->net_count++;
    return 0;
}

int flare__trust_parse(struct flare__trust *trust, const char *text,
                       struct flare_error *err)
{
    *trust = (struct flare__trust){.is_given = text != NULL};
    while (text != NULL) {
        const char *comma = strchr(text, ',');
        struct flare_str word = flare_str(text);
        int rc;

        if (comma != NULL)
            word.len = (size_t)(comma - text);
        rc = trust_add(trust, trust_trim(word), err);
        if (rc < 0)
            return rc;
        text = comma != NULL ? comma + 1 : NULL;
    }
    return 0;
}

bool flare__trust_has(const struct flare__trust *trust,
                      const struct flare_addr *addr)
{
    if (addr->kind == FLARE_ADDR_UNIX || addr->kind == FLARE_ADDR_ABSTRACT)
        return trust->has_unix;
    for (uint32_t i = 0; i < trust->net_count; i++)
        if (addr->kind == FLARE_ADDR_IP &&
            flare_ip_net_contains(&trust->nets[i], &addr->ip))
            return true;
    return false;
}
