# SPDX-License-Identifier: MIT
# A unit test is one line here: its source is the name with .c, and it links
# LDADD (Makefile.am).  One with more sources names them in
# tests_base_test_x_SOURCES.
unit_tests = \
	%D%/backends/test_conformance \
	%D%/backends/test_handles \
	%D%/backends/test_sim \
	%D%/backends/test_sim_datagram \
	%D%/backends/test_sim_file \
	%D%/backends/test_sim_route \
	%D%/backends/test_sim_rules \
	%D%/backends/test_sim_talk \
	%D%/base/test_alloc \
	%D%/base/test_arena \
	%D%/base/test_assert \
	%D%/base/test_base64 \
	%D%/base/test_cpu \
	%D%/base/test_error \
	%D%/base/test_fault \
	%D%/base/test_hash \
	%D%/base/test_log \
	%D%/base/test_reader \
	%D%/base/test_sha1 \
	%D%/base/test_slab \
	%D%/base/test_str \
	%D%/base/test_utf8 \
	%D%/bench/test_floor \
	%D%/dns/test_cache \
	%D%/dns/test_collect \
	%D%/dns/test_host \
	%D%/dns/test_localhost \
	%D%/dns/test_lookup \
	%D%/dns/test_query \
	%D%/dns/test_resolve \
	%D%/dns/test_setup \
	%D%/dns/test_system \
	%D%/http/test_accept \
	%D%/http/test_ask \
	%D%/http/test_body \
	%D%/http/test_chain \
	%D%/http/test_chunked \
	%D%/http/test_client_blocking \
	%D%/http/test_client_download \
	%D%/http/test_client_reply \
	%D%/http/test_conditions \
	%D%/http/test_config \
	%D%/http/test_conn \
	%D%/http/test_conn_input \
	%D%/http/test_cookie \
	%D%/http/test_date \
	%D%/http/test_decoding \
	%D%/http/test_deflate \
	%D%/http/test_differential \
	%D%/http/test_dispatch \
	%D%/http/test_later \
	%D%/http/test_encoding \
	%D%/http/test_etag \
	%D%/http/test_exchange \
	%D%/http/test_fieldparam \
	%D%/http/test_files \
	%D%/http/test_files_cache \
	%D%/http/test_files_list \
	%D%/http/test_files_path \
	%D%/http/test_files_send \
	%D%/http/test_form \
	%D%/http/test_forwarded \
	%D%/http/test_head \
	%D%/http/test_head_mutation \
	%D%/http/test_host \
	%D%/http/test_http \
	%D%/http/test_inflate \
	%D%/http/test_client \
	%D%/http/test_client_bodies \
	%D%/http/test_client_config \
	%D%/http/test_client_redirects \
	%D%/http/test_client_rules \
	%D%/http/test_client_torture \
	%D%/http/test_client_upgrade \
	%D%/http/test_pool \
	%D%/http/test_jar \
	%D%/http/test_jar_file \
	%D%/http/test_jar_match \
	%D%/http/test_jar_rules \
	%D%/http/test_jar_table \
	%D%/http/test_jar_text \
	%D%/http/test_json \
	%D%/http/test_list \
	%D%/http/test_memory \
	%D%/http/test_metrics_text \
	%D%/http/test_mime \
	%D%/http/test_multipart \
	%D%/http/test_mw_answers \
	%D%/http/test_mw_auth \
	%D%/http/test_mw_options \
	%D%/http/test_mw_rules \
	%D%/http/test_number \
	%D%/http/test_params \
	%D%/http/test_percent \
	%D%/http/test_proxy \
	%D%/http/test_range \
	%D%/http/test_reply \
	%D%/http/test_reply_head \
	%D%/http/test_req_form \
	%D%/http/test_req_more \
	%D%/http/test_req_peer \
	%D%/http/test_res \
	%D%/http/test_res_body \
	%D%/http/test_res_filter \
	%D%/http/test_res_hooks \
	%D%/http/test_router \
	%D%/http/test_router_flat \
	%D%/http/test_router_table \
	%D%/http/test_serve_static \
	%D%/http/test_server \
	%D%/http/test_server_loop \
	%D%/http/test_setcookie \
	%D%/http/test_sse \
	%D%/http/test_res_json \
	%D%/http/test_redirect \
	%D%/http/test_offload \
	%D%/http/test_scan \
	%D%/http/test_sim_scenarios \
	%D%/http/test_sim_server \
	%D%/http/test_state \
	%D%/http/test_stats \
	%D%/http/test_thread \
	%D%/http/test_torture \
	%D%/http/test_torture_answers \
	%D%/http/test_watch \
	%D%/http/test_trust \
	%D%/http/test_tunnel \
	%D%/http/test_upgrade \
	%D%/http/test_url \
	%D%/http/test_url_write \
	%D%/http/test_words \
	%D%/tools/test_flare_bench_answer \
	%D%/tools/test_flare_bench_histogram \
	%D%/tools/test_flare_bench_settings \
	%D%/tools/test_tool \
	%D%/net/test_addr \
	%D%/net/test_choose \
	%D%/net/test_clock \
	%D%/net/test_embed \
	%D%/net/test_file \
	%D%/net/test_ip \
	%D%/net/test_handoff \
	%D%/net/test_inherit \
	%D%/net/test_lines \
	%D%/net/test_listen_set \
	%D%/net/test_os \
	%D%/net/test_out \
	%D%/net/test_listener \
	%D%/net/test_notify \
	%D%/net/test_offload \
	%D%/net/test_loop \
	%D%/net/test_mailbox \
	%D%/net/test_part_file \
	%D%/net/test_signal \
	%D%/net/test_sock \
	%D%/net/test_stall \
	%D%/net/test_steer \
	%D%/net/test_supervise \
	%D%/net/test_timer \
	%D%/net/test_user_loop \
	%D%/net/test_user_signal \
	%D%/net/test_user_timer \
	%D%/net/test_user_watch \
	%D%/net/test_wire \
	%D%/net/test_whole_file \
	%D%/net/test_worker \
	%D%/udp/test_queue \
	%D%/udp/test_udp \
	%D%/tcp/test_acceptor \
	%D%/tcp/test_conn \
	%D%/tcp/test_connect \
	%D%/tcp/test_listen \
	%D%/tcp/test_options \
	%D%/tcp/test_race \
	%D%/tcp/test_stream \
	%D%/tcp/test_stream_bounds \
	%D%/tcp/test_stream_chance \
	%D%/net/test_sock_option \
	%D%/udp/test_dgram \
	%D%/udp/test_system \
	%D%/udp/test_udp_open \
	%D%/udp/test_udp_recv \
	%D%/udp/test_udp_send \
	%D%/udp/test_sim_udp \
	%D%/ws/test_accept \
	%D%/ws/test_client \
	%D%/ws/test_client_blocking \
	%D%/ws/test_client_dial \
	%D%/ws/test_close \
	%D%/ws/test_conformance \
	%D%/ws/test_conn \
	%D%/ws/test_conn_input \
	%D%/ws/test_conn_send \
	%D%/ws/test_ws_counters \
	%D%/ws/test_deflate \
	%D%/ws/test_end \
	%D%/ws/test_extension \
	%D%/ws/test_field \
	%D%/ws/test_frame \
	%D%/ws/test_handshake \
	%D%/ws/test_hub \
	%D%/ws/test_keys \
	%D%/ws/test_mask \
	%D%/ws/test_origin \
	%D%/ws/test_sim_ws \
	%D%/ws/test_torture

