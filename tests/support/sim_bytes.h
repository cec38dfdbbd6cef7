/* SPDX-License-Identifier: MIT */
/*
 * Bodies as a function of (connection, request, offset): whoever gets a byte
 * of another request's knows.
 */
#ifndef FLARE__TEST_SIM_BYTES_H
#define FLARE__TEST_SIM_BYTES_H

#include <flare/base.h>

void sim_bytes_fill(char *out, size_t len, uint32_t conn, uint32_t request,
                    size_t offset);
bool sim_bytes_equal(const char *bytes, size_t len, uint32_t conn,
                     uint32_t request, size_t offset);
uint64_t sim_bytes_sum(const char *bytes, size_t len);

#endif
