# SPDX-License-Identifier: MIT
libflare_core_la_SOURCES += \
	%D%/alloc.c \
	%D%/alloc.h \
	%D%/assert.c \
	%D%/assert.h \
	%D%/error.c \
	%D%/log.c \
	%D%/log.h \
	%D%/str.c
