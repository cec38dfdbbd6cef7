// SPDX-License-Identifier: MIT
// What tests/e2e/test_client.py asks of every server, on node's http.
//
//   node peer.js [CERTIFICATE KEY]
'use strict';

const fs = require('fs');
const http = require('http');
const https = require('https');
const zlib = require('zlib');

let connections = 0;

function hello(request, response) {
    response.setHeader('Content-Type', 'text/plain');
    response.end('hello\n');
}

function count(request, response) {
    response.end(String(connections));
}

function zipped(request, response) {
    let text = '';

    for (let i = 0; i < 10000; i++)
        text += `line ${i}\n`;
    response.setHeader('Content-Type', 'text/plain');
    response.setHeader('Content-Encoding', 'gzip');
    response.end(zlib.gzipSync(text));
}

function pieces(request, response) {
    response.setHeader('Trailer', 'X-Sum');
    for (let i = 0; i < 100; i++)
        response.write(`piece ${i}\n`);
    response.addTrailers({'X-Sum': '100'});
    response.end();
}

function echo(request, response) {
    const parts = [];

    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
        response.setHeader('X-Method', request.method);
        response.setHeader('X-Type', request.headers['content-type'] || '');
        response.setHeader('X-Length',
                           request.headers['content-length'] || '-1');
        response.end(Buffer.concat(parts));
    });
}

function redirect(request, response) {
    const query = new URL(request.url, 'http://here').searchParams;

    response.setHeader('Location', query.get('to'));
    response.statusCode = Number(query.get('code'));
    response.end();
}

// Answers without having read the body.
function refuse(request, response) {
    response.statusCode = 413;
    response.end();
}

function empty(request, response) {
    response.statusCode = 204;
    response.end();
}

const paths = {'/hello': hello, '/count': count, '/zipped': zipped,
               '/pieces': pieces, '/echo': echo, '/redirect': redirect,
               '/refuse': refuse, '/empty': empty};

function answer(request, response) {
    const run = paths[request.url.split('?')[0]];

    if (run) {
        run(request, response);
        return;
    }
    response.statusCode = 404;
    response.end();
}

const server = process.argv.length > 3
    ? https.createServer({cert: fs.readFileSync(process.argv[2]),
                          key: fs.readFileSync(process.argv[3])}, answer)
    : http.createServer(answer);
server.on('connection', () => connections++);
server.listen(0, '127.0.0.1', () => {
    console.log(`listening on 127.0.0.1:${server.address().port}`);
});
