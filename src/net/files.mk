# SPDX-License-Identifier: MIT
libflare_core_la_SOURCES += \
	%D%/clock.c \
	%D%/clock.h \
	%D%/mailbox.c \
	%D%/mailbox.h \
	%D%/timer.c \
	%D%/timer.h