# Date must be the same in both runs of a seed: sim_server.c has the clock.
sim_ldflags = $(AM_LDFLAGS) -Wl,--wrap=flare__clock_realtime \
	-Wl,-u,__wrap_flare__clock_realtime
tests_http_test_sim_scenarios_LDFLAGS = $(sim_ldflags)
tests_http_test_sim_server_LDFLAGS = $(sim_ldflags)
tests_ws_test_sim_ws_LDFLAGS = $(sim_ldflags)
tests_ws_test_keys_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=flare__random
tests_http_test_torture_LDFLAGS = $(sim_ldflags) -Wl,--wrap=flare__alloc \
	-Wl,--wrap=flare__calloc -Wl,--wrap=flare__realloc
tests_http_test_torture_SOURCES = \
	%D%/http/test_torture.c \
	%D%/support/alloc_sites.c \
	%D%/support/alloc_sites.h

tests_udp_test_udp_SOURCES = \
	%D%/udp/test_udp.c \
	%D%/udp/udp_rig.c \
	%D%/udp/udp_rig.h

tests_udp_test_dgram_SOURCES = \
	%D%/udp/test_dgram.c \
	%D%/udp/udp_rig.c \
	%D%/udp/udp_rig.h

tests_udp_test_system_SOURCES = \
	%D%/udp/test_system.c \
	%D%/udp/udp_rig.c \
	%D%/udp/udp_rig.h

tests_udp_test_udp_open_SOURCES = \
	%D%/udp/test_udp_open.c \
	%D%/udp/udp_rig.c \
	%D%/udp/udp_rig.h

tests_udp_test_udp_recv_SOURCES = \
	%D%/udp/test_udp_recv.c \
	%D%/udp/udp_rig.c \
	%D%/udp/udp_rig.h

tests_udp_test_udp_send_SOURCES = \
	%D%/udp/test_udp_send.c \
	%D%/udp/udp_rig.c \
	%D%/udp/udp_rig.h

tests_tcp_test_connect_SOURCES = \
	%D%/tcp/tcp_rig.c \
	%D%/tcp/tcp_rig.h \
	%D%/tcp/test_connect.c
tests_tcp_test_listen_SOURCES = \
	%D%/tcp/tcp_rig.c \
	%D%/tcp/tcp_rig.h \
	%D%/tcp/test_listen.c
tests_tcp_test_stream_SOURCES = \
	%D%/tcp/tcp_rig.c \
	%D%/tcp/tcp_rig.h \
	%D%/tcp/test_stream.c

tests_tcp_test_stream_bounds_SOURCES = \
	%D%/tcp/tcp_rig.c \
	%D%/tcp/tcp_rig.h \
	%D%/tcp/test_stream_bounds.c
