# SPDX-License-Identifier: MIT
libflare_core_la_SOURCES += \
	%D%/addr.c \
	%D%/addr.h \
	%D%/choose.c \
	%D%/choose.h \
	%D%/clock.c \
	%D%/clock.h \
	%D%/file.c \
	%D%/file.h \
	%D%/ip.c \
	%D%/ip_class.c \
	%D%/handoff.c \
	%D%/handoff.h \
	%D%/handoff_wire.c \
	%D%/handoff_wire.h \
	%D%/inherit.c \
	%D%/inherit.h \
	%D%/listen_set.c \
	%D%/listen_set.h \
	%D%/listener.c \
	%D%/listener.h \
	%D%/loop.c \
	%D%/loop.h \
	%D%/mailbox.c \
	%D%/mailbox.h \
	%D%/notify.c \
	%D%/notify.h \
	%D%/signal.c \
	%D%/signal.h \
	%D%/sock.c \
	%D%/sock.h \
	%D%/takeover.c \
	%D%/timer.c \
	%D%/timer.h \
	%D%/worker.c \
	%D%/worker.h
