/* SPDX-License-Identifier: MIT */
/* See certs.h. */
#include "tls/certs.h"

#include "base/alloc.h"
#include "dns/host.h"
#include "tls/fail.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CERTS_NAMES_MAX = 65536 };

struct certs_name {
    struct flare_str text; /* lower case; of a wildcard ".example.com" */
    uint32_t pair;
    bool is_wildcard;
};

struct flare__tls_certs {
    struct flare__tls_pair *pairs;
    struct certs_name *names; /* sorted */
    uint32_t pair_count;
    uint32_t name_count;
    uint32_t name_cap;
};

static char certs_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* By text, wildcards behind, then in the order of the configuration. */
static int certs_compare_text(const struct certs_name *a, struct flare_str text,
                              bool is_wildcard)
{
    size_t n = a->text.len < text.len ? a->text.len : text.len;
    int order = memcmp(a->text.ptr, text.ptr, n);

    if (order != 0)
        return order;
    if (a->text.len != text.len)
        return a->text.len < text.len ? -1 : 1;
    return (int)a->is_wildcard - (int)is_wildcard;
}

static int certs_compare(const void *left, const void *right)
{
    const struct certs_name *a = left;
    const struct certs_name *b = right;
    int order = certs_compare_text(a, b->text, b->is_wildcard);

    if (order != 0)
        return order;
    return (a->pair > b->pair) - (a->pair < b->pair);
}

/* false: no memory.  What is no host's name is left out. */
static bool certs_add(struct flare__tls_certs *certs, struct flare_str name,
                      uint32_t pair, const struct flare_allocator *al)
{
    bool is_wildcard = name.len > 2 && memcmp(name.ptr, "*.", 2) == 0;
    struct flare_str host = name;
    struct flare_ip ip;
    char *copy;

    if (is_wildcard)
        host = (struct flare_str){name.ptr + 2, name.len - 2};
    if (flare__dns_host_read(&ip, host, NULL) != FLARE__DNS_HOST_NAME ||
        certs->name_count >= CERTS_NAMES_MAX)
        return true;
    if (certs->name_count == certs->name_cap) {
        uint32_t cap = certs->name_cap == 0 ? 8 : certs->name_cap * 2;
        struct certs_name *more =
            flare__realloc(al, certs->names, cap * sizeof(*more));

        if (more == NULL)
            return false;
        certs->names = more;
        certs->name_cap = cap;
    }
    if (is_wildcard)
        name = (struct flare_str){name.ptr + 1, name.len - 1};
    copy = flare__alloc(al, name.len);
    if (copy == NULL)
        return false;
    for (size_t i = 0; i < name.len; i++)
        copy[i] = certs_lower(name.ptr[i]);
    certs->names[certs->name_count++] =
        (struct certs_name){{copy, name.len}, pair, is_wildcard};
    return true;
}

static bool certs_add_names(struct flare__tls_certs *certs, uint32_t pair,
                            const struct flare_allocator *al)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certs->pairs[pair].leaf,
                                            NID_subject_alt_name, NULL, NULL);
    bool is_done = true;

    for (int i = 0; is_done && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type != GEN_DNS)
            continue;
        is_done =
            certs_add(certs,
                      (struct flare_str){
                          (const char *)ASN1_STRING_get0_data(name->d.dNSName),
                          (size_t)ASN1_STRING_length(name->d.dNSName)},
                      pair, al);
    }
    GENERAL_NAMES_free(names);
    return is_done && !flare__tls_queue_has_no_memory();
}

static int certs_load(struct flare__tls_certs *certs,
                      const struct flare_tls_server_config *config,
                      const struct flare_allocator *al, struct flare_error *err)
{
    const struct flare__log log = {config->log, config->log_ctx};

    for (uint32_t i = 0; i < config->cert_count; i++) {
        char what[32];
        int rc;

        (void)snprintf(what, sizeof(what), "certs[%u]", (unsigned)i);
        rc = flare__tls_load_pair(&certs->pairs[i], &config->certs[i], what,
                                  err);
        if (rc < 0)
            return rc;
        certs->pair_count++;
        if (!certs_add_names(certs, i, al))
            return flare__error(err, -ENOMEM, "%s: out of memory", what);
        if (X509_cmp_current_time(X509_get0_notAfter(certs->pairs[i].leaf)) < 0)
            flare__log(&log, FLARE_LOG_WARN, "TLS: %s has expired", what);
    }
    return 0;
}