tests_tcp_test_stream_chance_SOURCES = \
	%D%/tcp/tcp_rig.c \
	%D%/tcp/tcp_rig.h \
	%D%/tcp/test_stream_chance.c

tests_udp_test_sim_udp_SOURCES = \
	%D%/udp/test_sim_udp.c \
	%D%/udp/udp_rig.c \
	%D%/udp/udp_rig.h

%C%_tools_test_tool_LDADD = tools/libtool_common.la $(LDADD)

%C%_tools_test_flare_bench_answer_LDADD = tools/libtool_bench.la $(LDADD)
%C%_tools_test_flare_bench_histogram_LDADD = tools/libtool_bench.la $(LDADD)
%C%_tools_test_flare_bench_settings_LDADD = tools/libtool_bench.la $(LDADD)

%C%_bench_test_floor_SOURCES = \
	%D%/bench/test_floor.c \
	bench/floor.c

# Its disk fails.
tests_net_test_whole_file_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=read \
	-Wl,--wrap=write -Wl,--wrap=fsync -Wl,--wrap=rename

tests_http_test_body_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_body.c

tests_http_test_req_more_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_req_more.c

tests_http_test_req_peer_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_req_peer.c

tests_http_test_https_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_https.c

tests_http_test_client_SOURCES = \
	%D%/http/client_rig.c \
	%D%/http/client_rig.h \
	%D%/http/test_client.c

tests_http_test_client_bodies_SOURCES = \
	%D%/http/client_rig.c \
	%D%/http/client_rig.h \
	%D%/http/test_client_bodies.c

tests_http_test_client_rules_SOURCES = \
	%D%/http/client_rig.c \
	%D%/http/client_rig.h \
	%D%/http/test_client_rules.c

tests_http_test_client_torture_SOURCES = \
	%D%/http/client_rig.c \
	%D%/http/client_rig.h \
	%D%/http/test_client_torture.c

tests_http_test_client_upgrade_SOURCES = \
	%D%/http/client_rig.c \
	%D%/http/client_rig.h \
	%D%/http/test_client_upgrade.c

tests_http_test_tunnel_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_tunnel.c

tests_http_test_client_tls_SOURCES = \
	%D%/http/client_rig.c \
	%D%/http/client_rig.h \
	%D%/http/test_client_tls.c

tests_http_test_client_redirects_SOURCES = \
	%D%/http/client_rig.c \
	%D%/http/client_rig.h \
	%D%/http/test_client_redirects.c

tests_http_test_conn_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_conn.c

tests_http_test_chain_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_chain.c

tests_http_test_conn_input_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_conn_input.c

tests_http_test_differential_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_differential.c

tests_http_test_dispatch_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_dispatch.c

tests_http_test_exchange_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_exchange.c

tests_http_test_http_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_http.c

tests_http_test_memory_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_memory.c

tests_http_test_thread_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_thread.c

tests_http_test_later_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_later.c

tests_http_test_offload_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_offload.c

tests_http_test_res_json_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_res_json.c

tests_http_test_redirect_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_redirect.c

tests_http_test_state_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_state.c

tests_http_test_sse_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_sse.c

tests_http_test_res_body_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_res_body.c

tests_http_test_res_filter_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_res_filter.c

tests_http_test_res_hooks_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_res_hooks.c

tests_http_test_res_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_res.c

# What a cache keeps depends on how old a file is.
tests_http_test_files_cache_LDFLAGS = $(sim_ldflags)
tests_http_test_files_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/files_rig.c \
	%D%/http/files_rig.h \
	%D%/http/test_files.c
tests_http_test_files_cache_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/files_rig.c \
	%D%/http/files_rig.h \
	%D%/http/test_files_cache.c
tests_http_test_files_list_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/files_rig.c \
	%D%/http/files_rig.h \
	%D%/http/test_files_list.c
tests_http_test_files_path_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/files_rig.c \
	%D%/http/files_rig.h \
	%D%/http/test_files_path.c
tests_http_test_files_send_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/files_rig.c \
	%D%/http/files_rig.h \
	%D%/http/test_files_send.c

tests_http_test_mw_answers_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_mw_answers.c

tests_http_test_mw_auth_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_mw_auth.c

tests_http_test_upgrade_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_upgrade.c

tests_http_test_torture_answers_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_torture_answers.c

tests_http_test_mw_rules_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_mw_rules.c

tests_http_test_req_form_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/http/test_req_form.c

# It counts what is looked at and moved.
%C%_base_test_reader_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=memchr \
	-Wl,--wrap=memmove

# getaddrinfo says what the test wants; what outlives a loop is counted.
dns_ldflags = $(AM_LDFLAGS) -Wl,--wrap=getaddrinfo -Wl,--wrap=freeaddrinfo \
	-Wl,--wrap=flare__alloc -Wl,--wrap=flare__calloc \
	-Wl,--wrap=flare__realloc -Wl,--wrap=flare__free
tests_dns_test_localhost_SOURCES = \
	%D%/dns/dns_rig.c \
	%D%/dns/dns_rig.h \
	%D%/dns/test_localhost.c
