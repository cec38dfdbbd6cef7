# SPDX-License-Identifier: MIT
libflare_core_la_SOURCES += \
	%D%/facts.h \
	%D%/stream.c
if HAVE_OPENSSL
libflare_core_la_SOURCES += \
	%D%/bio.c \
	%D%/bio.h \
	%D%/certs.c \
	%D%/certs.h \
	%D%/client.c \
	%D%/client.h \
	%D%/conf.c \
	%D%/conf.h \
	%D%/control.c \
	%D%/control.h \
	%D%/counts.c \
	%D%/counts.h \
	%D%/engine.c \
	%D%/engine.h \
	%D%/facts.c \
	%D%/fail.c \
	%D%/fail.h \
	%D%/hello.c \
	%D%/hello.h \
	%D%/impl.h \
	%D%/kernel.c \
	%D%/kernel.h \
	%D%/keys.c \
	%D%/keys.h \
	%D%/link.c \
	%D%/link.h \
	%D%/link_impl.h \
	%D%/link_leave.c \
	%D%/link_kernel.c \
	%D%/link_out.c \
	%D%/load.c \
	%D%/load.h \
	%D%/output.c \
	%D%/records.c \
	%D%/records.h \
	%D%/self_signed.c \
	%D%/server.c \
	%D%/server.h \
	%D%/sessions.c \
	%D%/sessions.h \
	%D%/tickets.c \
	%D%/tickets.h \
	%D%/verify.c \
	%D%/verify.h
else
libflare_core_la_SOURCES += \
	%D%/none.c
endif
