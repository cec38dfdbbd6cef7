# SPDX-License-Identifier: MIT
libflare_core_la_SOURCES += \
	%D%/chars.c \
	%D%/chars.h \
	%D%/chunked.c \
	%D%/chunked.h \
	%D%/date.c \
	%D%/date.h \
	%D%/head.c \
	%D%/head.h \
	%D%/head_line.c \
	%D%/head_line.h \
	%D%/head_parse.inc \
	%D%/head_rules.c \
	%D%/head_rules.h \
	%D%/host.c \
	%D%/host.h \
	%D%/percent.c \
	%D%/percent.h \
	%D%/router.h \
	%D%/router_build.c \
	%D%/router_match.c \
	%D%/router_tree.h \
	%D%/scan.h \
	%D%/scan_avx2.c \
	%D%/scan_masks.inc \
	%D%/scan_neon.c \
	%D%/scan_scalar.c \
	%D%/scan_sse42.c \
	%D%/scan_tables.h \
	%D%/words.c