tests_dns_test_lookup_LDFLAGS = $(dns_ldflags)
tests_dns_test_lookup_SOURCES = \
	%D%/dns/dns_rig.c \
	%D%/dns/dns_rig.h \
	%D%/dns/fake_system.c \
	%D%/dns/fake_system.h \
	%D%/dns/test_lookup.c
tests_dns_test_query_LDFLAGS = $(dns_ldflags)
tests_dns_test_query_SOURCES = \
	%D%/dns/dns_rig.c \
	%D%/dns/dns_rig.h \
	%D%/dns/fake_system.c \
	%D%/dns/fake_system.h \
	%D%/dns/test_query.c
tests_dns_test_resolve_LDFLAGS = $(dns_ldflags) \
	-Wl,--wrap=send -Wl,--wrap=sendmsg -Wl,--wrap=sendto \
	-Wl,--wrap=socket
tests_dns_test_resolve_SOURCES = \
	%D%/dns/dns_rig.c \
	%D%/dns/dns_rig.h \
	%D%/dns/fake_system.c \
	%D%/dns/fake_system.h \
	%D%/dns/test_resolve.c
tests_dns_test_setup_LDFLAGS = $(dns_ldflags)
tests_dns_test_setup_SOURCES = \
	%D%/dns/dns_rig.c \
	%D%/dns/dns_rig.h \
	%D%/dns/fake_system.c \
	%D%/dns/fake_system.h \
	%D%/dns/test_setup.c
tests_dns_test_system_LDFLAGS = $(dns_ldflags)
tests_dns_test_system_SOURCES = \
	%D%/dns/fake_system.c \
	%D%/dns/fake_system.h \
	%D%/dns/test_system.c

# It makes up what fork(2) answers.
%C%_net_test_supervise_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fork

# CONF_SIM: the simulated network keeps the contract too.
%C%_backends_test_conformance_CPPFLAGS = $(AM_CPPFLAGS) -DCONF_SIM \
	$(conformance_cppflags)
%C%_backends_test_sim_datagram_SOURCES = \
	%D%/backends/sim_rig.c \
	%D%/backends/sim_rig.h \
	%D%/backends/test_sim_datagram.c
%C%_backends_test_sim_talk_SOURCES = \
	%D%/backends/sim_rig.c \
	%D%/backends/sim_rig.h \
	%D%/backends/test_sim_talk.c
%C%_backends_test_conformance_SOURCES = \
	%D%/backends/conformance.h \
	%D%/backends/conformance_accept.c \
	%D%/backends/conformance_close.c \
	%D%/backends/conformance_datagram.c \
	%D%/backends/conformance_driver.c \
	%D%/backends/conformance_embed.c \
	%D%/backends/conformance_file.c \
	%D%/backends/conformance_kernel.c \
	%D%/backends/conformance_poll.c \
	%D%/backends/conformance_send.c \
	%D%/backends/conformance_sim.c \
	%D%/backends/conformance_stream.c \
	%D%/backends/test_conformance.c

tests_ws_test_conformance_SOURCES = \
	%D%/ws/deflate_table.h \
	%D%/ws/frames_table.h \
	%D%/ws/frames_wire.c \
	%D%/ws/frames_wire.h \
	%D%/ws/test_conformance.c \
	%D%/ws/wire_rig.c \
	%D%/ws/wire_rig.h

tests_ws_test_frame_SOURCES = \
	%D%/ws/frames_table.h \
	%D%/ws/frames_wire.c \
	%D%/ws/frames_wire.h \
	%D%/ws/test_frame.c

tests_http_test_router_SOURCES = \
	%D%/http/router_naive.h \
	%D%/http/test_router.c

tests_ws_test_client_dial_SOURCES = \
	%D%/http/client_rig.c \
	%D%/http/client_rig.h \
	%D%/ws/test_client_dial.c

tests_ws_test_client_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/ws/test_client.c \
	%D%/ws/ws_rig.c \
	%D%/ws/ws_rig.h

tests_ws_test_accept_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/ws/test_accept.c \
	%D%/ws/ws_rig.c \
	%D%/ws/ws_rig.h

tests_ws_test_ws_counters_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/ws/test_ws_counters.c \
	%D%/ws/ws_rig.c \
	%D%/ws/ws_rig.h

tests_ws_test_conn_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/ws/test_conn.c \
	%D%/ws/ws_rig.c \
	%D%/ws/ws_rig.h

tests_ws_test_conn_input_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/ws/test_conn_input.c \
	%D%/ws/ws_rig.c \
	%D%/ws/ws_rig.h

tests_ws_test_conn_send_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/ws/test_conn_send.c \
	%D%/ws/ws_rig.c \
	%D%/ws/ws_rig.h

tests_ws_test_hub_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/ws/test_hub.c \
	%D%/ws/ws_rig.c \
	%D%/ws/ws_rig.h

tests_ws_test_torture_SOURCES = \
	%D%/http/conn_rig.c \
	%D%/http/conn_rig.h \
	%D%/ws/test_torture.c \
	%D%/ws/ws_rig.c \
	%D%/ws/ws_rig.h

