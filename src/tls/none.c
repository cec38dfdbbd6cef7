/* SPDX-License-Identifier: MIT */
/* The face of a build without OpenSSL: it says that there is no TLS. */
#include "tls/facts.h"

#include "base/assert.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>

static int none(struct flare_error *err)
{
    return flare__error(err, -EOPNOTSUPP, "TLS: built without OpenSSL");
}

int flare_tls_server_new(flare_tls_server **out,
                         const struct flare_tls_server_config *config,
                         struct flare_error *err)
{
    (void)out;
    (void)config;
    return none(err);
}

int flare_tls_server_reload(flare_tls_server *server,
                            const struct flare_tls_server_config *config,
                            struct flare_error *err)
{
    (void)server;
    (void)config;
    return none(err);
}

int flare_tls_server_set_ticket_keys(flare_tls_server *server,
                                     const struct flare_tls_ticket_key *keys,
                                     uint32_t count)
{
    (void)server;
    (void)keys;
    (void)count;
    return -EOPNOTSUPP;
}

void flare_tls_server_stats_sized(const flare_tls_server *server, size_t size,
                                  struct flare_tls_stats *out)
{
    (void)server;
    memset(out, 0, size);
}

void flare_tls_server_free(flare_tls_server *server)
{
    FLARE_ASSERT(server == NULL);
}

int flare_tls_client_new(flare_tls_client **out,
                         const struct flare_tls_client_config *config,
                         struct flare_error *err)
{
    (void)out;
    (void)config;
    return none(err);
}

void flare_tls_client_free(flare_tls_client *client)
{
    FLARE_ASSERT(client == NULL);
}

int flare__tls_facts_info(const struct flare__sock *sock,
                          struct flare_tls_info *info)
{
    (void)sock;
    (void)info;
    return -ENOTCONN; /* nobody could begin it */
}

int flare__tls_facts_peer(const struct flare__sock *sock,
                          struct flare_tls_peer *peer, char *room, size_t size)
{
    (void)sock;
    (void)peer;
    (void)room;
    (void)size;
    return -ENOTCONN;
}

bool flare__tls_facts_is_misdirected(const struct flare__sock *sock,
                                     struct flare_str host)
{
    (void)sock;
    (void)host;
    return false;
}

int flare_tls_self_signed(struct flare_tls_cert *out, const char *const *names,
                          uint32_t days, struct flare_error *err)
{
    (void)out;
    (void)names;
    (void)days;
    return none(err);
}

void flare_tls_self_signed_free(struct flare_tls_cert *cert)
{
    FLARE_ASSERT(cert->chain.pem.ptr == NULL && cert->key.pem.ptr == NULL);
}
