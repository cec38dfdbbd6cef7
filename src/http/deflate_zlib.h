/* SPDX-License-Identifier: MIT */
/* What the encoder and the decoder share of zlib. */
#ifndef FLARE__HTTP_DEFLATE_ZLIB_H
#define FLARE__HTTP_DEFLATE_ZLIB_H

#include "base/zlib_hooks.h"
#include "http/deflate.h"

#include <zlib.h>

/* zlib's windowBits for a wrap; 0 for one that it has not. */
int flare__z_window(enum flare__wrap wrap, int bits);

#endif