tests_ws_test_extension_SOURCES = \
	%D%/ws/deflate_params_table.h \
	%D%/ws/test_extension.c

if HAVE_EPOLL
unit_tests += \
	%D%/backends/test_epoll \
	%D%/backends/test_record \
	%D%/backends/test_ready \
	%D%/backends/test_ready_poll
if !KQUEUE_SHIM
unit_tests += \
	%D%/backends/test_datagram \
	%D%/backends/test_fd
endif
endif

# kqueue on Linux, over epoll: a library of its own for the tests that ask for
# it; with --enable-kqueue-shim a part of the library, and all tests run on it.
kqueue_cppflags = -I$(top_srcdir)/%D%/support/kqueue_shim
kqueue_shim_sources = \
	%D%/support/kqueue_shim.c \
	%D%/support/kqueue_shim/sys/event.h
kqueue_ldadd =
if HAVE_EPOLL
unit_tests += %D%/backends/test_kqueue
if KQUEUE_SHIM
AM_CPPFLAGS += $(kqueue_cppflags)
libflare_core_la_SOURCES += $(kqueue_shim_sources)
install-exec-local:
	@echo "flare: built with --enable-kqueue-shim, which is for tests only:" \
		"not installed" >&2
	@exit 1
else
check_LTLIBRARIES += libflare_kqueue.la
libflare_kqueue_la_SOURCES = backends/kqueue.c $(kqueue_shim_sources)
libflare_kqueue_la_CPPFLAGS = $(AM_CPPFLAGS) $(kqueue_cppflags)
kqueue_ldadd += libflare_kqueue.la
endif
endif
%C%_backends_test_kqueue_CPPFLAGS = $(AM_CPPFLAGS) $(kqueue_cppflags)
%C%_backends_test_kqueue_LDADD = $(kqueue_ldadd) $(LDADD)
if HAVE_EPOLL
conformance_cppflags = -DFLARE_HAVE_KQUEUE=1
endif
%C%_backends_test_conformance_LDADD = $(kqueue_ldadd) $(LDADD)

%C%_backends_test_ready_SOURCES = \
	%D%/backends/ready_rig.c \
	%D%/backends/ready_rig.h \
	%D%/backends/test_ready.c
%C%_backends_test_ready_poll_SOURCES = \
	%D%/backends/ready_rig.c \
	%D%/backends/ready_rig.h \
	%D%/backends/test_ready_poll.c

%C%_http_test_client_blocking_SOURCES = \
	%D%/http/script_rig.c \
	%D%/http/script_rig.h \
	%D%/http/test_client_blocking.c
%C%_http_test_client_download_SOURCES = \
	%D%/http/script_rig.c \
	%D%/http/script_rig.h \
	%D%/http/test_client_download.c

# They make up what system calls answer.
%C%_backends_test_datagram_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=recvmmsg \
	-Wl,--wrap=sendmmsg
%C%_backends_test_fd_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=sendfile
%C%_backends_test_ready_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=accept4

if HAVE_LIBURING
uring_tests = \
	%D%/backends/test_uring \
	%D%/backends/test_uring_bundle \
	%D%/backends/test_uring_close \
	%D%/backends/test_uring_open \
	%D%/backends/test_uring_poll \
	%D%/backends/test_uring_random
unit_tests += $(uring_tests)
endif
%C%_backends_test_uring_SOURCES = \
	%D%/backends/test_uring.c \
	%D%/backends/uring_rig.c \
	%D%/backends/uring_rig.h
%C%_backends_test_uring_bundle_SOURCES = \
	%D%/backends/test_uring_bundle.c \
	%D%/backends/uring_rig.c \
	%D%/backends/uring_rig.h
%C%_backends_test_uring_close_SOURCES = \
	%D%/backends/test_uring_close.c \
	%D%/backends/uring_rig.c \
	%D%/backends/uring_rig.h
%C%_backends_test_uring_poll_SOURCES = \
	%D%/backends/test_uring_poll.c \
	%D%/backends/uring_rig.c \
	%D%/backends/uring_rig.h
%C%_backends_test_uring_random_SOURCES = \
	%D%/backends/test_uring_random.c \
	%D%/backends/uring_rig.c \
	%D%/backends/uring_rig.h
%C%_backends_test_uring_open_SOURCES = \
	%D%/backends/test_uring_open.c \
	%D%/backends/uring_rig.c \
	%D%/backends/uring_rig.h

# Runs a program under a filter that denies io_uring.
if HAVE_EPOLL
check_PROGRAMS += %D%/support/deny_uring
endif
%C%_support_deny_uring_SOURCES = %D%/support/deny_uring_run.c

# The server that tests/e2e drives; it knows the public headers only.
check_PROGRAMS += %D%/support/e2e_server
%C%_support_e2e_server_SOURCES = \
	%D%/support/e2e_server.c \
	%D%/support/e2e_tls.c \
	%D%/support/e2e_tls.h
%C%_support_e2e_server_LDADD = libflare.la

# The client that tests/e2e/test_client.py drives; likewise.
check_PROGRAMS += %D%/support/e2e_client
%C%_support_e2e_client_SOURCES = %D%/support/e2e_client.c
%C%_support_e2e_client_LDADD = libflare.la

