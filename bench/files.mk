# SPDX-License-Identifier: MIT
# bench/run builds what it needs of these; `make` alone leaves them out.
# They are the limit and the measure, so they go without hardening; and they
# link nothing of the library.
bench_CFLAGS = $(DIALECT_CFLAGS) $(WARN_CFLAGS)

EXTRA_PROGRAMS = %D%/floor_epoll %D%/floor_echo
CLEANFILES += %D%/floor_epoll %D%/floor_echo

bench_floor_epoll_SOURCES = %D%/floor_epoll.c %D%/floor.c \
	%D%/call.h %D%/floor.h %D%/answer.h %D%/number.h
bench_floor_epoll_CFLAGS = $(bench_CFLAGS)
bench_floor_epoll_LDFLAGS =
bench_floor_epoll_LDADD =

bench_floor_echo_SOURCES = %D%/floor_echo.c %D%/floor.c \
	%D%/call.h %D%/floor.h %D%/answer.h %D%/number.h
bench_floor_echo_CFLAGS = $(bench_CFLAGS)
bench_floor_echo_LDFLAGS =
bench_floor_echo_LDADD =

if HAVE_LIBURING
EXTRA_PROGRAMS += %D%/floor_uring %D%/load
CLEANFILES += %D%/floor_uring %D%/load
endif

bench_floor_uring_SOURCES = %D%/floor_uring.c %D%/floor.c \
	%D%/floor.h %D%/answer.h %D%/number.h
bench_floor_uring_CFLAGS = $(bench_CFLAGS)
bench_floor_uring_LDFLAGS =
bench_floor_uring_LDADD = $(LIBURING_LIBS)

bench_load_SOURCES = %D%/load.c %D%/load_engine.c \
	%D%/load_slow.c %D%/load_slow.h %D%/load_target.c \
	%D%/load.h %D%/histogram.h %D%/number.h
bench_load_CFLAGS = $(bench_CFLAGS)
bench_load_LDFLAGS =
bench_load_LDADD = $(LIBURING_LIBS)

if HAVE_OPENSSL
EXTRA_PROGRAMS += %D%/load_tls %D%/tls_floor
CLEANFILES += %D%/load_tls %D%/tls_floor
endif
bench_load_tls_SOURCES = %D%/load_tls.c %D%/histogram.h %D%/number.h
bench_load_tls_CFLAGS = $(bench_CFLAGS) $(OPENSSL_CFLAGS)
bench_load_tls_LDFLAGS =
bench_load_tls_LDADD = $(OPENSSL_LIBS)

bench_tls_floor_SOURCES = %D%/tls_floor.c %D%/number.h
bench_tls_floor_CFLAGS = $(bench_CFLAGS) $(OPENSSL_CFLAGS)
bench_tls_floor_LDFLAGS =
bench_tls_floor_LDADD = $(OPENSSL_LIBS)

micro_ldadd = libflare_core.la $(LIBURING_LIBS) $(OPENSSL_LIBS) $(ZLIB_LIBS)

# Links the parser; bench/micro/bench_head.c says how to compare it.
EXTRA_PROGRAMS += %D%/micro/bench_head
CLEANFILES += %D%/micro/bench_head
bench_micro_bench_head_LDADD = $(micro_ldadd)

EXTRA_PROGRAMS += %D%/micro/bench_router
CLEANFILES += %D%/micro/bench_router
bench_micro_bench_router_LDADD = $(micro_ldadd)

EXTRA_PROGRAMS += %D%/micro/bench_timer
CLEANFILES += %D%/micro/bench_timer
bench_micro_bench_timer_LDADD = libflare.la

# Of the parts that bench/micro/baseline holds, which a test counts.
check_PROGRAMS += %D%/micro/bench_parts
bench_micro_bench_parts_CPPFLAGS = $(AM_CPPFLAGS) -DBENCH_CFLAGS='"$(CFLAGS)"'
bench_micro_bench_parts_LDADD = $(micro_ldadd)

EXTRA_PROGRAMS += %D%/micro/bench_ws
CLEANFILES += %D%/micro/bench_ws
bench_micro_bench_ws_LDADD = $(micro_ldadd)

# The workloads' servers, on the public headers.
EXTRA_PROGRAMS += %D%/serve %D%/echo
CLEANFILES += %D%/serve %D%/echo
bench_echo_SOURCES = %D%/echo.c
bench_echo_LDADD = libflare.la
EXTRA_PROGRAMS += %D%/ws_echo
CLEANFILES += %D%/ws_echo
bench_ws_echo_SOURCES = %D%/ws_echo.c
bench_ws_echo_LDADD = libflare.la
bench_serve_SOURCES = %D%/serve.c %D%/number.h
bench_serve_LDADD = libflare.la

# The room of bench/ws, and its peer; the other peer is bench/harness/ws.py's to
# build, whose copy is not ours.
EXTRA_PROGRAMS += %D%/ws_room %D%/lws_echo
CLEANFILES += %D%/ws_room %D%/lws_echo
bench_ws_room_SOURCES = %D%/ws_room.c %D%/histogram.h %D%/number.h
bench_ws_room_CFLAGS = $(bench_CFLAGS)
bench_ws_room_LDFLAGS =
bench_lws_echo_SOURCES = %D%/peers/lws_echo.c %D%/number.h
bench_lws_echo_CFLAGS = $(bench_CFLAGS)
bench_lws_echo_LDFLAGS =
bench_lws_echo_LDADD = -lwebsockets

# The clients of `bench/run --workload client`.
EXTRA_PROGRAMS += %D%/client
CLEANFILES += %D%/client
bench_client_SOURCES = %D%/client.c %D%/number.h
bench_client_LDADD = libflare.la
if HAVE_CURL
EXTRA_PROGRAMS += %D%/client_curl
CLEANFILES += %D%/client_curl
endif
bench_client_curl_SOURCES = %D%/client_curl.c %D%/number.h
bench_client_curl_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS)
bench_client_curl_CFLAGS = $(bench_CFLAGS)
bench_client_curl_LDFLAGS =
bench_client_curl_LDADD = $(CURL_LIBS)

.PHONY: bench
bench:
	$(top_srcdir)/bench/run --build $(abs_top_builddir) $(BENCH_ARGS)

EXTRA_DIST += \
	%D%/README.md \
	%D%/micro/README.md \
	%D%/micro/baseline \
	%D%/micro/run \
	%D%/echo_syscalls \
	%D%/pipeline.lua \
	%D%/run \
	%D%/wrk_check \
	%D%/ws \
	%D%/harness/__init__.py \
	%D%/harness/build.py \
	%D%/harness/catalogue.py \
	%D%/harness/clients.py \
	%D%/harness/compare.py \
	%D%/harness/echo.py \
	%D%/harness/hdr.py \
	%D%/harness/integrity.py \
	%D%/harness/machine.py \
	%D%/harness/measure.py \
	%D%/harness/memory.py \
	%D%/harness/page.py \
	%D%/harness/report.py \
	%D%/harness/results.py \
	%D%/harness/rows.py \
	%D%/harness/servers.py \
	%D%/harness/slow.py \
	%D%/harness/stats.py \
	%D%/harness/svg.py \
	%D%/harness/tls.py \
	%D%/harness/tool.py \
	%D%/harness/witness.py \
	%D%/harness/workloads.py \
	%D%/harness/ws.py \
	%D%/peers/go_hello.go \
	%D%/peers/h2o.conf \
	%D%/peers/haproxy.cfg \
	%D%/peers/lighttpd.conf \
	%D%/peers/nginx.conf \
	%D%/peers/uws_echo.cpp
