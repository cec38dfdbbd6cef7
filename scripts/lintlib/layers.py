# SPDX-License-Identifier: MIT
"""Who may include whom, and which files may speak to the system."""

import os
import re

from .source import Finding

# From the bottom up.  Folders in one tuple are on one level and do not include
# each other; net and the backends are one layer in two folders.
LEVELS = (
    ("base",),
    ("net",),
    ("dns",),
    ("tcp", "udp"),
    ("tls",),
    ("http", "ws"),
)
# The layer that declares a public header; the rest belongs to the top one.
PUBLIC = {
    "base": ("base", "error", "alloc", "log", "io"),
    "net": ("addr", "loop", "timer", "watch", "info", "supervise"),
    "dns": ("dns",),
    "tcp": ("tcp",),
    "udp": ("udp",),
    "tls": ("tls",),
    "ws": ("ws", "ws_client"),
}
# The ones through which one folder meets another on its level.
MEETING = {"ws": ("src/http/upgrade.h", "flare/client.h",
                  "flare/call.h")}

SYSTEM_IO = re.compile(
    r"^(sys/(socket|epoll|event|eventfd|timerfd|ioctl|mman|sendfile|select|un|"
    r"stat|resource|syscall|random)|netinet/.*|arpa/.*|net/if|netdb|poll|"
    r"unistd|fcntl|signal|linux/.*|liburing.*)\.h$")
# file, as a prefix: the headers it may include beyond its layer's.
SYSTEM_ALLOWED = (
    ("backends/", re.compile(r".*")),
    ("src/net/sock.", re.compile(r".*")),
    ("src/net/sock_option.", re.compile(r".*")),
    ("src/net/clock.", re.compile(r".*")),
    ("src/net/worker.", re.compile(r".*")),
    ("src/net/signal.", re.compile(r".*")),
    ("src/net/user_watch.", re.compile(r"^(sys/stat|poll)\.h$")),
    ("src/net/file.", re.compile(r".*")),
    ("src/net/handoff", re.compile(r".*")),
    ("src/net/inherit.", re.compile(r".*")),
    ("src/net/lines.", re.compile(r".*")),
    ("src/net/listen_set.", re.compile(r".*")),
    ("src/net/notify.", re.compile(r".*")),
    ("src/net/os", re.compile(r".*")),
    ("src/net/random.", re.compile(r".*")),
    ("src/net/steer", re.compile(r".*")),
    ("src/net/supervise", re.compile(r".*")),
    ("src/net/takeover.", re.compile(r".*")),
    ("src/net/part_file.", re.compile(r"^(fcntl|sys/stat|unistd)\.h$")),
    ("src/net/choose.", re.compile(r".*")),
    ("src/net/watchdog.", re.compile(r"^signal\.h$")),
    ("src/net/whole_file.", re.compile(r".*")),
    ("src/net/offload.", re.compile(r"^signal\.h$")),
    ("src/dns/system.", re.compile(r"^(netdb|netinet/in|sys/socket)\.h$")),
    ("src/udp/system.", re.compile(r".*")),
    ("src/tls/kernel.", re.compile(r"^(linux/tls|netinet/(in|tcp))\.h$")),
    ("src/base/assert.c", re.compile(r"^unistd\.h$")),
)
LIBRARIES = (
    (re.compile(r"^openssl/"), re.compile(r"^src/tls/"), "src/tls"),
    (re.compile(r"^zlib\.h$"), re.compile(r"^src/(http/(coding|deflate|inflate)|ws/deflate)"),
     "the content codings and permessage-deflate"),
    (re.compile(r"^liburing"), re.compile(r"^(backends/uring|bench/)"),
     "backends/uring"),
)


def layer_of(path):
    """The layer of a file below the root, or None above all of them."""
    if path.startswith("backends/"):
        return "net"
    parts = path.split("/")
    return parts[1] if parts[0] == "src" and len(parts) > 2 else None


def public_layer(name):
    stem = os.path.splitext(os.path.basename(name))[0]
    for layer, stems in PUBLIC.items():
        if stem in stems:
            return layer
    return "http"


def level(layer):
    for number, folders in enumerate(LEVELS):
        if layer in folders:
            return number
    return None


def target_of(include):
    """The path of a quoted include below the root."""
    if include.name.startswith(("backends/", "tests/", "bench/", "fuzz/",
                                "tools/")):
        return include.name
    return "src/" + include.name


def may_include(mine, other, target):
    if mine == other or target in MEETING.get(mine, ()):
        return True
    return level(other) is not None and level(other) < level(mine)


def check_library_include(tree, source, include, mine):
    if include.system and include.name.startswith("flare/"):
        other, target = public_layer(include.name), include.name
    elif include.system:
        return None
    else:
        target = target_of(include)
        if not tree.exists(target):
            return f'"{include.name}" is no file below src or the top'
        if re.match(r"backends/sim\b", target) and \
                not source.path.startswith("backends/sim"):
            return "the simulated backend is for tests only"
        other = layer_of(target)
    if not may_include(mine, other, target):
        return f"layer {mine} must not include {target} of {other or 'tests'}"
    return None


def check_layers(tree):
    """A file includes its own layer and those below."""
    for source in tree.sources:
        mine = layer_of(source.path)
        for include in source.includes():
            text = None
            if mine is not None:
                if level(mine) is None:
                    text = f"src/{mine} is not in the list of layers"
                else:
                    text = check_library_include(tree, source, include, mine)
            elif source.path.startswith(("examples/", "tools/")):
                beside = os.path.join(os.path.dirname(source.path),
                                      include.name)
                in_tools = (include.name.startswith("tools/") and
                            source.path.startswith("tools/") and
                            tree.exists(include.name))
                if not (include.system or in_tools or tree.exists(beside)):
                    text = "examples and tools see public headers only"
            elif source.path.startswith(("tests/", "fuzz/")):
                if not include.system and not tree.exists(target_of(include)):
                    text = f'"{include.name}" is no path of the tree'
            elif source.path.startswith("include/") and not include.system:
                text = "a public header includes <flare/...> only"
            if text:
                yield Finding(source.path, include.line, "layers", text)


def check_system(tree):
    """System I/O, OpenSSL, zlib and liburing stay where they belong."""
    for source in tree.sources:
        in_library = source.path.startswith(("src/", "include/", "backends/"))
        for include in source.includes():
            if not include.system or not in_library:
                continue
            for library, where, text in LIBRARIES:
                if library.match(include.name) and \
                        not where.match(source.path):
                    yield Finding(source.path, include.line, "system",
                                  f"<{include.name}> belongs to {text}")
            if SYSTEM_IO.match(include.name) and not any(
                    source.path.startswith(prefix) and
                    allowed.match(include.name)
                    for prefix, allowed in SYSTEM_ALLOWED):
                yield Finding(source.path, include.line, "system",
                              f"<{include.name}> is system I/O")


def check_own_header(tree):
    """A .c file includes its own header first, which proves it complete."""
    for source in tree.sources:
        if not source.path.endswith(".c"):
            continue
        header = source.path[:-2] + ".h"
        if not tree.exists(header):
            continue
        first = next(source.includes(), None)
        if first is None or first.system or target_of(first) != header:
            yield Finding(source.path, first.line if first else 1,
                          "own-header", f"includes {header} first")
