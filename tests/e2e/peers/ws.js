// SPDX-License-Identifier: MIT
// npm's ws as the other end, for tests/e2e/test_ws_node.py.
//
//   node ws.js client URL KIND PID [NAME ...]  the cases of these names, against the
//       server at URL; KIND is "plain" or "deflate"; PID is the server's, which
//       the last case ends.  A line for each: "ok NAME" or "FAIL NAME: why".
//   node ws.js server [CERTIFICATE KEY]        an echo, on two ports of its own
//       with a certificate: "listening on 127.0.0.1:N[, 127.0.0.1:M]".  The
//       path says how: see `paths`.
'use strict';

const assert = require('assert');
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const https = require('https');
const WebSocket = require('ws');

const MIB = 1 << 20;

// ---- as a client ----

function connect(peer, options = {}, path = '/echo', protocols = []) {
    const ws = new WebSocket(peer.url + path, protocols, {
        perMessageDeflate: peer.deflate,
        rejectUnauthorized: false,
        maxPayload: 64 * MIB,
        ...options,
    });
    const waiting = [];
    const inbox = [];

    ws.on('message', (data, isBinary) => {
        const message = isBinary ? data : data.toString();

        if (waiting.length > 0)
            waiting.shift()(message);
        else
            inbox.push(message);
    });
    ws.next = () => inbox.length > 0
        ? Promise.resolve(inbox.shift())
        : new Promise(resolve => waiting.push(resolve));
    ws.ended = new Promise(resolve => ws.on(
        'close', (code, reason) => resolve([code, reason.toString()])));
    ws.opened = new Promise((resolve, reject) => {
        ws.on('open', () => resolve(ws));
        ws.on('error', reject);
        ws.on('unexpected-response', (request, response) => {
            request.destroy();
            reject(new Error(`status ${response.statusCode}`));
        });
    });
    return ws.opened;
}

async function done(ws) {
    ws.close(1000);
    assert.deepStrictEqual(await ws.ended, [1000, '']);
}

function same(got, wanted, what) {
    if (Buffer.isBuffer(wanted))
        assert(Buffer.isBuffer(got) && wanted.equals(got), what);
    else
        assert(got === wanted, what);
}

const cases = {
    async lengths(peer) {
        const ws = await connect(peer);

        for (const n of [0, 1, 125, 126, 127, 4096, 65535, 65536, 300000])
            for (const message of [crypto.randomBytes(n), 'é'.repeat(n)]) {
                ws.send(message);
                same(await ws.next(), message, `${n} bytes`);
            }
        await done(ws);
    },

    async sixteen_mib(peer) {
        const ws = await connect(peer);
        const random = Buffer.concat(
            Array(16).fill(crypto.randomBytes(MIB)));

        for (const message of [random, 'x'.repeat(16 * MIB)]) {
            ws.send(message);
            same(await ws.next(), message, '16 MiB');
        }
        ws.send(Buffer.alloc(16 * MIB + 1));
        assert.strictEqual((await ws.ended)[0], 1009);
    },

    async fragments(peer) {
        const ws = await connect(peer);
        const parts = Array.from({length: 200}, (_, i) => `part ${i} é😀 `);

        for (const compress of [true, false]) {
            parts.forEach((part, i) => ws.send(
                part, {fin: i === parts.length - 1, compress}));
            same(await ws.next(), parts.join(''), 'text in fragments');
        }
        // 16 MiB in pieces of no particular size, pings between them
        const whole = crypto.randomBytes(16 * MIB);
        for (let at = 0, n; at < whole.length; at += n) {
            n = Math.min(50021, whole.length - at);
            ws.send(whole.subarray(at, at + n), {
                binary: true, fin: at + n === whole.length});
            if (at % 20 === 0)
                ws.ping('between');
        }
        same(await ws.next(), whole, 'binary in fragments');
        await done(ws);
    },

    async many_at_once(peer) {
        const ws = await connect(peer);

        for (let i = 0; i < 2000; i++)
            ws.send(`message ${i}`);
        for (let i = 0; i < 2000; i++)
            same(await ws.next(), `message ${i}`, `message ${i}`);
        await done(ws);
    },

    async pings(peer) {
        const ws = await connect(peer);

        for (const payload of ['', 'x', 'y'.repeat(125)]) {
            const pong = new Promise(resolve => ws.once('pong', resolve));

            ws.ping(payload);
            same((await pong).toString(), payload, 'pong');
        }
        ws.pong('nobody has asked');
        ws.send('still there');
        same(await ws.next(), 'still there', 'after a pong');
        await done(ws);
    },

    async closes(peer) {
        for (const [code, reason] of [
            [1000, ''], [1000, 'bye'], [1001, ''], [1003, 'é'], [1011, ''],
            [3000, ''], [4000, 'x'.repeat(123)], [4999, '']]) {
            const ws = await connect(peer);

            ws.close(code, reason);
            const [told] = await ws.ended;
            assert.strictEqual(told, code);
        }
        const ws = await connect(peer);
        ws.close();
        assert.strictEqual((await ws.ended)[0], 1005);
    },

    // What ws never sends, written past it: the server's own closes.
    async closes_of_the_server(peer) {
        for (const [hex, code] of [
            ['8101 78', 1002],                    // not masked
            ['b181 00000000 78', 1002],           // RSV2 and RSV3
            ['8381 00000000 78', 1002],           // opcode 3
            ['8182 00000000 c3c3', 1007],         // no UTF-8
            ['8882 00000000 03ed', 1002],         // 1005 is never sent
            ['82ff 7fffffffffffffff 00000000', 1009]]) {
            const ws = await connect(peer);

            ws._socket.write(Buffer.from(hex.replace(/ /g, ''), 'hex'));
            assert.strictEqual((await ws.ended)[0], code, hex);
        }
    },

    async subprotocols(peer) {
        const ws = await connect(peer, {}, '/echo', ['x', 'echo', 'y']);

        assert.strictEqual(ws.protocol, 'echo');
        await done(ws);
        // one the server does not speak: ws wants one if it has asked
        await assert.rejects(connect(peer, {}, '/echo', ['x']),
                             /no subprotocol/);
    },

    async origins(peer) {
        const evil = {origin: 'https://evil.example'};

        await assert.rejects(connect(peer, evil), /status 403/);
        await assert.rejects(connect(peer, evil, '/shared'), /status 403/);
        await done(await connect(
            peer, {origin: 'https://flare.example'}, '/shared'));
    },

    async parameters(peer) {
        const yes = [undefined, true];
        const bits = [undefined, 9, 12, 15];
        const text = 'to be or not to be '.repeat(5000);

        for (const serverNoContextTakeover of yes)
        for (const clientNoContextTakeover of yes)
        for (const serverMaxWindowBits of bits)
        for (const clientMaxWindowBits of [true, ...bits.slice(1)]) {
            const ws = await connect(peer, {perMessageDeflate: {
                serverNoContextTakeover, clientNoContextTakeover,
                serverMaxWindowBits, clientMaxWindowBits, threshold: 0}});

            assert.match(ws.extensions, /permessage-deflate/);
            for (const message of ['', 'x', text, text,
                                   crypto.randomBytes(70000)]) {
                ws.send(message);
                same(await ws.next(), message, ws.extensions);
            }
            await done(ws);
        }
    },

    async five_hundred(peer) {
        const all = await Promise.all(
            Array.from({length: 500}, () => connect(peer)));

        for (let turn = 0; turn < 5; turn++) {
            all.forEach((ws, i) => ws.send(`${i} ${turn}`));
            await Promise.all(all.map(async (ws, i) => same(
                await ws.next(), `${i} ${turn}`, 'its own')));
        }
        await Promise.all(all.map(done));
    },

    // The last: the server is gone then.
    async drains_with_1001(peer) {
        const all = await Promise.all(
            Array.from({length: 20}, () => connect(peer)));

        process.kill(peer.pid, 'SIGTERM');
        for (const ws of all)
            assert.strictEqual((await ws.ended)[0], 1001);
    },
};

