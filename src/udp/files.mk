# SPDX-License-Identifier: MIT
libflare_core_la_SOURCES += \
	%D%/dgram.c \
	%D%/dgram.h \
	%D%/queue.c \
	%D%/queue.h \
	%D%/system.c \
	%D%/system.h \
	%D%/udp.c \
	%D%/udp.h \
	%D%/udp_open.c \
	%D%/udp_recv.c \
	%D%/udp_send.c
