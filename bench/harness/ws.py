# SPDX-License-Identifier: MIT
"""The WebSocket echo: floors that send back what they get, bench/ws_echo, and
the peers: libwebsockets, and uWebSockets where a copy of it is."""

import base64
import glob
import hashlib
import json
import os
import shutil
import socket
import subprocess
import time

from . import build, measure, servers

PROGRAMS = {"floor-uring": "bench/floor_uring", "floor-epoll": "bench/floor_echo",
            "flare-uring": "bench/ws_echo", "flare-epoll": "bench/ws_echo",
            "lws": "bench/lws_echo", "ws_room": "bench/ws_room"}
TARGETS = ("floor-uring", "floor-epoll", "flare-uring", "flare-epoll", "lws",
           "uws")
PAIRS = tuple((ours, base) for ours in ("flare-uring", "flare-epoll")
              for base in ("floor-" + ours[6:], "lws", "uws"))
# Bytes of a message, connections, messages in flight.
SHAPES = ((32, 64, 1), (32, 256, 1), (32, 64, 16), (1024, 64, 1),
          (16384, 64, 1), (16384, 256, 1))
# What the issue asks of shapes: CPU over the floor's of the same backend.
WANTED = {(32, 64, 1): 1.08, (32, 256, 1): 1.08, (32, 64, 16): 1.20}
# Who has a room.
ROOMS = ("flare-uring", "flare-epoll", "uws")
ROOM_BYTES = 32
# More than any server has receive buffers.
WARM_MESSAGES = 8192
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def uws_echo(copies, folder):
    """Builds bench/peers/uws_echo.cpp with `copies`/uWebSockets and /uSockets,
    which are not ours to fetch; gives the program's path."""
    source = os.path.join(build.TOP, "bench", "peers", "uws_echo.cpp")
    path = os.path.join(build.TOP, folder, "bench", "uws_echo")
    if os.path.exists(path) and \
            os.path.getmtime(path) >= os.path.getmtime(source):
        return path
    sockets = os.path.join(os.path.abspath(copies), "uSockets", "src")
    files = [file for below in ("", "eventing", "crypto")
             for file in glob.glob(os.path.join(sockets, below, "*.c"))]
    if not files:
        raise build.BuildError(f"no uSockets in {copies}")
    objects = path + ".objects"
    os.makedirs(objects, exist_ok=True)
    flags = ["-O3", "-flto", "-DLIBUS_NO_SSL", "-DUWS_NO_ZLIB", "-I" + sockets,
             "-I" + os.path.join(os.path.abspath(copies), "uWebSockets", "src")]
    made = []
    with open(path + ".log", "w", encoding="utf-8") as log:
        for file in files:
            made.append(os.path.join(
                objects, os.path.basename(os.path.dirname(file)) + "_" +
                os.path.basename(file) + ".o"))
            build.run(["cc", "-std=c11", *flags, "-c", "-o", made[-1], file],
                      log)
        build.run(["c++", "-std=c++20", *flags, "-o", path, source, *made], log)
    shutil.rmtree(objects)
    return path


def programs(names, folder, uwebsockets=None):
    """Paths of what `names` and the load run."""
    paths = build.programs([name for name in names if name != "uws"] + ["load"],
                           folder, PROGRAMS)
    if "uws" in names:
        paths["uws"] = uws_echo(uwebsockets, folder)
    return paths


class Server(servers.Server):
    """One of TARGETS; says itself when it listens."""

    def command(self, program):
        if self.name.startswith("floor-"):
            echo = ["-e"] if self.name == "floor-uring" else []
            return [program, "-a", servers.ADDRESS, "-p", str(self.port),
                    *echo], {}
        if self.name.startswith("flare-"):
            return [program, f"{servers.ADDRESS}:{self.port}"], \
                {"FLARE_BACKEND": self.name.split("-")[1]}
        return [program, str(self.port)], {}


def start_all(names, paths, cpu, nice=0):
    running = []
    try:
        for name in names:
            running.append(Server(name, paths[name], cpu, nice))
    except BaseException:
        servers.stop_all(running)
        raise
    return running


def connect(server, path="/"):
    """A socket that speaks WebSocket, if the target does."""
    peer = socket.create_connection((servers.ADDRESS, server.port), 10)
    if server.name.startswith("floor-"):
        return peer
    key = base64.b64encode(os.urandom(16))
    peer.sendall(b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                 b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                 b"Sec-WebSocket-Key: %s\r\n\r\n" % (path.encode(), key))
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = peer.recv(1)
        if not byte:
            raise OSError("no answer to the upgrade")
        head += byte
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    if not head.startswith(b"HTTP/1.1 101 ") or accept not in head:
        raise OSError(f"refuses the upgrade: {head.splitlines()[0]!r}")
    return peer


