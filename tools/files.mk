# SPDX-License-Identifier: MIT
# The programs that are installed.  Each is built on the public headers and on
# what tools/common has for all of them.
noinst_LTLIBRARIES += %D%/libtool_common.la
%C%_libtool_common_la_SOURCES = %D%/common/tool.c %D%/common/tool.h

# A seccomp profile for containers; docs/OPERATIONS.md says how it is used.
seccompdir = $(pkgdatadir)/seccomp
dist_seccomp_DATA = %D%/seccomp/flare.json

%C%_libtool_common_la_SOURCES += %D%/common/relay.c %D%/common/relay.h

# Linux only: inotify, openat2, crypt(3).
if HAVE_SERVE
bin_PROGRAMS += %D%/flare-serve
endif
%C%_flare_serve_SOURCES = \
	%D%/serve/auth.c \
	%D%/serve/auth.h \
	%D%/serve/list.c \
	%D%/serve/list.h \
	%D%/serve/live.c \
	%D%/serve/live.h \
	%D%/serve/main.c \
	%D%/serve/options.c \
	%D%/serve/page.c \
	%D%/serve/page.h \
	%D%/serve/privileges.c \
	%D%/serve/root.c \
	%D%/serve/root.h \
	%D%/serve/serve.h \
	%D%/serve/tally.c \
	%D%/serve/tally.h \
	%D%/serve/text.c \
	%D%/serve/text.h \
	%D%/serve/upload.c \
	%D%/serve/upload.h
%C%_flare_serve_LDADD = %D%/libtool_common.la libflare.la $(CRYPT_LIBS)
dist_man1_MANS = %D%/man/flare-serve.1
EXTRA_DIST += \
	%D%/systemd/flare-serve.service \
	%D%/systemd/flare-serve.socket
