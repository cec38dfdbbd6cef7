# SPDX-License-Identifier: MIT
libflare_core_la_SOURCES += \
	%D%/chunked.h \
	%D%/head.h \
	%D%/router.h
