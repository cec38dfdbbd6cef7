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

static const uint8_t flare__scan_rows[16] = {1, 2, 4, 8, 16, 32, 64, 128};

/* FLARE__CHAR_TOKEN */
static const uint8_t flare__scan_name[16] = {0xe8, 0xfc, 0xf8, 0xfc, 0xfc, 0xfc,
                                             0xfc, 0xfc, 0xf8, 0xf8, 0xf4, 0x54,
                                             0xd0, 0x54, 0xf4, 0x70};

/* What FLARE__CHAR_VALUE leaves out: controls other than HTAB, and DEL. */
static const uint8_t flare__scan_control[16] = {
    0x03, 0x03, 0x03, 0x03, 0x03, 0x03, 0x03, 0x03,
    0x03, 0x02, 0x03, 0x03, 0x03, 0x03, 0x03, 0x83};

/* FLARE__CHAR_TARGET */
static const uint8_t flare__scan_target[16] = {
    0xb8, 0xfc, 0xf8, 0xf8, 0xfc, 0xf8, 0xfc, 0xfc,
    0xfc, 0xfc, 0xfc, 0x5c, 0x54, 0x5c, 0xd4, 0x74};

#endif
