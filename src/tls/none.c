/* SPDX-License-Identifier: MIT */
/* The public face of a build without OpenSSL: it says that there is no TLS. */
#include <flare/tls.h>

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

int flare_stream_tls_info(const flare_stream *stream,
                          struct flare_tls_info *info)
{
    (void)stream;
    (void)info;
    return -ENOTCONN; /* nobody could begin it */
}

int flare_conn_tls_info(flare_conn *conn, struct flare_tls_info *info)
{
    (void)conn;
    (void)info;
    return -ENOTCONN;
}
