# SPDX-License-Identifier: MIT
# The programs that are installed.  Each is built on the public headers and on
# what tools/common has for all of them.
noinst_LTLIBRARIES += %D%/libtool_common.la
%C%_libtool_common_la_SOURCES = %D%/common/tool.c %D%/common/tool.h

# All of flare-bench but its main, for the tests too.
noinst_LTLIBRARIES += %D%/libtool_bench.la
%C%_libtool_bench_la_SOURCES = \
	%D%/bench/answer.c \
	%D%/bench/answer.h \
	%D%/bench/chart.c \
	%D%/bench/chart.h \
	%D%/bench/condition.c \
	%D%/bench/condition.h \
	%D%/bench/frames.c \
	%D%/bench/frames.h \
	%D%/bench/histogram.c \
	%D%/bench/histogram.h \
	%D%/bench/html.c \
	%D%/bench/html.h \
	%D%/bench/http.c \
	%D%/bench/job.h \
	%D%/bench/json_read.c \
	%D%/bench/json_read.h \
	%D%/bench/link.c \
	%D%/bench/link.h \
	%D%/bench/outcome.h \
	%D%/bench/pace.c \
	%D%/bench/pace.h \
	%D%/bench/peak.c \
	%D%/bench/peak.h \
	%D%/bench/progress.c \
	%D%/bench/progress.h \
	%D%/bench/requests.c \
	%D%/bench/requests.h \
	%D%/bench/run.c \
	%D%/bench/run.h \
	%D%/bench/settings.c \
	%D%/bench/settings.h \
	%D%/bench/summary.c \
	%D%/bench/summary.h \
	%D%/bench/summary_read.c \
	%D%/bench/summary_text.c \
	%D%/bench/tally.c \
	%D%/bench/tally.h \
	%D%/bench/target.c \
	%D%/bench/target.h \
	%D%/bench/text.c \
	%D%/bench/text.h \
	%D%/bench/worker.c \
	%D%/bench/worker.h \
	%D%/bench/ws.c
%C%_libtool_bench_la_LIBADD = %D%/libtool_common.la -lm
bin_PROGRAMS += %D%/flare-bench
%C%_flare_bench_SOURCES = %D%/bench/main.c
%C%_flare_bench_LDADD = %D%/libtool_bench.la libflare.la
# What --json writes.
benchdatadir = $(pkgdatadir)/flare-bench
dist_benchdata_DATA = %D%/bench/schema.json

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

bin_PROGRAMS += %D%/flare-get
%C%_flare_get_SOURCES = \
	%D%/get/body.c \
	%D%/get/download.c \
	%D%/get/facts.c \
	%D%/get/get.h \
	%D%/get/main.c \
	%D%/get/options.c \
	%D%/get/screen.c \
	%D%/get/screen.h
%C%_flare_get_LDADD = %D%/libtool_common.la libflare.la

bin_PROGRAMS += %D%/flare-ws
%C%_flare_ws_SOURCES = \
	%D%/ws/connect.c \
	%D%/ws/input.c \
	%D%/ws/input.h \
	%D%/ws/listen.c \
	%D%/ws/main.c \
	%D%/ws/options.c \
	%D%/ws/show.c \
	%D%/ws/show.h \
	%D%/ws/ws.h
%C%_flare_ws_LDADD = %D%/libtool_common.la libflare.la -lm

# Linux only, as what it tells of is.
if HAVE_SERVE
bin_PROGRAMS += %D%/flare-probe
endif
%C%_flare_probe_SOURCES = \
	%D%/probe/facts.c \
	%D%/probe/facts.h \
	%D%/probe/ktls.c \
	%D%/probe/main.c \
	%D%/probe/probe.h \
	%D%/probe/ring.c \
	%D%/probe/system.c
%C%_flare_probe_LDADD = %D%/libtool_common.la libflare.la

dist_man1_MANS = \
	%D%/man/flare-bench.1 \
	%D%/man/flare-get.1 \
	%D%/man/flare-probe.1 \
	%D%/man/flare-serve.1 \
	%D%/man/flare-ws.1
# Units of a deployment to start from; the service has its security settings.
systemdunitdir = $(prefix)/lib/systemd/system
if HAVE_SERVE
dist_systemdunit_DATA = \
	%D%/systemd/flare-serve.service \
	%D%/systemd/flare-serve.socket
endif

# Written by completion/generate from what --help says.
bash_completiondir = $(datadir)/bash-completion/completions
zsh_completiondir = $(datadir)/zsh/vendor-completions
fish_completiondir = $(datadir)/fish/vendor_completions.d
dist_bash_completion_DATA = \
	%D%/completion/bash/flare-bench \
	%D%/completion/bash/flare-get \
	%D%/completion/bash/flare-probe \
	%D%/completion/bash/flare-serve \
	%D%/completion/bash/flare-ws
dist_zsh_completion_DATA = \
	%D%/completion/zsh/_flare-bench \
	%D%/completion/zsh/_flare-get \
	%D%/completion/zsh/_flare-probe \
	%D%/completion/zsh/_flare-serve \
	%D%/completion/zsh/_flare-ws
dist_fish_completion_DATA = \
	%D%/completion/fish/flare-bench.fish \
	%D%/completion/fish/flare-get.fish \
	%D%/completion/fish/flare-probe.fish \
	%D%/completion/fish/flare-serve.fish \
	%D%/completion/fish/flare-ws.fish
EXTRA_DIST += %D%/completion/generate
