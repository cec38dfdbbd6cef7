/* SPDX-License-Identifier: MIT */
/* All of flare. */
#ifndef FLARE_FLARE_H
#define FLARE_FLARE_H

#include <flare/addr.h>
#include <flare/alloc.h>
#include <flare/answer.h>
#include <flare/base.h>
#include <flare/call.h>
#include <flare/client.h>
#include <flare/cookie.h>
#include <flare/cookie_jar.h>
#include <flare/dns.h>
#include <flare/encoding.h>
#include <flare/error.h>
#include <flare/files.h>
#include <flare/form.h>
#include <flare/handler.h>
#include <flare/http.h>
#include <flare/info.h>
#include <flare/io.h>
#include <flare/json.h>
#include <flare/limits.h>
#include <flare/log.h>
#include <flare/loop.h>
#include <flare/middleware.h>
#include <flare/multipart.h>
#include <flare/offload.h>
#include <flare/peer.h>
#include <flare/reply.h>
#include <flare/request.h>
#include <flare/router.h>
#include <flare/serve_static.h>
#include <flare/server.h>
#include <flare/sse.h>
#include <flare/state.h>
#include <flare/stats.h>
#include <flare/supervise.h>
#include <flare/tcp.h>
#include <flare/timer.h>
#include <flare/tls.h>
#include <flare/tunnel.h>
#include <flare/udp.h>
#include <flare/url.h>
#include <flare/watch.h>
#include <flare/ws.h>
#include <flare/ws_client.h>

#include <inttypes.h>

#endif
