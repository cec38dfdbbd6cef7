/* SPDX-License-Identifier: MIT */
/*
 * The kernel's TLS, played: a backend of which only the operations of the
 * hand-over work.  What it was told is kept, and records can be made and opened
 * with nothing but that.
 */
#ifndef FLARE__TEST_SOFT_KERNEL_H
#define FLARE__TEST_SOFT_KERNEL_H

#include "net/loop.h"
#include "tls/keys.h"

struct soft_way {
    struct flare__tls_keys keys;
    uint8_t told_iv[8]; /* of AES-GCM */
    uint64_t sequence;
    int installs;
};

struct soft_kernel {
    struct flare_loop *loop; /* for the calls under test */
    struct flare__sock sock;
    struct soft_way tx;
    struct soft_way rx;
    int ulps;    /* times that it was asked for TLS */
    int ulp_rc;  /* and what it says */
    int tx_rc;   /* of TLS_TX; likewise */
    int rx_rc;   /* of TLS_RX */
    int send_rc; /* of record_send */
    int starts;  /* calls of record_start */

    uint8_t sent_type[8]; /* by record_send */
    uint8_t sent[8][16];
    size_t sent_len[8];
    int sent_count;

    uint8_t recv_type; /* for record_recv; 0: nothing is there */
    char recv[4096];
    size_t recv_at;
    size_t recv_len;
};

/*
 * Its tests take the system's word for TLS out of the way (they are linked with
 * --wrap=flare__os_has_tls): there is a kernel that has it.
 */
bool __wrap_flare__os_has_tls(void);

void soft_init(struct soft_kernel *k);
void soft_fini(struct soft_kernel *k);

/*
 * A record of TX, as the kernel would make it, in `out`; its length.  `bytes`
 * up to 16384.
 */
size_t soft_seal(struct soft_kernel *k, uint8_t type, const void *bytes,
                 size_t len, uint8_t *out);

/* Opens a record of any keys: its type and plaintext, or -1: not authentic. */
int soft_open(const struct flare__tls_keys *keys, uint64_t sequence,
              const uint8_t *record, size_t len, uint8_t *out, uint8_t *type);

/* The length of the record at the front of `bytes`; 0: it is not whole. */
size_t soft_record(const char *bytes, size_t len);

#endif
