/* SPDX-License-Identifier: MIT */
/*
 * A link that was set on somebody who does not speak TLS goes again, so that
 * its owner can say so in clear (FAILURES T14).  Nothing was sent by then:
 * OpenSSL has no alert for what is no record.
 */
#include "tls/link_impl.h"

#include "base/assert.h"
#include "tls/fail.h"

#include <errno.h>

/* Whether the backend does what the owner believes it does, and no more. */
static bool link_is_clean(const struct flare__tls_link *l)
{
    return !l->is_closed && !l->is_gone && !l->is_sending && !l->in_flight &&
           !l->is_fin_due && !l->is_stopping && l->is_wanted && !l->is_unwanted;
}

bool flare__tls_link_leave(struct flare__wire_filter *f)
{
    struct flare__tls_link *l = flare__tls_link_from(f);
    struct flare__sock *sock = l->sock;
    bool is_receiving = l->is_receiving;

    if (l->is_open || l->rc != FLARE_E_TLS_PLAIN ||
        !flare__tls_is_http(l->engine) || !link_is_clean(l))
        return false;
    flare__tls_link_free(l);
    if (!is_receiving) /* a FIN that has come is told to who starts again */
        sock->on_event(sock, &(struct flare__event){.sock = sock,
                                                    .kind = FLARE__EV_RECV,
                                                    .res = -ECANCELED});
    return true;
}
