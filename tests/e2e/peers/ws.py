# SPDX-License-Identifier: MIT
"""python3-websockets as the server, for tests/e2e/test_ws_client.py: what
ws.js is on node.

    python3 ws.py [CERTIFICATE KEY]
"""

import asyncio
import http
import ssl
import sys

import websockets
from websockets.extensions.permessage_deflate import (
    ServerPerMessageDeflateFactory)

MIB = 1 << 20

# What is agreed on at each path.
PATHS = {
    "/plain": None,
    "/deflate": {},
    "/deflate9": {"server_max_window_bits": 9, "client_max_window_bits": 9},
    "/deflate_no_takeover": {"server_no_context_takeover": True,
                             "client_no_context_takeover": True},
}


async def order(ws, text):
    word, _, rest = text.partition(" ")
    if word == "/close":
        code, _, reason = rest.partition(" ")
        await ws.close(int(code), reason)
    elif word == "/ping":
        await ws.ping(rest)
    elif word == "/fragments":
        await ws.send([f"part {n} é " for n in range(int(rest), 0, -1)])
    elif word == "/terminate":
        ws.transport.abort()
    elif word == "/raw":  # bytes, past all rules
        ws.transport.write(bytes.fromhex(rest))
    else:
        return False
    return True


async def speak(ws):
    try:
        async for message in ws:
            if isinstance(message, bytes) or not await order(ws, message):
                await ws.send(message)
    except websockets.ConnectionClosedError:
        pass  # as it was asked for, or told


class Protocol(websockets.WebSocketServerProtocol):
    """The path says which extensions there are."""

    async def process_request(self, path, request_headers):
        if path not in PATHS:
            return http.HTTPStatus.FORBIDDEN, [], b"no\n"
        self.available_extensions = [] if PATHS[path] is None else [
            ServerPerMessageDeflateFactory(**PATHS[path])]
        return None


async def listen(context=None):
    server = await websockets.serve(
        speak, "127.0.0.1", 0, create_protocol=Protocol, max_size=32 * MIB,
        subprotocols=["echo"], compression=None, ssl=context)
    return server.sockets[0].getsockname()[1]


async def main(certificate=None, key=None):
    line = f"listening on 127.0.0.1:{await listen()}"
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        line += f", 127.0.0.1:{await listen(context)}"
    print(line, flush=True)
    await asyncio.Future()


asyncio.run(main(*sys.argv[1:]))
