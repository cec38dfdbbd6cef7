/* SPDX-License-Identifier: MIT */
/*
 * Which hosts may be looked up, said once more and in another way, with the C
 * library's address parsers; for tests.
 */
#ifndef FLARE__TEST_DNS_HOST_ORACLE_H
#define FLARE__TEST_DNS_HOST_ORACLE_H

#include <flare/base.h>

/* 'b' bad, 'n' a name, 'a' an address (without a zone). */
char dns_host_oracle(struct flare_str host);

#endif
