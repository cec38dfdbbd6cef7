# SPDX-License-Identifier: MIT
libflare_core_la_SOURCES += \
	%D%/chunked.h \
	%D%/date.c \
	%D%/date.h \
	%D%/head.h \
	%D%/percent.c \
	%D%/percent.h \
	%D%/router.h \
	%D%/router_build.c \
	%D%/router_match.c \
	%D%/router_tree.h \
	%D%/words.c
