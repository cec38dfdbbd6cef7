// SPDX-License-Identifier: MIT
// An HTTP server that answers with what it was asked, as JSON; /status/N with
// that status, /redirect with one to /to.  Arguments: port.
"use strict";
const http = require("http");

http.createServer((request, answer) => {
    const pieces = [];

    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => {
        if (request.url === "/redirect") {
            answer.writeHead(302, {Location: "/to"});
            answer.end();
            return;
        }
        if (request.url.startsWith("/status/")) {
            answer.writeHead(Number(request.url.slice(8)));
            answer.end();
            return;
        }
        answer.setHeader("Content-Type", "application/json");
        answer.setHeader("Set-Cookie", "s=1; Path=/; Max-Age=1000");
        answer.end(JSON.stringify({
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: Buffer.concat(pieces).toString("latin1"),
        }));
    });
}).listen(Number(process.argv[2]), "127.0.0.1");
