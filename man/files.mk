# SPDX-License-Identifier: MIT
# Manual pages of the library; those of the programs are in tools/man.
man_pages = \
	%D%/man3/flare_addr.3 \
	%D%/man3/flare_alloc.3 \
	%D%/man3/flare_base.3 \
	%D%/man3/flare_call.3 \
	%D%/man3/flare_client.3 \
	%D%/man3/flare_conn.3 \
	%D%/man3/flare_cookie.3 \
	%D%/man3/flare_cookie_jar.3 \
	%D%/man3/flare_dgram.3 \
	%D%/man3/flare_dns.3 \
	%D%/man3/flare_encoding.3 \
	%D%/man3/flare_error.3 \
	%D%/man3/flare_files.3 \
	%D%/man3/flare_form.3 \
	%D%/man3/flare_handler.3 \
	%D%/man3/flare_info.3 \
	%D%/man3/flare_io.3 \
	%D%/man3/flare_json.3 \
	%D%/man3/flare_limits.3 \
	%D%/man3/flare_log.3 \
	%D%/man3/flare_loop.3 \
	%D%/man3/flare_middleware.3 \
	%D%/man3/flare_multipart.3 \
	%D%/man3/flare_offload.3 \
	%D%/man3/flare_peer.3 \
	%D%/man3/flare_reply.3 \
	%D%/man3/flare_request.3 \
	%D%/man3/flare_response.3 \
	%D%/man3/flare_router.3 \
	%D%/man3/flare_serve_static.3 \
	%D%/man3/flare_server.3 \
	%D%/man3/flare_sse.3 \
	%D%/man3/flare_state.3 \
	%D%/man3/flare_stats.3 \
	%D%/man3/flare_supervise.3 \
	%D%/man3/flare_tcp.3 \
	%D%/man3/flare_timer.3 \
	%D%/man3/flare_tls.3 \
	%D%/man3/flare_tunnel.3 \
	%D%/man3/flare_udp.3 \
	%D%/man3/flare_url.3 \
	%D%/man3/flare_watch.3 \
	%D%/man3/flare_ws.3 \
	%D%/man3/flare_ws_client.3 \
	%D%/man3/flare_ws_hub.3 \
	%D%/man7/flare.7
EXTRA_DIST += $(man_pages) %D%/pages.sh %D%/synopsis.py

# Each name in a NAME section opens its page: man flare_serve.
install-data-local: install-library-pages
uninstall-local: uninstall-library-pages
install-library-pages:
	cd $(srcdir) && sh man/pages.sh install '$(DESTDIR)$(mandir)' \
		$(man_pages)
uninstall-library-pages:
	cd $(srcdir) && sh man/pages.sh uninstall '$(DESTDIR)$(mandir)' \
		$(man_pages)
.PHONY: install-library-pages uninstall-library-pages
