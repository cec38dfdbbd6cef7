# SPDX-License-Identifier: MIT
EXTRA_DIST += \
	%D%/ABI.md \
	%D%/OPERATIONS.md \
	%D%/THREAT-MODEL.md \
	%D%/addresses.md \
	%D%/backends.md \
	%D%/client.md \
	%D%/cookies.md \
	%D%/dns.md \
	%D%/engine.md \
	%D%/files.md \
	%D%/guide/01-hello.md \
	%D%/guide/02-router.md \
	%D%/guide/03-bodies.md \
	%D%/guide/04-state.md \
	%D%/guide/05-later.md \
	%D%/guide/06-tls.md \
	%D%/guide/07-websocket.md \
	%D%/guide/08-client.md \
	%D%/guide/09-deploy.md \
	%D%/guide/10-tuning.md \
	%D%/guide/11-porting.md \
	%D%/guide/README.md \
	%D%/http-semantics.md \
	%D%/http.md \
	%D%/lifecycle.md \
	%D%/loop.md \
	%D%/middleware.md \
	%D%/reader.md \
	%D%/replies.md \
	%D%/sim.md \
	%D%/tcp.md \
	%D%/tls.md \
	%D%/udp.md \
	%D%/url.md \
	%D%/websocket.md