# Our WebSocket client, for test_ws_client.py.
check_PROGRAMS += %D%/support/ws_client_peer
%C%_support_ws_client_peer_SOURCES = %D%/support/ws_client_peer.c
%C%_support_ws_client_peer_LDADD = libflare.la

# A filter around an inner part, which test_replies.py compares with another.
check_PROGRAMS += %D%/support/reply_read
%C%_support_reply_read_SOURCES = %D%/support/reply_read.c

# What more than one of them links.
libflare_testing_la_SOURCES += \
	%D%/support/chunked_check.c \
	%D%/support/chunked_check.h \
	%D%/support/chunked_oracle.c \
	%D%/support/chunked_oracle.h \
	%D%/support/cookie_check.c \
	%D%/support/cookie_check.h \
	%D%/support/frames_check.c \
	%D%/support/frames_check.h \
	%D%/support/cookie_oracle.c \
	%D%/support/cookie_oracle.h \
	%D%/support/deny_uring.c \
	%D%/support/deny_uring.h \
	%D%/support/dns_host_oracle.c \
	%D%/support/dns_host_oracle.h \
	%D%/support/fault.c \
	%D%/support/fault.h \
	%D%/support/guard.c \
	%D%/support/guard.h \
	%D%/support/head_check.c \
	%D%/support/head_check.h \
	%D%/support/head_oracle.c \
	%D%/support/head_oracle.h \
	%D%/support/host_oracle.c \
	%D%/support/host_oracle.h \
	%D%/support/loop_rig.c \
	%D%/support/loop_rig.h \
	%D%/support/multipart_check.c \
	%D%/support/multipart_check.h \
	%D%/support/multipart_oracle.c \
	%D%/support/multipart_oracle.h \
	%D%/support/reader_check.c \
	%D%/support/reader_check.h \
	%D%/support/ref_http.c \
	%D%/support/ref_http.h \
	%D%/support/reply_check.c \
	%D%/support/reply_check.h \
	%D%/support/reply_oracle.c \
	%D%/support/reply_oracle.h \
	%D%/support/json_check.c \
	%D%/support/json_check.h \
	%D%/support/noise.h \
	%D%/support/sim_bytes.c \
	%D%/support/sim_bytes.h \
	%D%/support/sim_client.c \
	%D%/support/sim_client.h \
	%D%/support/sim_echo.c \
	%D%/support/sim_echo.h \
	%D%/support/sim_handlers.c \
	%D%/support/sim_hostile.c \
	%D%/support/sim_hostile.h \
	%D%/support/sim_jobs.c \
	%D%/support/sim_jobs.h \
	%D%/support/sim_memory.c \
	%D%/support/sim_memory.h \
	%D%/support/sim_response.c \
	%D%/support/sim_response.h \
	%D%/support/sim_run.c \
	%D%/support/sim_run.h \
	%D%/support/sim_server.c \
	%D%/support/sim_server.h \
	%D%/support/sim_ws.c \
	%D%/support/sim_ws.h \
	%D%/support/test.h \
	%D%/support/ws_fields.h \
	%D%/support/ws_oracle.c \
	%D%/support/ws_oracle.h \
	%D%/support/url_check.c \
	%D%/support/url_check.h \
	%D%/support/url_oracle.c \
	%D%/support/url_oracle.h

# Of a build with OpenSSL; without, that there is no TLS.
if HAVE_OPENSSL
tls_tests = \
	%D%/http/test_client_tls \
	%D%/http/test_https \
	%D%/tls/test_bio \
	%D%/tls/test_certs \
	%D%/tls/test_client \
	%D%/tls/test_conf \
	%D%/tls/test_conn \
	%D%/tls/test_control \
	%D%/tls/test_counts \
	%D%/tls/test_engine \
	%D%/tls/test_facts \
	%D%/tls/test_fail \
	%D%/tls/test_hello \
	%D%/tls/test_interop \
	%D%/tls/test_link \
	%D%/tls/test_link_peer \
	%D%/tls/test_link_torture \
	%D%/tls/test_kernel \
	%D%/tls/test_kernel_file \
	%D%/tls/test_keys \
	%D%/tls/test_link_kernel \
	%D%/tls/test_load \
	%D%/tls/test_self_signed \
	%D%/tls/test_records \
	%D%/tls/test_server \
	%D%/tls/test_sessions \
	%D%/tls/test_sim_stream \
	%D%/tls/test_stream \
	%D%/tls/test_stream_bounds \
	%D%/tls/test_stream_chance \
	%D%/tls/test_stream_connect \
	%D%/tls/test_stream_errors \
	%D%/tls/test_tickets \
	%D%/tls/test_torture \
	%D%/tls/test_verify
unit_tests += $(tls_tests)
# The far ends of the conformance suite, and a clock that stands still.
link_rig_sources = \
	%D%/backends/conformance.h \
	%D%/backends/conformance_kernel.c \
	%D%/backends/conformance_sim.c \
	%D%/tls/link_rig.c \
	%D%/tls/link_rig.h
