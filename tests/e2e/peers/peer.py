#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What test_client.py asks of every server, on Python's http.server.

    peer.py 1.0|1.1 [CERTIFICATE KEY]
"""

import gzip
import http.server
import ssl
import sys
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/" + sys.argv[1]
    connections = 0
    # The head and the body in one send: Nagle would hold the second back.
    wbufsize = 65536

    def setup(self):
        super().setup()
        Handler.connections += 1

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass

    def send(self, status, body=b"", **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204 and not (self.protocol_version == "HTTP/1.0"
                                  and self.path == "/hello"):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(body)

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers["Content-Length"] or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def pieces(self):
        text = [b"piece %d\n" % i for i in range(100)]
        if self.protocol_version == "HTTP/1.0":
            self.send(200, b"".join(text))
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in text:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\nX-Sum: 100\r\n\r\n")

    def redirect(self, query):
        self.body()
        fields = urllib.parse.parse_qs(query)
        self.send(int(fields["code"][0]), Location=fields["to"][0])

    def echo(self):
        body = self.body()
        self.send(200, body, X_Method=self.command,
                  X_Type=self.headers["Content-Type"] or "",
                  X_Length=self.headers["Content-Length"] or "-1")

    def answer(self):
        path, _, query = self.path.partition("?")
        if path == "/hello":
            self.send(200, b"hello\n", Content_Type="text/plain")
        elif path == "/count":
            self.send(200, b"%d" % Handler.connections)
        elif path == "/zipped":
            text = b"".join(b"line %d\n" % i for i in range(10000))
            self.send(200, gzip.compress(text), Content_Type="text/plain",
                      Content_Encoding="gzip")
        elif path == "/pieces":
            self.pieces()
        elif path == "/echo":
            self.echo()
        elif path == "/redirect":
            self.redirect(query)
        elif path == "/empty":
            self.send(204)
        elif path == "/refuse":
            self.close_connection = True
            self.send(413, Connection="close")
        else:
            self.send(404)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer
    do_OPTIONS = answer


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(f"listening on 127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
