# SPDX-License-Identifier: MIT
libflare_core_la_SOURCES += \
	%D%/acceptor.c \
	%D%/conn.c \
	%D%/conn.h \
	%D%/connect.c \
	%D%/connect.h \
	%D%/home.c \
	%D%/home.h \
	%D%/listen.c \
	%D%/listen.h \
	%D%/options.c \
	%D%/options.h \
	%D%/race.c \
	%D%/race.h \
	%D%/stream.c \
	%D%/stream.h \
	%D%/stream_api.c