%C%_tls_test_link_SOURCES = $(link_rig_sources) %D%/tls/test_link.c
%C%_tls_test_link_LDFLAGS = $(sim_ldflags)
%C%_tls_test_link_peer_SOURCES = $(link_rig_sources) %D%/tls/test_link_peer.c
%C%_tls_test_link_peer_LDFLAGS = $(sim_ldflags)
# The tests of streams once more, over TLS.
stream_tls_sources = \
	%D%/tcp/tcp_rig.c \
	%D%/tcp/tcp_rig.h \
	%D%/tls/stream_rig.c \
	%D%/tls/stream_rig.h
stream_tls_cppflags = $(AM_CPPFLAGS) -DTCP_RIG_TLS
%C%_tls_test_stream_SOURCES = $(stream_tls_sources) %D%/tcp/test_stream.c
%C%_tls_test_stream_CPPFLAGS = $(stream_tls_cppflags)
%C%_tls_test_stream_LDFLAGS = $(sim_ldflags)
%C%_tls_test_stream_bounds_SOURCES = $(stream_tls_sources) \
	%D%/tcp/test_stream_bounds.c
%C%_tls_test_stream_bounds_CPPFLAGS = $(stream_tls_cppflags)
%C%_tls_test_stream_bounds_LDFLAGS = $(sim_ldflags)
%C%_tls_test_stream_chance_SOURCES = $(stream_tls_sources) \
	%D%/tcp/test_stream_chance.c
%C%_tls_test_stream_chance_CPPFLAGS = $(stream_tls_cppflags)
%C%_tls_test_stream_chance_LDFLAGS = $(sim_ldflags)
%C%_tls_test_link_torture_SOURCES = $(stream_tls_sources) \
	%D%/tls/test_link_torture.c
%C%_tls_test_link_torture_CPPFLAGS = $(stream_tls_cppflags)
%C%_tls_test_link_torture_LDFLAGS = $(sim_ldflags)
%C%_tls_test_conn_LDFLAGS = $(sim_ldflags)
%C%_tls_test_facts_SOURCES = \
	%D%/tcp/tcp_rig.c \
	%D%/tcp/tcp_rig.h \
	%D%/tls/test_facts.c
%C%_tls_test_facts_LDFLAGS = $(sim_ldflags)
%C%_tls_test_stream_errors_SOURCES = \
	%D%/tcp/tcp_rig.c \
	%D%/tcp/tcp_rig.h \
	%D%/tls/test_stream_errors.c
%C%_tls_test_stream_errors_CPPFLAGS = $(stream_tls_cppflags)
%C%_tls_test_stream_errors_LDFLAGS = $(sim_ldflags)
%C%_tls_test_sim_stream_SOURCES = $(stream_tls_sources) \
	%D%/tls/test_sim_stream.c
%C%_tls_test_sim_stream_CPPFLAGS = $(stream_tls_cppflags)
%C%_tls_test_sim_stream_LDFLAGS = $(sim_ldflags)
%C%_tls_test_stream_connect_SOURCES = $(stream_tls_sources) \
	%D%/tcp/test_connect.c
%C%_tls_test_stream_connect_CPPFLAGS = $(stream_tls_cppflags)
%C%_tls_test_stream_connect_LDFLAGS = $(sim_ldflags)
libflare_testing_la_SOURCES += \
	%D%/support/certs.c \
	%D%/support/certs.h \
	%D%/support/ssl_random.c \
	%D%/support/ssl_random.h \
	%D%/tls/soft_kernel.c \
	%D%/tls/soft_kernel.h \
	%D%/tls/tls_rig.c \
	%D%/tls/tls_rig.h
# Of a kernel that is played: tls/soft_kernel.h.
soft_ldflags = $(AM_LDFLAGS) -Wl,--wrap=flare__os_has_tls
%C%_tls_test_control_LDFLAGS = $(soft_ldflags)
%C%_tls_test_keys_LDFLAGS = $(soft_ldflags)
%C%_tls_test_kernel_LDFLAGS = $(soft_ldflags)
%C%_tls_test_counts_LDFLAGS = $(soft_ldflags)
%C%_tls_test_torture_LDFLAGS = $(soft_ldflags)
%C%_tls_test_records_LDFLAGS = $(soft_ldflags)
# Servers for every row of the certificate matrix, and our client.
check_PROGRAMS += %D%/support/cert_matrix
%C%_support_cert_matrix_SOURCES = %D%/support/cert_matrix.c
else
unit_tests += %D%/tls/test_none
endif

# Those of them in which threads meet: what ThreadSanitizer runs.
threaded_tests = \
	%D%/tcp/test_acceptor \
	%D%/tcp/test_conn \
	%D%/dns/test_lookup \
	%D%/dns/test_query \
	%D%/dns/test_resolve \
	%D%/http/test_client_blocking \
	%D%/ws/test_client_blocking \
	%D%/http/test_client_download \
	%D%/http/test_offload \
	%D%/net/test_offload \
	%D%/net/test_worker \
	%D%/backends/test_conformance \
	%D%/base/test_cpu \
	%D%/http/test_router \
	%D%/http/test_server \
	%D%/http/test_server_loop \
	%D%/http/test_watch \
	%D%/net/test_handoff \
	%D%/net/test_lines \
	%D%/net/test_user_loop \
	%D%/net/test_embed \
	%D%/net/test_mailbox
