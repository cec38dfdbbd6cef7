# SPDX-License-Identifier: MIT
libflare_core_la_SOURCES += \
	%D%/alloc.c \
	%D%/alloc.h \
	%D%/arena.c \
	%D%/arena.h \
	%D%/assert.c \
	%D%/assert.h \
	%D%/base64.c \
	%D%/base64.h \
	%D%/cpu.c \
	%D%/cpu.h \
	%D%/error.c \
	%D%/hash.c \
	%D%/hash.h \
	%D%/log.c \
	%D%/log.h \
	%D%/reader.c \
	%D%/sha1.c \
	%D%/sha1.h \
	%D%/slab.c \
	%D%/slab.h \
	%D%/str.c \
	%D%/trace.h \
	%D%/utf8.c \
	%D%/utf8.h \
	%D%/utf8_avx2.c \
	%D%/utf8_avx512.c \
	%D%/utf8_kernels.h \
	%D%/utf8_neon.c \
	%D%/utf8_scan.inc \
	%D%/utf8_sse42.c \
	%D%/zlib_hooks.h
