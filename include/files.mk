# SPDX-License-Identifier: MIT
# Public headers, installed to $(includedir)/flare.
flareincludedir = $(includedir)/flare
flareinclude_HEADERS = \
	%D%/flare/addr.h \
	%D%/flare/alloc.h \
	%D%/flare/answer.h \
	%D%/flare/base.h \
	%D%/flare/call.h \
	%D%/flare/client.h \
	%D%/flare/cookie.h \
	%D%/flare/cookie_jar.h \
	%D%/flare/dns.h \
	%D%/flare/encoding.h \
	%D%/flare/error.h \
	%D%/flare/files.h \
	%D%/flare/flare.h \
	%D%/flare/form.h \
	%D%/flare/handler.h \
	%D%/flare/http.h \
	%D%/flare/info.h \
	%D%/flare/io.h \
	%D%/flare/json.h \
	%D%/flare/limits.h \
	%D%/flare/log.h \
	%D%/flare/loop.h \
	%D%/flare/middleware.h \
	%D%/flare/multipart.h \
	%D%/flare/offload.h \
	%D%/flare/peer.h \
	%D%/flare/reply.h \
	%D%/flare/request.h \
	%D%/flare/router.h \
	%D%/flare/serve_static.h \
	%D%/flare/server.h \
	%D%/flare/sse.h \
	%D%/flare/state.h \
	%D%/flare/stats.h \
	%D%/flare/supervise.h \
	%D%/flare/tcp.h \
	%D%/flare/timer.h \
	%D%/flare/tls.h \
	%D%/flare/tunnel.h \
	%D%/flare/udp.h \
	%D%/flare/url.h \
	%D%/flare/watch.h \
	%D%/flare/ws.h \
	%D%/flare/ws_client.h