int flare__tls_certs_new(struct flare__tls_certs **out,
                         const struct flare_tls_server_config *config,
                         const struct flare_allocator *al,
                         struct flare_error *err)
{
    struct flare__tls_certs *certs;
    int rc;

    if (config->certs == NULL || config->cert_count == 0 ||
        config->cert_count > FLARE_TLS_CERTS_MAX)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "certs: from 1 to %d are needed",
                            FLARE_TLS_CERTS_MAX);
    certs = flare__calloc(al, 1, sizeof(*certs));
    if (certs == NULL)
        return flare__error(err, -ENOMEM, "certs: out of memory");
    certs->pairs = flare__calloc(al, config->cert_count, sizeof(*certs->pairs));
    rc = certs->pairs == NULL
             ? flare__error(err, -ENOMEM, "certs: out of memory")
             : certs_load(certs, config, al, err);
    if (rc < 0)
        flare__tls_certs_free(certs, al);
    ERR_clear_error();
    if (rc < 0)
        return rc;
    if (certs->name_count > 0)
        qsort(certs->names, certs->name_count, sizeof(*certs->names),
              certs_compare);
    *out = certs;
    return 0;
}

void flare__tls_certs_free(struct flare__tls_certs *certs,
                           const struct flare_allocator *al)
{
    if (certs == NULL)
        return;
    for (uint32_t i = 0; i < certs->name_count; i++)
        flare__free(al, (char *)(uintptr_t)certs->names[i].text.ptr);
    for (uint32_t i = 0; i < certs->pair_count; i++)
        flare__tls_pair_fini(&certs->pairs[i]);
    flare__free(al, certs->names);
    flare__free(al, certs->pairs);
    flare__free(al, certs);
}

int flare__tls_certs_check(const struct flare__tls_certs *certs, SSL_CTX *ctx,
                           struct flare_error *err)
{
    ERR_clear_error();
    for (uint32_t i = certs->pair_count; i-- > 0;) {
        const struct flare__tls_pair *pair = &certs->pairs[i];
        char what[32];

        (void)snprintf(what, sizeof(what), "certs[%u]", (unsigned)i);
        if (SSL_CTX_use_cert_and_key(ctx, pair->leaf, pair->key, pair->chain,
                                     /* override = */ 1) != 1)
            return flare__tls_fail_conf(err, FLARE_E_TLS_CERTIFICATE, what);
    }
    ERR_clear_error();
    return 0;
}

/* The first of the names that are this one; name_count: there is none. */
static uint32_t certs_lookup(const struct flare__tls_certs *certs,
                             struct flare_str text, bool is_wildcard)
{
    uint32_t low = 0;
    uint32_t high = certs->name_count;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (certs_compare_text(&certs->names[mid], text, is_wildcard) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < certs->name_count &&
        certs_compare_text(&certs->names[low], text, is_wildcard) == 0)
        return low;
    return certs->name_count;
}

static bool certs_use(SSL *ssl, const struct flare__tls_pair *pair)
{
    return SSL_use_cert_and_key(ssl, pair->leaf, pair->key, pair->chain,
                                /* override = */ 1) == 1;
}

bool flare__tls_certs_choose(const struct flare__tls_certs *certs, SSL *ssl,
                             struct flare_str name)
{
    const char *dot = name.len == 0 ? NULL : memchr(name.ptr, '.', name.len);
    struct flare_str text = name;
    bool is_wildcard = false;
    uint32_t first = certs->name_count;
    uint32_t end;

    SSL_certs_clear(ssl);
    if (name.len > 0)
        first = certs_lookup(certs, name, false);
    if (first == certs->name_count && dot != NULL && dot > name.ptr) {
        text = (struct flare_str){dot, name.len - (size_t)(dot - name.ptr)};
        is_wildcard = true;
        first = certs_lookup(certs, text, true);
    }
    if (first == certs->name_count)
        return certs_use(ssl, &certs->pairs[0]);
    end = first;
    while (end < certs->name_count &&
           certs_compare_text(&certs->names[end], text, is_wildcard) == 0)
        end++;
    /* of two of the same kind the later call wins: that is the first */
    while (end > first) {
        if (!certs_use(ssl, &certs->pairs[certs->names[--end].pair]))
            return false;
    }
    return true;
}

const struct flare__tls_pair *flare__tls_certs_find(
    const struct flare__tls_certs *certs, const X509 *leaf)
{
    for (uint32_t i = 0; i < certs->pair_count; i++) {
        if (certs->pairs[i].leaf == leaf)
            return &certs->pairs[i];
    }
    return NULL;
}
