# SPDX-License-Identifier: MIT
noinst_PROGRAMS += %D%/sse %D%/upload %D%/multicore
noinst_PROGRAMS += %D%/router %D%/http_server %D%/hello %D%/users
%C%_hello_SOURCES = %D%/hello.c
%C%_hello_LDADD = libflare.la
%C%_users_SOURCES = %D%/users.c
%C%_users_LDADD = libflare.la
%C%_http_server_SOURCES = %D%/http_server.c
%C%_http_server_LDADD = libflare.la
%C%_router_SOURCES = %D%/router.c
%C%_router_LDADD = libflare.la
noinst_PROGRAMS += %D%/files
%C%_files_SOURCES = %D%/files.c
%C%_files_LDADD = libflare.la
%C%_sse_SOURCES = %D%/sse.c
%C%_sse_LDADD = libflare.la
%C%_upload_SOURCES = %D%/upload.c
%C%_upload_LDADD = libflare.la
%C%_multicore_SOURCES = %D%/multicore.c
%C%_multicore_LDADD = libflare.la

# The one that needs something else.
if HAVE_SQLITE
noinst_PROGRAMS += %D%/offload
endif
%C%_offload_SOURCES = %D%/offload.c
%C%_offload_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE_CFLAGS)
%C%_offload_LDADD = libflare.la $(SQLITE_LIBS)
noinst_PROGRAMS += %D%/state
%C%_state_SOURCES = %D%/state.c
%C%_state_LDADD = libflare.la
noinst_PROGRAMS += %D%/middleware
%C%_middleware_SOURCES = %D%/middleware.c
%C%_middleware_LDADD = libflare.la
noinst_PROGRAMS += %D%/supervised
%C%_supervised_SOURCES = %D%/supervised.c
%C%_supervised_LDADD = libflare.la

# TLS: without OpenSSL they say that there is none.
noinst_PROGRAMS += %D%/https_server %D%/tls
%C%_https_server_SOURCES = %D%/https_server.c
%C%_https_server_LDADD = libflare.la
%C%_tls_SOURCES = %D%/tls.c
%C%_tls_LDADD = libflare.la

# Below HTTP.
noinst_PROGRAMS += %D%/encoding %D%/url
%C%_encoding_SOURCES = %D%/encoding.c
%C%_encoding_LDADD = libflare.la
%C%_url_SOURCES = %D%/url.c
%C%_url_LDADD = libflare.la
noinst_PROGRAMS += %D%/addresses %D%/dns %D%/embed %D%/errors %D%/line_protocol
noinst_PROGRAMS += %D%/reader %D%/tcp_client %D%/tcp_echo %D%/udp
%C%_addresses_SOURCES = %D%/addresses.c
%C%_addresses_LDADD = libflare.la
%C%_dns_SOURCES = %D%/dns.c
%C%_dns_LDADD = libflare.la
%C%_embed_SOURCES = %D%/embed.c
%C%_embed_LDADD = libflare.la
%C%_errors_SOURCES = %D%/errors.c
%C%_errors_LDADD = libflare.la
%C%_line_protocol_SOURCES = %D%/line_protocol.c
%C%_line_protocol_LDADD = libflare.la
%C%_reader_SOURCES = %D%/reader.c
%C%_reader_LDADD = libflare.la
%C%_tcp_client_SOURCES = %D%/tcp_client.c
%C%_tcp_client_LDADD = libflare.la
%C%_tcp_echo_SOURCES = %D%/tcp_echo.c
%C%_tcp_echo_LDADD = libflare.la
%C%_udp_SOURCES = %D%/udp.c
%C%_udp_LDADD = libflare.la
noinst_PROGRAMS += %D%/cookies
%C%_cookies_SOURCES = %D%/cookies.c
%C%_cookies_LDADD = libflare.la

noinst_PROGRAMS += %D%/ws_chat %D%/ws_echo
noinst_PROGRAMS += %D%/ws_client %D%/ws_reconnect
%C%_ws_chat_SOURCES = %D%/ws_chat.c
%C%_ws_chat_CPPFLAGS = $(AM_CPPFLAGS) \
	-DWS_CHAT_FOLDER='"$(abs_top_srcdir)/%D%"'
%C%_ws_chat_LDADD = libflare.la
EXTRA_DIST += %D%/README.md %D%/ws_chat.html
%C%_ws_echo_SOURCES = %D%/ws_echo.c
%C%_ws_echo_LDADD = libflare.la
%C%_ws_client_SOURCES = %D%/ws_client.c
%C%_ws_client_LDADD = libflare.la
%C%_ws_reconnect_SOURCES = %D%/ws_reconnect.c
%C%_ws_reconnect_LDADD = libflare.la

# Clients.
noinst_PROGRAMS += %D%/http_get %D%/reverse_proxy
%C%_http_get_SOURCES = %D%/http_get.c
%C%_http_get_LDADD = libflare.la
%C%_reverse_proxy_SOURCES = %D%/reverse_proxy.c
%C%_reverse_proxy_LDADD = libflare.la
if HAVE_JANSSON
noinst_PROGRAMS += %D%/http_client_json
endif
%C%_http_client_json_SOURCES = %D%/http_client_json.c
%C%_http_client_json_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
%C%_http_client_json_LDADD = libflare.la $(JANSSON_LIBS)
