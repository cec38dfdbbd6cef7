# SPDX-License-Identifier: MIT
libflare_core_la_SOURCES += \
	%D%/cache.c \
	%D%/cache.h \
	%D%/collect.c \
	%D%/collect.h \
	%D%/host.c \
	%D%/host.h \
	%D%/lookup.c \
	%D%/lookup.h \
	%D%/query.c \
	%D%/resolve.c \
	%D%/setup.c \
	%D%/setup.h \
	%D%/system.c \
	%D%/system.h
