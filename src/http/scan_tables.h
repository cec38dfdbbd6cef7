/* SPDX-License-Identifier: MIT */
/*
 * Classes of ASCII bytes for a 16-byte table look-up.  Bit h of entry l says
 * that byte (h << 4 | l) is in the class; rows[h] is 1 << h, and nothing from
 * 0x80 up is in any class.  So a byte b is in the class exactly if
 * class[b & 15] & rows[b >> 4] is not 0.
 */
#ifndef FLARE__HTTP_SCAN_TABLES_H
#define FLARE__HTTP_SCAN_TABLES_H

#include <stdint.h>

/* All quarters alike: a look-up of vectors works in each 16 bytes by itself. */
#define FLARE__SCAN_QUARTERS(...)                                              \
    __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__
#define FLARE__SCAN_TABLE                                                      \
    static const uint8_t __attribute__((aligned(64), unused))

FLARE__SCAN_TABLE flare__scan_rows[64] = {
    FLARE__SCAN_QUARTERS(1, 2, 4, 8, 16, 32, 64, 128, 0, 0, 0, 0, 0, 0, 0, 0)};

FLARE__SCAN_TABLE flare__scan_nibble[64] = {FLARE__SCAN_QUARTERS(
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15)};

/* FLARE__CHAR_TOKEN */
FLARE__SCAN_TABLE flare__scan_name[64] = {
    FLARE__SCAN_QUARTERS(0xe8, 0xfc, 0xf8, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0xf8,
                         0xf8, 0xf4, 0x54, 0xd0, 0x54, 0xf4, 0x70)};

/* What FLARE__CHAR_VALUE leaves out: controls other than HTAB, and DEL. */
FLARE__SCAN_TABLE flare__scan_control[64] = {
    FLARE__SCAN_QUARTERS(0x03, 0x03, 0x03, 0x03, 0x03, 0x03, 0x03, 0x03, 0x03,
                         0x02, 0x03, 0x03, 0x03, 0x03, 0x03, 0x83)};

/* FLARE__CHAR_TARGET */
FLARE__SCAN_TABLE flare__scan_target[64] = {
    FLARE__SCAN_QUARTERS(0xb8, 0xfc, 0xf8, 0xf8, 0xfc, 0xf8, 0xfc, 0xfc, 0xfc,
                         0xfc, 0xfc, 0x5c, 0x54, 0x5c, 0xd4, 0x74)};

/* FLARE__CHAR_NAME */
FLARE__SCAN_TABLE flare__scan_host[64] = {
    FLARE__SCAN_QUARTERS(0xa8, 0xfc, 0xf8, 0xf8, 0xfc, 0xf8, 0xfc, 0xfc, 0xfc,
                         0xfc, 0xf4, 0x5c, 0x50, 0x5c, 0xd4, 0x70)};

#endif
