/* SPDX-License-Identifier: MIT */
/* uri-host [":" port] with the C library's address parsers; for tests. */
#ifndef FLARE__TEST_HOST_ORACLE_H
#define FLARE__TEST_HOST_ORACLE_H

#include <stdbool.h>

bool host_oracle(const char *host, bool needs_port);

#endif