if HAVE_LIBURING
threaded_tests += %D%/backends/test_uring_open
endif
if HAVE_OPENSSL
threaded_tests += %D%/tls/test_conn %D%/tls/test_server
endif
if HAVE_PYTHON
threaded_tests += %D%/e2e/test_e2e.py
endif

# A test of a program from outside; runs in the build folder, is told of it and
# of the sources by $builddir and $srcdir, exits with 77 to skip.  Its last line
# is "N passed, N failed".
shell_tests =
if HAVE_PYTHON
shell_tests += %D%/e2e/test_certs.py %D%/e2e/test_e2e.py \
	%D%/e2e/test_eyeballs.py \
	%D%/e2e/test_proxies.py %D%/e2e/test_replies.py \
	%D%/e2e/test_websocket.py %D%/e2e/test_ws_node.py \
	%D%/e2e/test_chat.py %D%/e2e/test_ws_tunnel.py \
	%D%/e2e/test_ws_client.py %D%/e2e/test_ws_examples.py \
	%D%/e2e/test_client.py %D%/e2e/test_relay.py \
	%D%/e2e/test_seccomp.py \
	%D%/e2e/test_metrics.py %D%/e2e/test_usdt.py \
	%D%/tools/test_completion.py \
	%D%/bench/test_micro.py \
	%D%/tools/test_flare_bench.py \
	%D%/tools/test_flare_get.py %D%/tools/test_flare_probe.py \
	%D%/tools/test_flare_ws.py
endif
if HAVE_PYTHON
if HAVE_SERVE
shell_tests += %D%/tools/test_flare_serve.py
endif
endif

# Tests of the house itself.
house_tests = \
	%D%/bench/test_harness.py \
	%D%/docs/test_examples.py \
	%D%/docs/test_guide.py \
	%D%/docs/test_man.py \
	%D%/lint/test_lint.py \
	%D%/static/test_limits.py \
	%D%/static/test_state.py \
	%D%/support/symbols.sh

if HAVE_CHECK
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif
if HAVE_PYTHON
TESTS += $(house_tests)
endif
TESTS += $(shell_tests)
EXTRA_DIST += \
	%D%/bench/fixture \
	%D%/support/vm/run \
	%D%/support/vm/suite \
	%D%/e2e/browser.py \
	%D%/e2e/client_peers.py \
	%D%/e2e/cookies.py \
	%D%/e2e/deadlines.py \
	%D%/e2e/files.py \
	%D%/e2e/framing.py \
	%D%/e2e/heads.py \
	%D%/e2e/lifecycle.py \
	%D%/e2e/plain.py \
	%D%/e2e/bodies.py \
	%D%/e2e/programs.py \
	%D%/e2e/proxy_protocol.py \
	%D%/e2e/restarts.py \
	%D%/e2e/proxies.py \
	%D%/e2e/rows.py \
	%D%/e2e/second_reader.py \
	%D%/e2e/servers.py \
	%D%/e2e/smuggling.py \
	%D%/e2e/sockets.py \
	%D%/e2e/supervise.py \
	%D%/e2e/tls.py \
	%D%/e2e/tls_pki.py \
	%D%/e2e/tls_programs.py \
	%D%/e2e/wire.py \
	%D%/e2e/peers/peer.go \
	%D%/e2e/peers/peer.js \
	%D%/e2e/peers/peer.py \
	%D%/e2e/peers/ws.js \
	%D%/e2e/peers/ws.py \
	%D%/install/cmake/CMakeLists.txt \
	%D%/tools/bench_peers.py \
	%D%/tools/peers/echo.js \
	%D%/tools/tool_world.py \
	%D%/install/consumer.c \
	%D%/install/consumer.cc \
	%D%/install/installcheck.sh \
	$(house_tests) \
	$(shell_tests)

TEST_EXTENSIONS = .sh .py
SH_LOG_COMPILER = bash
PY_LOG_COMPILER = python3
# The slowest property tests take seconds under a sanitizer on a busy machine.
AM_TESTS_ENVIRONMENT = \
	srcdir='$(abs_top_srcdir)'; export srcdir; \
	builddir='$(abs_top_builddir)'; export builddir; \
	CK_DEFAULT_TIMEOUT=$${CK_DEFAULT_TIMEOUT-120}; export CK_DEFAULT_TIMEOUT;

# Builds the tests that it runs, not all of check_PROGRAMS.
check-threads: all
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(threaded_tests)' \
		check_PROGRAMS='tests/support/e2e_server$(EXEEXT)'

installcheck-local:
	srcdir='$(abs_top_srcdir)' CC='$(CC)' DESTDIR='$(DESTDIR)' \
	prefix='$(prefix)' libdir='$(libdir)' includedir='$(includedir)' \
	mandir='$(mandir)' CFLAGS='$(SANITIZE_FLAGS)' \
	bash $(top_srcdir)/tests/install/installcheck.sh

.PHONY: check-threads