def frame(payload, key=None):
    """An unfragmented binary message (RFC 6455 section 5.2)."""
    bit = 0x80 if key else 0
    size = len(payload)
    if size < 126:
        head = bytes((0x82, bit | size))
    elif size < 65536:
        head = bytes((0x82, bit | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x82, bit | 127)) + size.to_bytes(8, "big")
    if key is None:
        return head + payload
    pad = (key * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")
    return head + key + masked.to_bytes(size, "big")


def receive(peer, size):
    got = b""
    while len(got) < size:
        more = peer.recv(size - len(got))
        if not more:
            raise OSError(f"closed after {len(got)} bytes")
        got += more
    return got


def check(server, sizes):
    """A verdict as integrity.check gives it: do messages come back as they
    were, unmasked, in frames without a surplus byte?"""
    wrong = []
    try:
        with connect(server) as peer:
            for size in sizes:
                payload = os.urandom(size)
                sent = frame(payload, os.urandom(4))
                want = sent if server.name.startswith("floor-") else \
                    frame(payload)
                peer.sendall(sent)
                if receive(peer, len(want)) != want:
                    wrong.append(f"{size} bytes come back as others")
    except OSError as error:
        wrong.append(str(error) or "timeout")
    return {"target": server.name, "bytes": sum(sizes), "told": [],
            "wrong": wrong}


def run_load(load, running, shape, options):
    """The load generator's lines for messages of one shape."""
    size, connections, depth = shape
    argv = [load, "--ws", str(size), "--connections", str(connections),
            "--depth", str(depth), "--rotations", str(options.rotations),
            "--budget", str(options.seconds),
            "--slice-ms", str(options.slice_ms)]
    for server in running:
        pids = ",".join(str(pid) for pid in server.pids())
        argv.append(f"{server.name}@{servers.ADDRESS}:{server.port}@{pids}")
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: servers.prepare(options.load_cpu, options.nice))
    if done.returncode != 0:
        raise measure.LoadError(done.stderr.strip() or "the load failed")
    return [json.loads(line) for line in done.stdout.splitlines()]


def run_shape(load, running, shape, options):
    """One group as report.print_table wants it.  `options` has rotations,
    seconds, slice_ms, load_cpu, nice."""
    size, connections, depth = shape
    targets = measure.summarise(run_load(load, running, shape, options))
    return {"connections": connections, "depth": depth, "bytes": size,
            "rotations": max(t["rotations"] for t in targets),
            "targets": targets}


def faults(group):
    """What of the group's figures is not what is wanted."""
    shape = (group["bytes"], group["connections"], group["depth"])
    told = []
    for target in group["targets"]:
        name = target["target"]
        if not name.startswith("flare-"):
            continue
        if not target["rotations"] or target["error"]:
            told.append(f"{name}: {target['error']}")
            continue
        bounds = {peer: 1.0 for peer in ("lws", "uws")}
        if shape in WANTED:
            bounds["floor-" + name[6:]] = WANTED[shape]
        for base, bound in bounds.items():
            found = target["to"].get(base)
            if found and found[1] > bound:
                told.append(f"{name} is {found[1]:.3f} of {base}, not "
                            f"{bound:.2f}")
    return told


def anonymous(server):
    """Bytes of memory that only the target's processes have."""
    size = 0
    for pid in server.pids():
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
            size += sum(int(line.split()[1]) * 1024 for line in file
                        if line.startswith("Anonymous:"))
    return size


def echoed(peer, server):
    peer.sendall(frame(b"idle", b"\1\2\3\4"))
    receive(peer, 10 if server.name.startswith("floor-") else 6)


def idle_bytes(server, count):
    """Of each connection that has had one message echoed and waits, beyond
    what the server holds after traffic that touches all its buffers."""
    warm = [connect(server) for _ in range(16)]
    for i in range(WARM_MESSAGES):
        echoed(warm[i % 16], server)
    for peer in warm:
        peer.close()
    time.sleep(0.3)
    before = anonymous(server)
    peers = []
    for _ in range(count):
        peers.append(connect(server))
        echoed(peers[-1], server)
    time.sleep(0.3)
    held = anonymous(server)
    for peer in peers:
        peer.close()
    return (held - before) / count


def run_room(program, server, options):
    """One publisher and options.room subscribers for options.seconds: what
    was published and delivered, the server's CPU time and the latencies."""
    pids = ",".join(str(pid) for pid in server.pids())
    done = subprocess.run(
        [program, str(server.port), str(options.room), str(ROOM_BYTES),
         str(options.seconds), pids],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        preexec_fn=lambda: servers.prepare(options.load_cpu, options.nice))
    if done.returncode != 0:
        raise measure.LoadError(f"{server.name}: {done.stderr.strip()}")
    told = json.loads(done.stdout)
    return {"published": told["published"], "delivered": told["delivered"],
            "s": told["elapsed_ns"] / 1e9,
            "cpu_us": told["server_cpu_ns"] / told["delivered"] / 1e3,
            "p50_ms": told["p50_ns"] / 1e6, "p99_ms": told["p99_ns"] / 1e6}
