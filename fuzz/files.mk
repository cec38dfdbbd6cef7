# SPDX-License-Identifier: MIT
# A fuzz target is fuzz/fuzz_x.c with LLVMFuzzerTestOneInput, its corpus in
# fuzz/corpus/x, and two lines here.  With --enable-fuzzers libFuzzer drives
# it.  Without, replay.c does: it is a test that runs the corpus once.
fuzz_targets = \
	%D%/fuzz_addr \
	%D%/fuzz_chunked \
	%D%/fuzz_client \
	%D%/fuzz_cookie \
	%D%/fuzz_date \
	%D%/fuzz_decoding \
	%D%/fuzz_dns_host \
	%D%/fuzz_encode \
	%D%/fuzz_form \
	%D%/fuzz_forwarded \
	%D%/fuzz_head \
	%D%/fuzz_inflate \
	%D%/fuzz_json \
	%D%/fuzz_multipart \
	%D%/fuzz_proxy \
	%D%/fuzz_range \
	%D%/fuzz_reader \
	%D%/fuzz_reply \
	%D%/fuzz_res \
	%D%/fuzz_router \
	%D%/fuzz_set_cookie \
	%D%/fuzz_sim \
	%D%/fuzz_stream \
	%D%/fuzz_timer \
	%D%/fuzz_url \
	%D%/fuzz_utf8 \
	%D%/fuzz_ws_conn \
	%D%/fuzz_ws_deflate \
	%D%/fuzz_ws_frame \
	%D%/fuzz_ws_handshake

if HAVE_OPENSSL
fuzz_targets += %D%/fuzz_tls_client %D%/fuzz_tls_server %D%/fuzz_tls_stream
endif

fuzz_fuzz_addr_LDADD = $(fuzz_ldadd)
fuzz_fuzz_chunked_LDADD = $(fuzz_ldadd)
fuzz_fuzz_client_LDADD = $(fuzz_ldadd)
fuzz_fuzz_cookie_LDADD = $(fuzz_ldadd)
fuzz_fuzz_date_LDADD = $(fuzz_ldadd)
fuzz_fuzz_decoding_LDADD = $(fuzz_ldadd)
fuzz_fuzz_dns_host_LDADD = $(fuzz_ldadd)
fuzz_fuzz_encode_LDADD = $(fuzz_ldadd)
fuzz_fuzz_form_LDADD = $(fuzz_ldadd)
fuzz_fuzz_forwarded_LDADD = $(fuzz_ldadd)
fuzz_fuzz_head_LDADD = $(fuzz_ldadd)
fuzz_fuzz_multipart_LDADD = $(fuzz_ldadd)
fuzz_fuzz_proxy_LDADD = $(fuzz_ldadd)
fuzz_fuzz_inflate_LDADD = $(fuzz_ldadd)
fuzz_fuzz_json_LDADD = $(fuzz_ldadd)
fuzz_fuzz_range_LDADD = $(fuzz_ldadd)
fuzz_fuzz_reader_LDADD = $(fuzz_ldadd)
fuzz_fuzz_reply_LDADD = $(fuzz_ldadd)
fuzz_fuzz_res_SOURCES = \
	%D%/fuzz_res.c \
	tests/http/conn_rig.c \
	tests/http/conn_rig.h
fuzz_fuzz_res_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=_mark_point \
	-Wl,--wrap=_ck_assert_failed
fuzz_fuzz_res_LDADD = $(fuzz_ldadd)
fuzz_fuzz_router_LDADD = $(fuzz_ldadd)
fuzz_fuzz_set_cookie_LDADD = $(fuzz_ldadd)
fuzz_fuzz_sim_LDADD = $(fuzz_ldadd)
fuzz_fuzz_sim_LDFLAGS = $(sim_ldflags)
fuzz_fuzz_tls_client_LDADD = $(fuzz_ldadd)
fuzz_fuzz_tls_server_LDADD = $(fuzz_ldadd)
fuzz_fuzz_tls_stream_SOURCES = \
	%D%/fuzz_stream.c \
	%D%/stream_tls.c \
	%D%/stream_tls.h
fuzz_fuzz_tls_stream_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_STREAM_TLS
fuzz_fuzz_tls_stream_LDFLAGS = $(sim_ldflags)
fuzz_fuzz_tls_stream_LDADD = $(fuzz_ldadd)
fuzz_fuzz_stream_LDADD = $(fuzz_ldadd)
fuzz_fuzz_timer_LDADD = $(fuzz_ldadd)
fuzz_fuzz_ws_conn_LDADD = $(fuzz_ldadd)
fuzz_fuzz_ws_conn_LDFLAGS = $(sim_ldflags)
fuzz_fuzz_ws_deflate_LDADD = $(fuzz_ldadd)
fuzz_fuzz_ws_handshake_LDADD = $(fuzz_ldadd)
fuzz_fuzz_utf8_LDADD = $(fuzz_ldadd)
fuzz_fuzz_ws_frame_LDADD = $(fuzz_ldadd)
fuzz_fuzz_url_LDADD = $(fuzz_ldadd)

EXTRA_DIST += \
	%D%/addr.dict \
	%D%/chunked.dict \
	%D%/cookie.dict \
	%D%/corpus \
	%D%/date.dict \
	%D%/dns_host.dict \
	%D%/forwarded.dict \
	%D%/head.dict \
	%D%/multipart.dict \
	%D%/proxy.dict \
	%D%/reply.dict \
	%D%/res.dict \
	%D%/router.dict \
	%D%/set_cookie.dict \
	%D%/url.dict \
	%D%/ws_handshake.dict

if WITH_FUZZERS
fuzz_ldadd = $(FUZZER_FLAGS) $(LDADD)
noinst_PROGRAMS += $(fuzz_targets)
else
fuzz_ldadd = libflare_replay.la $(LDADD)
check_PROGRAMS += $(fuzz_targets)
TESTS += $(fuzz_targets)
endif

check_LTLIBRARIES += libflare_replay.la
libflare_replay_la_SOURCES = \
	%D%/replay.c

fuzzers: $(fuzz_targets)
.PHONY: fuzzers
