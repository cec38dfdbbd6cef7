/* SPDX-License-Identifier: MIT */
/*
 * From OpenSSL's reasons to ours: each failure its code, and a sentence that
 * names the peer and what OpenSSL says.
 */
#ifndef FLARE__TLS_FAIL_H
#define FLARE__TLS_FAIL_H

#include "tls/impl.h"

/*
 * Fills e->err from what stopped the connection (e->stop), what was wrong with
 * the certificate (e->verify_error) or the thread's error queue, in this order;
 * empties the queue and returns the code.  The state is FAILED after it.
 */
int flare__tls_fail(struct flare__tls *e);

/* The end of the peer's bytes where there should be more. */
int flare__tls_fail_eof(struct flare__tls *e);

/*
 * Whether what the peer has sent instead of a handshake begins like a request
 * of HTTP: "GET /", "DELET".
 */
bool flare__tls_is_http(const struct flare__tls *e);

/* The code for an X509_V_ERR_.... */
int flare__tls_verify_code(int verify_error);

/* Whether an allocation has failed, as the queue has it; leaves the queue. */
bool flare__tls_queue_has_no_memory(void);

/*
 * For a call of a configuration that failed: -ENOMEM, FLARE_E_TLS_WEAK or
 * `code`, with the sentence "<what>: <reason>"; empties the queue.
 */
int flare__tls_fail_conf(struct flare_error *err, int code, const char *what);

#endif