async function runCases(url, kind, pid, words) {
    const peer = {url, deflate: kind === 'deflate', pid: Number(pid)};

    for (const [name, run] of Object.entries(cases)) {
        if (words.length > 0 && !words.includes(name))
            continue;
        try {
            await run(peer);
            console.log(`ok ${name}`);
        } catch (error) {
            console.log(`FAIL ${name}: ` +
                        String(error.stack).replace(/\n/g, ' | '));
        }
    }
    process.exit(0);
}

// ---- as a server ----

// What is agreed on at each path; what is not named is ws's default.
const paths = {
    '/plain': {perMessageDeflate: false},
    '/deflate': {perMessageDeflate: {threshold: 0}},
    '/deflate9': {perMessageDeflate: {
        threshold: 0, serverMaxWindowBits: 9, clientMaxWindowBits: 9}},
    '/deflate_no_takeover': {perMessageDeflate: {
        threshold: 0, serverNoContextTakeover: true,
        clientNoContextTakeover: true}},
};

function command(ws, text) {
    const [word, ...rest] = text.split(' ');

    if (word === '/close')
        ws.close(rest[0] ? Number(rest[0]) : undefined,
                 rest.slice(1).join(' '));
    else if (word === '/ping')
        ws.ping(rest.join(' '));
    else if (word === '/fragments')
        for (let n = Number(rest[0]); n > 0; n--)
            ws.send(`part ${n} é `, {fin: n === 1});
    else if (word === '/terminate')
        ws.terminate();
    else if (word === '/raw') // bytes, past all rules
        ws._socket.write(Buffer.from(rest[0], 'hex'));
    else
        return false;
    return true;
}

function serveOn(server) {
    const speakers = {};

    for (const [path, options] of Object.entries(paths)) {
        speakers[path] = new WebSocket.Server({
            noServer: true, maxPayload: 64 * MIB, ...options,
            handleProtocols: set => set.has('echo') ? 'echo' : false});
        speakers[path].on('connection', ws => {
            ws.on('error', () => {});
            ws.on('message', (data, isBinary) => {
                if (isBinary || !command(ws, data.toString()))
                    ws.send(data, {binary: isBinary});
            });
        });
    }
    server.on('upgrade', (request, socket, head) => {
        const speaker = speakers[request.url];

        socket.on('error', () => {}); // who is refused may be gone at once
        if (speaker)
            speaker.handleUpgrade(request, socket, head, ws =>
                speaker.emit('connection', ws, request));
        else
            socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n' +
                       '\r\nno');
    });
    return new Promise(resolve => server.listen(
        0, '127.0.0.1', () => resolve(server.address().port)));
}

async function serve(certificate, key) {
    let line = 'listening on 127.0.0.1:' + await serveOn(http.createServer());

    if (certificate)
        line += ', 127.0.0.1:' + await serveOn(https.createServer({
            cert: fs.readFileSync(certificate), key: fs.readFileSync(key)}));
    console.log(line);
}

const [, , role, ...rest] = process.argv;
if (role === 'client')
    runCases(rest[0], rest[1], rest[2], rest.slice(3));
else
    serve(...rest);
